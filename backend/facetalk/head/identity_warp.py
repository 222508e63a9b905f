"""The identity warp: carries the mean head's canonical space to an identity's, and back.

Heads of one topology correspond point by point, and differ by a deformation that is all but linear in the identity
code. So identity is a warp, and shape in all its detail is learned once, on the mean head (``identity_field``).
"""

import numpy as np
import torch
from scipy.ndimage import zoom
from torch import Tensor, nn
from torch.nn import functional

from facetalk.head.split_field import SplitField, perceptron

FURTHEST = 0.2  # head units: no identity moves a point of a head further; far from all heads the warp knows nothing
INVERSE_STEPS = 8  # at most: four or five do near a head
TOLERANCE = 2e-4  # head units: a step this short leaves an error of 0.01 mm
LATTICE_SPACING = 0.04  # head units between places whose way back is known
FINER = 2  # steps in place of one, once a cubic spline is laid through these places
STEEPEST = 0.5  # slope of the way back that is believed: where it folds, slopes say nothing
CHORD_TOLERANCE = 5e-4  # head units: a step this short, along known slopes, leaves an error of 0.002 mm


class IdentityWarp(nn.Module):
    """``W(x, z) = x + sum_i z_i M_i(x) + sum_j (h_j(z) - h_j(0)) C_j(x)``.

    Args:
        anchors: of the mean head ``[A, 3]``.
        shape_size: S, size of the shape code z.
        parts: P, number of parts that move on their own.
        correctives: J, number of non-linear coefficients.
        hidden: width of the local networks.
    """

    def __init__(self, anchors: Tensor, shape_size: int, parts: int, correctives: int = 8, hidden: int = 64) -> None:
        super().__init__()
        self.field = SplitField(anchors, parts, shape_size + correctives, hidden=hidden)
        self.branch = perceptron([shape_size, 64, 64, correctives])

    def coefficients(self, shapes: Tensor) -> Tensor:
        """Coefficients ``[B, S + J]`` of shape codes ``[B, S]``; the zero code has zero coefficients."""
        return torch.cat([shapes, self.branch(shapes) - self.branch(torch.zeros_like(shapes))], dim=-1)

    def forward(self, points: Tensor, parts: Tensor, shape: Tensor) -> Tensor:
        """Where points ``[N, 3]`` of parts ``[N]`` of the mean head are on the identity of a shape code ``[S]``."""
        return points + self.field.displacement(points, parts, self.coefficients(shape[None])[0])

    def stays(self, shape: Tensor) -> bool:
        """Whether the code ``[S]`` is the mean head's, whose points are where they are, and no gradient is wanted."""
        return not (shape.requires_grad or shape.any())

    def backward_warp(self, points: Tensor, parts: Tensor, shape: Tensor, steps: int = INVERSE_STEPS) -> Tensor:
        """The points ``[N, 3]`` of the mean head that come to lie at points ``[N, 3]`` of an identity.

        By fixed-point iteration: the warp moves neighbours alike, so each step leaves about a sixth of the error. A
        point is left alone once a step moved it less than ``TOLERANCE``. Differentiable in points and code.

        Args:
            points: ``[N, 3]``.
            parts: part of every point ``[N]``.
            shape: shape code ``[S]``.
            steps: at most.
        """
        if self.stays(shape):
            return points
        coefficients = self.coefficients(shape[None])[0]
        sources = points
        rows = torch.arange(len(points), device=points.device)
        for _ in range(steps):
            before = sources[rows]
            nearer = points[rows] - self.moved(before, parts[rows], coefficients)
            sources = sources.index_copy(0, rows, nearer)
            rows = rows[(nearer - before).norm(dim=-1) > TOLERANCE]
            if not len(rows):
                break
        return sources

    def moved(self, points: Tensor, parts: Tensor, coefficients: Tensor) -> Tensor:
        """How far points ``[N, 3]`` of the mean head go, ``FURTHEST`` at most."""
        moves = self.field.displacement(points, parts, coefficients)
        return moves * (FURTHEST / moves.norm(dim=-1, keepdim=True).clamp(min=FURTHEST))


class InverseWarp:
    """The way back from one identity, for many points.

    It is known on a lattice, and so are its slopes: the search begins between these places, and goes on by the chord
    method (Newton's, whose slopes stay those of the lattice). Nine points in ten are there after one step.

    Args:
        warp: whose way back.
        part: of all the points.
        shape: shape code ``[S]``.
        box: lowest and highest corner ``[2, 3]`` of where most points will be.
    """

    def __init__(self, warp: IdentityWarp, part: int, shape: Tensor, box: Tensor) -> None:
        self._warp, self._part, self._shape, self._box = warp, part, shape, box
        axes = [
            torch.linspace(float(low), float(high), 2 + int((high - low) / LATTICE_SPACING), device=box.device)
            for low, high in box.T
        ]
        places = torch.cartesian_prod(*axes).to(box)
        moves = warp.backward_warp(places, self._parts(places), shape) - places
        lattice = _finer(moves.view(*map(len, axes), 3).permute(3, 0, 1, 2))
        spacing = (box[1] - box[0]) / (torch.tensor(lattice.shape[1:]).to(box) - 1.0)
        slopes = torch.stack(torch.gradient(lattice, dim=(1, 2, 3)), dim=1) / spacing[:, None, None, None]
        known = torch.cat([lattice, slopes.clamp(-STEEPEST, STEEPEST).flatten(0, 1)])
        self._known = known.permute(0, 3, 2, 1)[None].contiguous()
        self._coefficients = warp.coefficients(shape[None])[0]

    def __call__(self, points: Tensor) -> Tensor:
        """The points ``[N, 3]`` of the mean head that come to lie at points ``[N, 3]``, as ``backward_warp`` finds."""
        low, high = self._box
        places = ((points - low) / (high - low) * 2.0 - 1.0)[None, None, None]
        known = functional.grid_sample(self._known, places, padding_mode="border", align_corners=True)[0, :, 0, 0].T
        sources, slopes = points + known[:, :3], known[:, 3:].reshape(-1, 3, 3)
        rows = torch.arange(len(points), device=points.device)
        for _ in range(INVERSE_STEPS):
            before = sources[rows]
            off = points[rows] - before - self._warp.moved(before, self._parts(before), self._coefficients)
            step = off + (slopes[rows] @ off[..., None])[..., 0]
            sources = sources.index_copy(0, rows, before + step)
            rows = rows[step.norm(dim=-1) > CHORD_TOLERANCE]
            if not len(rows):
                return sources
        # Far from the head the way back folds, and chords may lead ever further away: a few points in ten thousand.
        found = self._warp.backward_warp(points[rows], self._parts(points[rows]), self._shape)
        return sources.index_copy(0, rows, found)

    def _parts(self, points: Tensor) -> Tensor:
        return torch.full((len(points),), self._part, device=points.device)


def _finer(lattice: Tensor) -> Tensor:
    """A lattice ``[C, X, Y, Z]`` with ``FINER`` steps in place of one, on a cubic spline."""
    scale = [((count - 1) * FINER + 1) / count for count in lattice.shape[1:]]
    finer = np.stack([zoom(channel, scale, order=3, mode="nearest") for channel in lattice.cpu().numpy()])
    return torch.from_numpy(finer).to(lattice)
