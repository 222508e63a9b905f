"""How far two facing rims stand apart, measured along the height."""

import torch
from torch import Tensor

BEYOND, STEEP = 0.03, 1.5  # head units by which the cuts of rims are prolonged in depth, and how steeply


def gaps(grid: Tensor, line: int, depth: bool) -> Tensor:
    """The gap at every column of the upper rim and of the lower ``[T, 2, C]``, head units.

    Columns that face each other on the mean head may slide along each other in a pose. So both rims are cut where a
    column is, and the gap there is that column's: the least between what is equally far in front.

    Args:
        grid: posed rims ``[T, 2, R, C, 3]``: the upper and the lower one, rows from inside to outside, columns by
            ascending x.
        line: the row along which the rims touch.
        depth: whether the lines of touch may lie at different depths, so that their heights do not count.
    """
    height, front = cut(grid, grid[:, :, line, :, 0].flatten(1))
    lines = height[:, 0, line] - height[:, 1, line]
    height, front = _prolonged(height, front)
    upper, lower = (_facing(height, front, above, 1 - above) for above in (0, 1))
    gap = torch.minimum(upper, lower)
    if not depth:
        gap = torch.minimum(gap, lines)
    return gap.view(len(gap), 2, -1)


def cut(grid: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Height and depth ``[T, 2, R, S]`` of every row of a grid ``[T, 2, R, C, 3]`` at x ``[T, S]``."""
    along = grid[..., 0].cummax(dim=-1).values.contiguous()  # at the corners a row may turn back
    where = at[:, None, None].expand(*along.shape[:3], -1).contiguous()
    after = torch.searchsorted(along, where).clamp(1, along.shape[-1] - 1)
    before = after - 1
    start, end = along.gather(-1, before), along.gather(-1, after)
    share = ((where - start) / (end - start).clamp(min=1e-9)).clamp(0.0, 1.0)
    height, front = (
        torch.lerp(axis.gather(-1, before), axis.gather(-1, after), share) for axis in (grid[..., 1], grid[..., 2])
    )
    return height, front


def _prolonged(height: Tensor, front: Tensor) -> tuple[Tensor, Tensor]:
    """Cuts ``[T, 2, R, S]`` with a steep slope behind and before them, so that lips come to face without a jump."""
    away = height.new_tensor([1.0, -1.0])[:, None, None] * (STEEP * BEYOND)
    height = torch.cat([height[:, :, :1] + away, height, height[:, :, -1:] + away], dim=2)
    return height, torch.cat([front[:, :, :1] - BEYOND, front, front[:, :, -1:] + BEYOND], dim=2)


def _facing(height: Tensor, front: Tensor, points: int, segments: int) -> Tensor:
    """The least gap ``[T, S]`` between the points of one rim's cuts and the lines between the other's."""
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
