"""Rims as surfaces: which of their points is nearest, and how they come to pass through points that are given."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

FINER = 3  # between two rows or columns, how many steps rims are looked at in
FLAT = 1e-9  # added to squared tangents, which vanish where columns are one
FARTHEST_RIM, BEYOND_BORDER = 0.006, 0.004  # head units off rims and off their borders within which points are on them
RIM_BLURS = (0.006, 0.003, 0.002, 0.002, 0.002)  # head units over which rims follow points, ever more closely
FEW_POINTS = 0.3  # of a point, against which its say is weighed
NEAR = 512  # points whose distances are taken at a time


@dataclass(frozen=True)
class NearestOnRims:
    """Where rims ``[2, R, C, 3]`` are nearest to points ``[K, 3]``.

    Attributes:
        surface: the nearest points ``[K, 3]``.
        side: whether they are on the upper rim (0) or the lower (1) ``[K]``.
        border: whether they are on its first or last row ``[K]``.
        weights: what of every point of the grid they are ``[K, 2 * R * C]``.
    """

    surface: Tensor
    side: Tensor
    border: Tensor
    weights: Tensor

    @classmethod
    def of(cls, grid: Tensor, points: Tensor) -> "NearestOnRims":
        """Look for the nearest points of a grid ``[2, R, C, 3]``: of a finer one, and from there on its tangents."""
        rows, columns = grid.shape[1:3]
        finer = _finer(grid)
        index = torch.cat([torch.cdist(some, finer.flatten(0, 2)).argmin(dim=1) for some in points.split(NEAR)])
        side, row, column = torch.unravel_index(index, finer.shape[:3])
        tangents = [_finer(each)[side, row, column] for each in torch.gradient(grid, dim=(1, 2))]
        step = _on_tangents(points - finer[side, row, column], torch.stack(tangents, dim=-1))
        row = (row / FINER + step[:, 0]).clamp(0.0, rows - 1.0)
        column = (column / FINER + step[:, 1]).clamp(0.0, columns - 1.0)
        weights = _bilinear(grid.shape, side, row, column)
        border = (row == 0.0) | (row == rows - 1.0)
        return cls(weights @ grid.reshape(-1, 3), side, border, weights)


@dataclass(frozen=True)
class RimFit:
    """How rims follow points that lie on them: wherever these are, and linearly.

    An identity's own points lie where the warp takes the mean head's but for the warp's error, and it is these that
    should meet.

    Attributes:
        on_rims: indices of the points ``[K]``.
        weights: what of every point of the grid they are ``[K, 2 * R * C]``.
        pull: how far points of the grid go per unit that given points are off ``[2 * R * C, K]``.
    """

    on_rims: Tensor
    weights: Tensor
    pull: Tensor

    @classmethod
    def of(cls, grid: Tensor, points: Tensor, near: Tensor) -> "RimFit":
        """Find which of the points ``[N, 3]`` near rims ``[2, R, C, 3]`` are on them, and their pull.

        Args:
            grid: the rims.
            points: in the space of the grid.
            near: indices of those that may be on the rims.
        """
        found = NearestOnRims.of(grid, points[near])
        farthest = torch.where(found.border, BEYOND_BORDER, FARTHEST_RIM)
        on_rims = (points[near] - found.surface).norm(dim=1) < farthest
        weights, side = found.weights[on_rims], found.side[on_rims]
        distance = torch.cdist(grid.flatten(1, 2), points[near[on_rims]][None].expand(2, -1, -1))
        same_side = torch.stack([side == 0, side == 1])[:, None]
        pull, left = torch.zeros_like(weights.T), torch.eye(len(weights)).to(weights)
        for blur in RIM_BLURS:
            say = (torch.exp(-((distance / blur) ** 2)) * same_side).flatten(0, 1)
            pull = pull + (say / (say.sum(dim=1, keepdim=True) + FEW_POINTS)) @ left
            left = torch.eye(len(weights)).to(weights) - weights @ pull
        return cls(near[on_rims], weights, pull)

    def moved(self, rims: Tensor, points: Tensor) -> Tensor:
        """Places or fields ``[..., 2 * R * C, 3]`` of rims that pass through points with those ``[..., N, 3]``."""
        return rims + self.pull @ (points.index_select(-2, self.on_rims) - self.weights @ rims)


def _finer(grid: Tensor) -> Tensor:
    """A grid ``[2, R, C, 3]`` with ``FINER`` steps in place of one."""
    size = ((grid.shape[1] - 1) * FINER + 1, (grid.shape[2] - 1) * FINER + 1)
    fine = functional.interpolate(grid.permute(0, 3, 1, 2), size=size, mode="bilinear", align_corners=True)
    return fine.permute(0, 2, 3, 1).contiguous()


def _on_tangents(offset: Tensor, tangents: Tensor) -> Tensor:
    """How many rows and columns further on ``[K, 2]`` offsets ``[K, 3]`` are, along tangents ``[K, 3, 2]``."""
    square = tangents.mT @ tangents
    square = square + FLAT * torch.eye(2).to(square)
    steps = torch.linalg.solve(square, tangents.mT @ offset[..., None])[..., 0]
    return steps.clamp(-1.0 / FINER, 1.0 / FINER)


def _bilinear(shape: torch.Size, side: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """What of every point of grids ``[2, R, C, 3]`` those at fractional rows and columns are ``[K, 2 * R * C]``."""
    rows, columns = shape[1:3]
    weights = row.new_zeros(len(row), 2, rows, columns)
    above, left = row.floor().clamp(max=rows - 2.0), column.floor().clamp(max=columns - 2.0)
    down, right = row - above, column - left
    every = torch.arange(len(row), device=row.device)
    for lower, share in ((0, 1.0 - down), (1, down)):
        weights[every, side, above.long() + lower, left.long()] = share * (1.0 - right)
        weights[every, side, above.long() + lower, left.long() + 1] = share * right
    return weights.flatten(1)
