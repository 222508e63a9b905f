"""Contact of facing rims: lips that meet lips, lids that meet lids.

What is known need not be learned: rims may touch but not cross, and what is all but shut is shut. Either rim is a grid
of points (columns from corner to corner, rows around the line of contact) that is posed along with whatever is posed.
Of every column the gap is measured along the height, and both sides move by half of what it should be wider or
narrower; what lies around the rims moves along, fading with its distance on the mean head.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from facetalk.head.split_field import displace

LIPS, *LIDS = RIMS = ("lips", "lids_left", "lids_right")  # left and right of the subject
LIP_REACH, LID_REACH = 0.048, 0.02  # head units from the rims over which corrections fade out
LIP_LAP, LID_LAP = -0.0002, 0.0003  # head units by which shut rims overlap
TOUCHING_LIPS = 0.0036  # head units (0.9 mm): lips nearer than this are shut
TOUCHING_LIDS = 0.0016
BLINK_REACH = 0.0104  # head units: lids nearer than this, and the former, are shut by a full blink
BLINKING = (0.75, 1.0)  # weights of eyeBlink between which that comes about
EASE = 3.0  # gaps wider than this many times what is taken for shut are left as they are
LIP_CORNERS, LID_CORNERS = 0.2, 0.05  # of the columns, from either corner: gaps are narrow there without being shut
BEYOND, STEEP = 0.03, 1.5  # head units by which the cuts of rims are prolonged in depth, and how steeply
FINER = 3  # between two rows or columns, how many steps rims are looked at in
FARTHEST_RIM, BESIDE_RIM = 0.01, 0.002  # head units off the rims, straight and aside, within which points are on them
RIM_BLUR = 0.006  # head units over which rims follow points
FEW_POINTS = 0.3  # of a point, against which its say is weighed
NEAR = 512  # points whose distances are taken at a time


@dataclass(frozen=True)
class Rims:
    """Two facing rims on the mean head, in canonical pose.

    Attributes:
        grid: the upper and the lower rim ``[2, R, C, 3]``, head units; columns run from corner to corner by ascending
            x, rows from inside to outside.
        line: the row along which the rims touch.
        reach: head units from the grid over which a correction fades out.
        corners: share of the columns, from either corner, over which less and less is taken for shut.
        lap: head units by which shut rims overlap, so that nothing shows between two columns; what is less than none
            keeps rounded rims apart between two rows.
        depth: whether rims may overlap in height where they do not in depth: lips may, one before the other, and lids,
            which both lie on the eyeball, may not.
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
        """By how much the gap of every column should be wider than it is ``[T, C]``, head units.

        Args:
            grid: the posed rims ``[T, 2, R, C, 3]``.
            touching: head units, of every frame, below which a gap is shut ``[T]``.
        """
        count = grid.shape[3]
        from_corner = torch.arange(count).to(grid)
        from_corner = torch.minimum(from_corner, from_corner.flip(0))
        shut = touching[:, None] * (from_corner / (self.corners * count)).clamp(max=1.0)
        fade = from_corner.clamp(max=1.0)  # at the corners the rims are one
        gap = gaps(grid, self.line, self.depth)
        return torch.where(gap.isfinite(), eased(gap, shut, self.lap) - gap, 0.0) * fade

    def through(self, points: Tensor, skin: Tensor) -> "Rims":
        """The rims, moved along their normals to pass through points ``[N, 3]`` of the mean head where there are some.

        An identity's own points lie where the warp takes the mean head's to but for the warp's error, and it is these
        that should meet.
        """
        near = self._near(points, skin)
        found = self._nearest(points[near])
        offset = points[near] - found.surface
        height = (offset * found.normal).sum(dim=1)
        aside = (offset - height[:, None] * found.normal).norm(dim=1)
        on_rims = (height.abs() < FARTHEST_RIM) & (aside < BESIDE_RIM)
        grid = self.grid.flatten(1, 2)
        distance = torch.cdist(grid, points[near][None].expand(2, -1, -1))
        weight = torch.exp(-((distance / RIM_BLUR) ** 2)) * on_rims
        weight = weight * torch.stack([found.side == 0, found.side == 1])[:, None]
        moved = (weight @ height[:, None]) / (weight.sum(dim=2, keepdim=True) + FEW_POINTS)
        return replace(self, grid=self.grid + (moved * _normals(self.grid).flatten(1, 2)).view_as(self.grid))

    def bind(self, points: Tensor, skin: Tensor) -> tuple[Tensor, Tensor]:
        """What a correction does to points.

        Args:
            points: on the mean head ``[N, 3]``.
            skin: which of them may be moved ``[N]``, bool.

        Returns:
            Indices of the points that are near ``[K]``, and the height that every one of them gains per unit by which
            every column's gap is widened ``[C, K]``.
        """
        near = self._near(points, skin)
        found = self._nearest(points[near])
        distance = (points[near] - found.surface).norm(dim=1)
        fade = (1.0 - (distance / self.reach).clamp(max=1.0).square()).square()
        line = self.grid[:, self.line, :, 0]
        upper, lower = (_place(each, points[near, 0]) for each in line)
        column = torch.where(found.side == 0, upper, lower)
        columns = torch.arange(line.shape[1]).to(points)
        weight = (1.0 - (column - columns[:, None]).abs()).clamp(min=0.0)
        return near, 0.5 * weight * fade * torch.where(found.side == 0, 1.0, -1.0)

    def _near(self, points: Tensor, skin: Tensor) -> Tensor:
        """Indices of the points that are in reach."""
        flat = self.grid.flatten(0, 2)
        within = (points > flat.amin(dim=0) - self.reach) & (points < flat.amax(dim=0) + self.reach)
        return (within.all(dim=1) & skin).nonzero()[:, 0]

    def _nearest(self, points: Tensor) -> "_Nearest":
        """Where the rims are nearest to points ``[K, 3]``."""
        surface, normals = _finer(self.grid), functional.normalize(_finer(_normals(self.grid)), dim=-1)
        index = torch.cat([torch.cdist(rows, surface.flatten(0, 1)).argmin(dim=1) for rows in points.split(NEAR)])
        side = index.div(surface.shape[1], rounding_mode="floor")
        return _Nearest(surface.flatten(0, 1)[index], normals.flatten(0, 1)[index], side)


