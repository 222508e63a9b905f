import torch
from torch import Tensor

from facetalk.head.rim_surface import NearestOnRims, RimFit
from tests.head.rim_bars import MILLIMETRE, bars


def fitted(grid: Tensor, points: Tensor) -> RimFit:
    return RimFit.of(grid, points, torch.arange(len(points)))


def between(grid: Tensor) -> Tensor:
    """Points on a grid of bars, none of them one of its own."""
    return (0.7 * grid[:, 1:-2, 2:-3] + 0.3 * grid[:, 1:-2, 3:-2]).reshape(-1, 3)


def test_points_on_rims_are_found_where_they_are() -> None:
    grid = bars(2.0 * MILLIMETRE)
    found = NearestOnRims.of(grid, between(grid))
    assert torch.allclose(found.surface, between(grid), atol=1e-5)
    assert torch.allclose(found.weights.sum(dim=1), torch.ones(len(found.weights)), atol=1e-5)
    assert found.side.tolist() == [0] * (len(found.side) // 2) + [1] * (len(found.side) // 2)
    assert not found.border.any()


def test_rims_come_to_pass_through_points() -> None:
    grid, own = bars(2.0 * MILLIMETRE), bars(3.0 * MILLIMETRE)
    points = own.reshape(-1, 3)
    moved = fitted(grid, points).moved(grid.reshape(-1, 3), points).view_as(grid)
    before, after = ((each - own)[:, 2:-2, 3:-3, 1].abs().max() for each in (grid, moved))
    assert before > 0.45 * MILLIMETRE
    assert after < 0.15 * MILLIMETRE


def test_fields_are_followed_as_places_are() -> None:
    grid = bars(2.0 * MILLIMETRE)
    points = between(grid)
    fit = fitted(grid, points)
    steep = torch.stack([10.0 * points[:, 0], points[:, 1] + 1.0, points[:, 2]], dim=1)[None]
    blind = torch.stack([10.0 * grid[..., 0], grid[..., 1], grid[..., 2]], dim=-1).reshape(1, -1, 3)
    error = (fit.moved(blind, steep) - blind).view(*grid.shape)[:, 2:-2, 4:-4]
    assert error[..., 0].abs().max() < 1e-3  # nothing is off along the rim
    assert (error[..., 1] - 1.0).abs().max() < 0.2


def test_what_lies_off_the_rims_has_no_say() -> None:
    grid = bars(2.0 * MILLIMETRE)
    assert len(fitted(grid, grid.reshape(-1, 3) + 1.0).on_rims) == 0
