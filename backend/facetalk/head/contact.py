"""Contact of facing rims: lips that meet lips, lids that meet lids.

What is known need not be learned: rims may touch but not cross, and what is all but shut is shut. Either rim is a grid
of points (columns from corner to corner, rows around the line of contact) that is posed along with whatever is posed.
At every column of either rim the gap is measured along the height (``rim_gap``), and the column moves by half of what
it should be wider or narrower; what lies around the rims moves along, fading with its distance on the mean head.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from facetalk.head.rim_gap import cut, gaps
from facetalk.head.rim_surface import NearestOnRims, RimFit
from facetalk.head.split_field import displace

LIPS, *LIDS = RIMS = ("lips", "lids_left", "lids_right")  # left and right of the subject
LIP_REACH, LID_REACH = 0.048, 0.02  # head units from the rims over which corrections fade out
LIP_LAP, LID_LAP = 0.0, 0.0003  # head units by which shut rims overlap
TOUCHING_LIPS = 0.0036  # head units (0.9 mm): lips nearer than this are shut
TOUCHING_LIDS = 0.0016
BLINK_REACH = 0.0104  # head units: lids nearer than this, and the former, are shut by a full blink
BLINKING = (0.75, 1.0)  # weights of eyeBlink between which that comes about
EASE = 3.0  # gaps wider than this many times what is taken for shut are left as they are
LIP_CORNERS, LID_CORNERS = 0.2, 0.05  # of the columns, from either corner: gaps are narrow there without being shut
STEEPEST = 2.0  # gap per way from the nearer corner, where rims are one: what is measured as more is another fold's
ROUNDS = 2  # of measuring and moving


@dataclass(frozen=True)
class Rims:
    """Two facing rims on the mean head, in canonical pose.

    Attributes:
        grid: the upper and the lower rim ``[2, R, C, 3]``, head units; columns run from corner to corner by ascending
            x, rows from inside to outside.
        line: the row along which the rims touch.
        reach: head units from the grid over which a correction fades out.
        corners: share of the columns, from either corner, over which less and less is taken for shut.
        lap: head units by which shut rims overlap, so that nothing shows between two columns.
        depth: whether the rims may overlap in height where they do not in depth: lips may, one before the other; the
            edges of lids may not, for both lie on the eyeball.
    """

    grid: Tensor
    line: int
    reach: float
    corners: float
    lap: float
    depth: bool

    @classmethod
    def of(cls, name: str, grid: Tensor, line: int) -> "Rims":
        """The rims of a name in ``RIMS``."""
        if name == LIPS:
            return cls(grid, line, LIP_REACH, LIP_CORNERS, LIP_LAP, depth=True)
        return cls(grid, line, LID_REACH, LID_CORNERS, LID_LAP, depth=False)

    def widenings(self, grid: Tensor, touching: Tensor) -> Tensor:
        """By how much the gap at every column of both rims should be wider than it is ``[T, 2 * C]``, head units.

        Args:
            grid: the posed rims ``[T, 2, R, C, 3]``.
            touching: head units, of every frame, below which a gap is shut ``[T]``.
        """
        shut, limit = self._shut(touching)[:, None], self._limit()
        apart = 0.5 * grid.new_tensor([1.0, -1.0])[:, None, None]
        wider = torch.zeros_like(grid[:, :, self.line, :, 0])
        for _ in range(ROUNDS):
            now = grid.clone()
            now[..., 1] += apart * wider[:, :, None]
            gap = gaps(now, self.line, self.depth)
            should = eased(gap - wider, shut, self.lap)
            wider = wider + torch.where(gap.isfinite(), should - gap, 0.0)
            wider = torch.minimum(torch.maximum(wider, -limit), limit)
        return wider.flatten(1)

    def corrections(self, grid: Tensor, touching: Tensor, gains: Tensor) -> tuple[tuple[int, Tensor], ...]:
        """What contact adds to an axis of bound points ``[T, K]``: to their depth, then to their height.

        Args:
            grid, touching: as for ``widenings``.
            gains: of ``bind``.
        """
        if self.depth:
            return ((1, self.widenings(grid, touching) @ gains),)
        ahead = self.advances(grid, touching)
        met = grid.clone()
        met[:, 0, :, :, 2] += ahead[:, None]
        upper = 2.0 * gains[: ahead.shape[1]]
        return ((2, ahead @ upper), (1, self.widenings(met, touching) @ gains))

    def advances(self, grid: Tensor, touching: Tensor) -> Tensor:
        """By how much the upper rim should come forward at its columns ``[T, C]``, head units.

        Rims that may not overlap in height meet edge on edge: where they are shut, the upper is not behind the lower.

        Args:
            grid, touching: as for ``widenings``.
        """
        height, front = cut(grid[:, :, self.line : self.line + 1], grid[:, 0, self.line, :, 0])
        gap = (height[:, 0] - height[:, 1])[:, 0]
        shut = self._shut(touching)
        share = ((EASE * shut - gap) / ((EASE - 1.0) * shut).clamp(min=1e-9)).clamp(0.0, 1.0)
        return (front[:, 1] - front[:, 0])[:, 0].clamp(min=0.0) * share.square() * (3.0 - 2.0 * share)

    def _limit(self) -> Tensor:
        """By how much the gap at columns of both rims may be made wider or narrower ``[2, C]``, head units."""
        x = self.grid[:, self.line, :, 0]
        return STEEPEST * torch.minimum(x - x[:, :1], x[:, -1:] - x).clamp(min=0.0)

    def _from_corner(self) -> Tensor:
        """How many columns away the nearer corner is ``[C]``."""
        column = torch.arange(self.grid.shape[2]).to(self.grid)
        return torch.minimum(column, column.flip(0))

    def _shut(self, touching: Tensor) -> Tensor:
        """Below which gap columns are shut ``[T, C]`` in frames whose rims are below ``touching [T]``."""
        return touching[:, None] * (self._from_corner() / (self.corners * self.grid.shape[2])).clamp(max=1.0)

    def fit(self, points: Tensor, skin: Tensor) -> RimFit:
        """How the rims follow points ``[N, 3]`` on the mean head, of which those of the skin ``[N]`` may be on them."""
        return RimFit.of(self.grid, points, self._near(points, skin))

    def bind(self, points: Tensor, skin: Tensor) -> tuple[Tensor, Tensor]:
        """What a correction does to points.

        Args:
            points: on the mean head ``[N, 3]``.
            skin: which of them may be moved ``[N]``, bool.

        Returns:
            Indices of the points that are near ``[K]``, and the height that every one of them gains per unit by which
            the gap is widened at every column of both rims ``[2 * C, K]``.
        """
        near = self._near(points, skin)
        found = NearestOnRims.of(self.grid, points[near])
        distance = (points[near] - found.surface).norm(dim=1)
        fade = (1.0 - (distance / self.reach).clamp(max=1.0).square()).square()
        columns = torch.arange(self.grid.shape[2]).to(points)
        gains = []
        for side, (line, sign) in enumerate(zip(self.grid[:, self.line, :, 0], (0.5, -0.5), strict=True)):
            weight = (1.0 - (_place(line, points[near, 0]) - columns[:, None]).abs()).clamp(min=0.0)
            gains.append(sign * weight * fade * (found.side == side))
        return near, torch.cat(gains)

    def _near(self, points: Tensor, skin: Tensor) -> Tensor:
        """Indices of the points that are in reach."""
        flat = self.grid.flatten(0, 2)
        within = (points > flat.amin(dim=0) - self.reach) & (points < flat.amax(dim=0) + self.reach)
        return (within.all(dim=1) & skin).nonzero()[:, 0]


@dataclass(frozen=True)
class Contact:
    """Two facing rims of one identity, and the points that move with them.

    Attributes:
        rims: on the mean head.
        points: the rims' own points in canonical pose ``[2 * R * C, 3]``, head units.
        fields: the expression field's vector fields there, ``[K, 2 * R * C, 3]``.
        near, gains: of ``Rims.bind``.
        blink: maps codes to the weight of ``eyeBlink`` ``[E]``; None for lips.
    """

    rims: Rims
    points: Tensor
    fields: Tensor
    near: Tensor
    gains: Tensor
    blink: Tensor | None

    def upper(self, count: int) -> Tensor:
        """How much of ``count`` points moves with the upper rim ``[count]``: 1 on it, 0 out of reach."""
        share = self.gains.new_zeros(count)
        share[self.near] = 2.0 * self.gains[: len(self.gains) // 2].sum(dim=0)
        return share

    def pose(self, coefficients: Tensor) -> Tensor:
        """The rims' own points ``[T, 2 * R * C, 3]`` at coefficients of the expression field ``[T, K]``."""
        return self.points + displace(self.fields, coefficients)

    def resolve(self, posed: Tensor, rims: Tensor, expressions: Tensor) -> None:
        """Part what crosses and close what is all but shut, in ``posed [T, N, 3]``, in place.

        Args:
            posed: the points that were bound, in every frame.
            rims: the rims' own points there ``[T, 2 * R * C, 3]``.
            expressions: codes ``[T, E]``.
        """
        if self.blink is None:
            touching = torch.full_like(expressions[:, 0], TOUCHING_LIPS)
        else:
            touching = blink_touching(expressions @ self.blink)
        grid = rims.view(-1, *self.rims.grid.shape)
        for axis, gain in self.rims.corrections(grid, touching, self.gains):
            posed[..., axis].index_add_(1, self.near, gain)

    def among(self, places: Tensor) -> "Contact":
        """The same contact among fewer points: ``places [N]`` are their new indices, -1 for those that are gone."""
        near = places[self.near]
        return replace(self, near=near[near >= 0], gains=self.gains[:, near >= 0])


