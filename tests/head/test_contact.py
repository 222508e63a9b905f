"""Rims that meet: two rounded bars, one above the other, whose gap is known everywhere."""

import pytest
import torch
from torch import Tensor

from facetalk.head.contact import LIPS, TOUCHING_LIDS, TOUCHING_LIPS, Rims, blink_touching, eased, gaps

MILLIMETRE = 0.004  # head units
ROWS, COLUMNS, LINE = 7, 21, 3
RADIUS = 4.0 * MILLIMETRE
X = torch.linspace(-0.08, 0.08, COLUMNS)


def bars(gap: float, slope: float = 0.0, forwards: float = 0.0) -> Tensor:
    """The facing sides of two bars ``[2, R, C, 3]``, ``gap`` apart; the upper may lie further in front."""
    angle = torch.linspace(-1.2, 1.2, ROWS)[:, None]
    front = RADIUS * angle.sin().expand(ROWS, COLUMNS)
    sides = []
    for sign, ahead in ((1.0, forwards), (-1.0, 0.0)):
        height = sign * (0.5 * gap + RADIUS * (1.0 - angle.cos())) + slope * X
        sides.append(torch.stack([X.expand(ROWS, COLUMNS), height, front + ahead], dim=-1))
    return torch.stack(sides)


def lips(gap: float = 2.0 * MILLIMETRE) -> Rims:
    return Rims.of(LIPS, bars(gap), LINE)


def widened(posed: Tensor, touching: float = TOUCHING_LIPS) -> Tensor:
    """The gap along the middle half of posed bars after contact."""
    widening = lips().widenings(posed[None], torch.tensor([touching]))
    middle = slice(COLUMNS // 4, -COLUMNS // 4)
    return (gaps(posed[None], LINE, depth=True) + widening)[0, middle]


@pytest.mark.parametrize("depth", [True, False])
@pytest.mark.parametrize("slope", [0.0, 0.5])
@pytest.mark.parametrize("gap", [-1.0, 0.0, 1.5])
def test_gaps_are_measured_along_the_height_however_the_seam_slopes(gap: float, slope: float, depth: bool) -> None:
    found = gaps(bars(gap * MILLIMETRE, slope)[None], LINE, depth) / MILLIMETRE
    assert torch.allclose(found, torch.full_like(found, gap), atol=0.01)


def test_rims_are_compared_where_they_are_and_not_by_their_columns() -> None:
    posed = bars(MILLIMETRE, slope=0.5)
    aside = 2.0 * MILLIMETRE
    posed[0] += torch.tensor([aside, 0.5 * aside, 0.0])  # along the seam: nothing comes nearer
    found = gaps(posed[None], LINE, depth=True)[0, 3:-3] / MILLIMETRE
    assert torch.allclose(found, torch.ones_like(found), atol=0.01)


def test_a_lip_that_hangs_before_the_other_is_no_crossing_and_a_lid_is() -> None:
    posed = bars(-MILLIMETRE, forwards=3.0 * RADIUS)
    assert (gaps(posed[None], LINE, depth=True) > TOUCHING_LIPS).all()
    assert lips().widenings(posed[None], torch.tensor([TOUCHING_LIPS])).eq(0.0).all()
    assert (gaps(posed[None], LINE, depth=False) < 0.0).all()


@pytest.mark.parametrize("gap", [-2.0, -0.2, 0.0, 0.5])
def test_what_crosses_is_parted_and_what_is_all_but_shut_is_shut(gap: float) -> None:
    assert widened(bars(gap * MILLIMETRE)).abs().max() < 0.06 * MILLIMETRE


def test_an_open_mouth_is_left_alone() -> None:
    posed = bars(4.0 * MILLIMETRE)
    assert lips().widenings(posed[None], torch.tensor([TOUCHING_LIPS])).eq(0.0).all()


def test_a_closing_gap_closes_without_a_jump_or_a_turn_back() -> None:
    gap = torch.linspace(5.0, -2.0, 701, dtype=torch.float64) * MILLIMETRE
    step = eased(gap, torch.tensor(TOUCHING_LIPS, dtype=torch.float64), 0.0).diff() / gap.diff()
    assert step.min() > -1e-9
    assert step.max() < 2.1  # times the speed at which the field closes
    assert step.diff().abs().max() < 0.05  # no kink


def test_corners_stay_where_they_are() -> None:
    widening = lips().widenings(bars(-MILLIMETRE)[None], torch.tensor([TOUCHING_LIPS]))[0]
    assert widening[[0, -1]].eq(0.0).all()
    assert (widening[1:-1] > 0.9 * MILLIMETRE).all()


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
    moved = (torch.full((COLUMNS,), MILLIMETRE) @ gains) / MILLIMETRE
    assert near.tolist() == [0, 1, 2, 3, 4]
    assert torch.allclose(moved[:2], torch.tensor([0.5, -0.5]), atol=1e-4)
    assert 0.05 < moved[2] < 0.45
    assert moved[4] == 0.0
    assert moved[2].item() == pytest.approx(-moved[3].item(), abs=0.01)


def test_only_skin_moves() -> None:
    points = lips().grid[:, LINE, COLUMNS // 2]
    near, gains = lips().bind(points, torch.tensor([False, True]))
    assert near.tolist() == [1]
    assert gains.shape == (COLUMNS, 1)
    assert lips().bind(points, torch.zeros(2, dtype=torch.bool))[1].shape == (COLUMNS, 0)


def test_rims_pass_through_the_points_there_are() -> None:
    rims, own = lips(), bars(3.0 * MILLIMETRE)
    points = own.reshape(-1, 3)
    passing = rims.through(points, torch.ones(len(points), dtype=torch.bool))
    inner = (passing.grid - own)[:, 2:-2, 3:-3, 1].abs().max()
    assert inner < 0.2 * MILLIMETRE  # of half a millimetre that they were off
    assert torch.equal(rims.through(points + 1.0, torch.ones(len(points), dtype=torch.bool)).grid, rims.grid)