@dataclass(frozen=True)
class _Nearest:
    """Points of the rims ``[K, 3]``, unit normals there, and whether they are on the upper rim (0) or the lower (1)."""

    surface: Tensor
    normal: Tensor
    side: Tensor


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

    def resolve(self, posed: Tensor, expressions: Tensor, coefficients: Tensor) -> None:
        """Part what crosses and close what is all but shut, in ``posed [T, N, 3]``, in place.

        Args:
            posed: the points that were bound, in every frame.
            expressions: codes ``[T, E]``.
            coefficients: of the expression field ``[T, K]``.
        """
        grid = (self.points + displace(self.fields, coefficients)).view(-1, *self.rims.grid.shape)
        if self.blink is None:
            touching = torch.full_like(expressions[:, 0], TOUCHING_LIPS)
        else:
            touching = blink_touching(expressions @ self.blink)
        posed[..., 1].index_add_(1, self.near, self.rims.widenings(grid, touching) @ self.gains)

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


def gaps(grid: Tensor, line: int, depth: bool) -> Tensor:
    """The gap in every column ``[T, C]`` of posed rims ``[T, 2, R, C, 3]``; infinite where they do not face.

    Every rim is cut where the two rims' columns are on average, so that they are compared at one x.
    """
    at = grid[:, :, line, :, 0].mean(dim=1)
    height, front = _cut(grid, at)
    if not depth:
        return height[:, 0].amin(dim=1) - height[:, 1].amax(dim=1)
    height, front = _prolonged(height, front)
    upper, lower = (_facing(height, front, above, 1 - above) for above in (0, 1))
    return torch.minimum(upper, lower)


def _cut(grid: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Height and depth ``[T, 2, R, C]`` of every row of a grid ``[T, 2, R, C, 3]`` at x ``[T, C]``."""
    along = grid[..., 0].cummax(dim=-1).values.contiguous()  # at the corners a row may turn back
    where = at[:, None, None].expand_as(along).contiguous()
    after = torch.searchsorted(along, where).clamp(1, along.shape[-1] - 1)
    before = after - 1
    start, end = along.gather(-1, before), along.gather(-1, after)
    share = ((where - start) / (end - start).clamp(min=1e-9)).clamp(0.0, 1.0)
    height, front = (
        torch.lerp(axis.gather(-1, before), axis.gather(-1, after), share) for axis in (grid[..., 1], grid[..., 2])
    )
    return height, front


def _prolonged(height: Tensor, front: Tensor) -> tuple[Tensor, Tensor]:
    """Cuts ``[T, 2, R, C]`` with a steep slope behind and before them, so that lips come to face without a jump."""
    away = height.new_tensor([1.0, -1.0])[:, None, None] * (STEEP * BEYOND)
    height = torch.cat([height[:, :, :1] + away, height, height[:, :, -1:] + away], dim=2)
    return height, torch.cat([front[:, :, :1] - BEYOND, front, front[:, :, -1:] + BEYOND], dim=2)


def _facing(height: Tensor, front: Tensor, points: int, segments: int) -> Tensor:
    """The least gap ``[T, C]`` between the points of one rim's cuts and the lines between the other's."""
    y, z = height[:, points, :, None], front[:, points, :, None]
    y0, z0, z1 = height[:, segments, :-1], front[:, segments, :-1], front[:, segments, 1:]
    run = z1 - z0
    slope = (height[:, segments, 1:] - y0) / torch.where(run == 0.0, 1e-9, run)
    below, nearest, farthest = (
        each[:, None] for each in (y0 - slope * z0, torch.minimum(z0, z1), torch.maximum(z0, z1))
    )
    gap = torch.addcmul(y - below, slope[:, None], z, value=-1.0)
    gap = gap if points == 0 else gap.neg_()
    return gap.masked_fill_((z < nearest) | (z > farthest), torch.inf).amin(dim=(1, 2))


def _normals(grid: Tensor) -> Tensor:
    """Unit normals of grids ``[2, R, C, 3]``, on one side or the other."""
    along, across = (torch.gradient(grid, dim=dim)[0] for dim in (2, 1))
    return functional.normalize(torch.linalg.cross(along, across), dim=-1)


def _finer(grid: Tensor) -> Tensor:
    """Grids ``[2, R, C, 3]`` with ``FINER`` steps in place of one, as points ``[2, N, 3]``."""
    rows, columns = ((count - 1) * FINER + 1 for count in grid.shape[1:3])
    images = grid.permute(0, 3, 1, 2)
    fine = functional.interpolate(images, size=(rows, columns), mode="bilinear", align_corners=True)
    return fine.flatten(2).transpose(1, 2)


def _place(line: Tensor, x: Tensor) -> Tensor:
    """Where values of x ``[N]`` lie among ascending ones ``[C]``, as fractional indices."""
    line = line.cummax(dim=0).values.contiguous()
    after = torch.searchsorted(line, x.contiguous()).clamp(1, len(line) - 1)
    start, end = line[after - 1], line[after]
    return after - 1 + ((x - start) / (end - start).clamp(min=1e-9)).clamp(0.0, 1.0)