def blink_touching(blink: Tensor) -> Tensor:
    """The gap of lids ``[T]`` that is taken for shut at weights ``[T]`` of ``eyeBlink``, head units."""
    low, high = BLINKING
    share = ((blink - low) / (high - low)).clamp(0.0, 1.0)
    return TOUCHING_LIDS + BLINK_REACH * share * share * (3.0 - 2.0 * share)


def eased(gap: Tensor, shut: Tensor, lap: float) -> Tensor:
    """The gap that there should be: ``-lap`` up to ``shut``, what there is from ``EASE`` times that on; smooth."""
    wide = (EASE * shut).clamp(min=1e-9)
    share = ((gap - shut) / (wide - shut).clamp(min=1e-9)).clamp(0.0, 1.0)
    step = share.square() * (3.0 - 2.0 * share)
    between = wide * step + (wide - shut) * share.square() * (share - 1.0) - lap * (1.0 - step)
    return torch.where(gap < wide, between, gap)


def _place(line: Tensor, x: Tensor) -> Tensor:
    """Where values of x ``[N]`` lie among ascending ones ``[C]``, as fractional indices."""
    line = line.cummax(dim=0).values.contiguous()
    after = torch.searchsorted(line, x.contiguous()).clamp(1, len(line) - 1)
    start, end = line[after - 1], line[after]
    return after - 1 + ((x - start) / (end - start).clamp(min=1e-9)).clamp(0.0, 1.0)
