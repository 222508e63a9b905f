"""Rims that meet."""

import pytest
import torch
from torch import Tensor

from facetalk.head.contact import (
    LIDS,
    LIPS,
    STEEPEST,
    TOUCHING_LIDS,
    TOUCHING_LIPS,
    Rims,
    blink_touching,
    eased,
)
from facetalk.head.rim_gap import gaps
from tests.head.rim_bars import COLUMNS, LINE, MILLIMETRE, RADIUS, bars


def lips(gap: float = 2.0 * MILLIMETRE) -> Rims:
    return Rims.of(LIPS, bars(gap), LINE)


def parted(posed: Tensor, touching: float = TOUCHING_LIPS) -> Tensor:
    """Posed bars after contact."""
    widening = lips().widenings(posed[None], torch.tensor([touching])).view(2, 1, COLUMNS)
    moved = posed.clone()
    moved[..., 1] += torch.tensor([0.5, -0.5])[:, None, None] * widening
    return moved


def widened(posed: Tensor, touching: float = TOUCHING_LIPS) -> Tensor:
    """The gap along the middle half of posed bars after contact."""
    middle = slice(COLUMNS // 4, -COLUMNS // 4)
    return gaps(parted(posed, touching)[None], LINE, depth=True)[0, :, middle]


def test_a_lip_that_hangs_before_the_other_is_left_there() -> None:
    posed = bars(-MILLIMETRE, forwards=3.0 * RADIUS)
    assert lips().widenings(posed[None], torch.tensor([TOUCHING_LIPS])).eq(0.0).all()


@pytest.mark.parametrize("aside", [-2.0, 2.0])
def test_a_seam_that_slopes_meets_where_columns_have_slid_along_each_other(aside: float) -> None:
    posed = bars(-MILLIMETRE)
    posed[..., 1] += 20.0 * posed[..., 0] ** 2  # its slope changes along the way
    posed[0, ..., 0] += aside * MILLIMETRE
    posed[0, ..., 1] = bars(-MILLIMETRE)[0, ..., 1] + 20.0 * posed[0, ..., 0] ** 2
    assert widened(posed).abs().max() < 0.1 * MILLIMETRE


@pytest.mark.parametrize("gap", [-2.0, -0.2, 0.0, 0.5])
def test_what_crosses_is_parted_and_what_is_all_but_shut_is_shut(gap: float) -> None:
    assert widened(bars(gap * MILLIMETRE)).abs().max() < 0.06 * MILLIMETRE


def test_an_open_mouth_is_left_alone() -> None:
    posed = bars(4.0 * MILLIMETRE)
    assert lips().widenings(posed[None], torch.tensor([TOUCHING_LIPS])).eq(0.0).all()


@pytest.mark.parametrize(("gap", "behind", "ahead"), [(0.2, -1.0, 1.0), (0.2, 1.0, 0.0), (4.0, -1.0, 0.0)])
def test_an_upper_lid_that_shuts_behind_the_lower_comes_to_it(gap: float, behind: float, ahead: float) -> None:
    posed = bars(gap * MILLIMETRE, forwards=behind * MILLIMETRE)
    lids = Rims.of(LIDS[0], bars(gap * MILLIMETRE), LINE)
    found = lids.advances(posed[None], torch.tensor([TOUCHING_LIDS]))[0, 3:-3]
    assert (found - ahead * MILLIMETRE).abs().max() < 0.06 * MILLIMETRE


def test_a_closing_gap_closes_without_a_jump_or_a_turn_back() -> None:
    gap = torch.linspace(5.0, -2.0, 701, dtype=torch.float64) * MILLIMETRE
    step = eased(gap, torch.tensor(TOUCHING_LIPS, dtype=torch.float64), 0.0).diff() / gap.diff()
    assert step.min() > -1e-9
    assert step.max() < 2.1  # times the speed at which the field closes
    assert step.diff().abs().max() < 0.05  # no kink


def test_corners_stay_where_they_are() -> None:
    widening = lips().widenings(bars(-MILLIMETRE)[None], torch.tensor([TOUCHING_LIPS])).view(2, COLUMNS)
    assert widening[:, [0, -1]].eq(0.0).all()
    assert (widening[:, 1:-1] > 0.9 * MILLIMETRE).all()


def test_what_crosses_beside_a_corner_is_parted_no_further_than_the_corner_lets_it() -> None:
    posed = bars(-20.0 * MILLIMETRE)
    widening = lips().widenings(posed[None], torch.tensor([TOUCHING_LIPS])).view(2, COLUMNS)
    way = posed[:, LINE, 1, 0] - posed[:, LINE, 0, 0]
    assert torch.allclose(widening[:, 1], STEEPEST * way)
    assert torch.allclose(widening[:, 2], 2.0 * STEEPEST * way, rtol=1e-4)


def test_a_blink_shuts_whatever_is_left() -> None:
    touching = blink_touching(torch.linspace(0.0, 1.0, 11))
    assert touching[0].item() == pytest.approx(TOUCHING_LIDS)
    assert touching[-1] > 2.5 * MILLIMETRE
    assert (touching.diff() >= 0.0).all()


def test_points_move_with_their_side_and_less_the_further_they_are() -> None:
    rims = lips()
    upper, lower = rims.grid[:, LINE, COLUMNS // 2]
    off = torch.tensor([0.0, 0.6 * rims.reach, 0.0])
    points = torch.stack([upper, lower, upper + off, lower - off, upper + 2.0 * off])
    near, gains = rims.bind(points, torch.ones(5, dtype=torch.bool))
    moved = (torch.full((2 * COLUMNS,), MILLIMETRE) @ gains) / MILLIMETRE
    assert near.tolist() == [0, 1, 2, 3, 4]
    assert torch.allclose(moved[:2], torch.tensor([0.5, -0.5]), atol=1e-4)
    assert 0.05 < moved[2] < 0.45
    assert moved[4] == 0.0
    assert moved[2].item() == pytest.approx(-moved[3].item(), abs=0.01)


def test_only_skin_moves() -> None:
    points = lips().grid[:, LINE, COLUMNS // 2]
    near, gains = lips().bind(points, torch.tensor([False, True]))
    assert near.tolist() == [1]
    assert gains.shape == (2 * COLUMNS, 1)
    assert lips().bind(points, torch.zeros(2, dtype=torch.bool))[1].shape == (2 * COLUMNS, 0)


def test_either_side_answers_for_its_own_columns() -> None:
    rims = lips()
    points = rims.grid[:, LINE, COLUMNS // 2]
    gains = rims.bind(points, torch.ones(2, dtype=torch.bool))[1].view(2, COLUMNS, 2)
    assert gains[0, :, 1].eq(0.0).all()
    assert gains[1, :, 0].eq(0.0).all()
