"""The rule of the tongue, on a flat palate and with a code that is the rig itself."""

import pytest
import torch
from torch import Tensor

from facetalk.head.tongue import (
    CONTROLS,
    EDGES,
    FILM,
    ROOM,
    STEP,
    Palate,
    Tongue,
    palate_points,
    tongue,
    tongue_share,
)

CEILING = -0.15
TOP, SIDE, GUM = (0.0, -0.215, 0.1), (0.05, -0.235, 0.05), (0.0, -0.255, 0.15)  # of the mean head's mouth
NAMES = ("jawOpen", *CONTROLS)


@pytest.fixture
def points() -> Tensor:
    return torch.tensor([TOP, SIDE, GUM])


@pytest.fixture
def under_ceiling(points: Tensor) -> Tongue:
    grid = torch.cartesian_prod(torch.arange(-0.1, 0.1, STEP), torch.arange(-0.1, 0.25, STEP))
    ceiling = Palate.over(torch.stack([grid[:, 0], torch.full_like(grid[:, 0], CEILING), grid[:, 1]], dim=1))
    eye = torch.eye(len(NAMES))
    return tongue((NAMES, eye, eye), points, torch.ones(len(points), dtype=torch.bool), ceiling)


def moved(own: Tongue, points: Tensor, gap: float = ROOM, **weights: float) -> Tensor:
    posed = points[None].clone()
    own.move(posed, torch.tensor([[weights.get(name, 0.0) for name in CONTROLS]]), torch.tensor([gap]))
    return posed[0]


def test_codes_lose_what_the_rule_takes_over(under_ceiling: Tongue) -> None:
    codes = torch.tensor([[0.4, 0.1, 0.2, 0.3, 0.9]])
    without, weights = under_ceiling.taken_out(codes)
    assert torch.allclose(without, torch.tensor([[0.4, 0.0, 0.0, 0.0, 0.0]]))
    assert torch.allclose(weights, codes[:, 1:])


def test_the_tongue_moves_and_its_gums_do_not(under_ceiling: Tongue, points: Tensor) -> None:
    assert tongue_share(points).tolist() == pytest.approx([1.0, 1.0, 0.0])
    assert torch.allclose(moved(under_ceiling, points), points)
    raised = moved(under_ceiling, points, tongueTipUp=1.0)
    assert raised[0, 1] > points[0, 1] + 0.03
    assert torch.equal(raised[2], points[2])


def test_nothing_but_the_mouth_is_tongue(points: Tensor, under_ceiling: Tongue) -> None:
    eye = torch.eye(len(NAMES))
    lips = tongue((NAMES, eye, eye), points, torch.zeros(len(points), dtype=torch.bool), under_ceiling.palate)
    assert torch.equal(moved(lips, points, tongueTipUp=1.0), points)


def test_the_tip_stays_under_the_palate_and_nearly_touches_it(under_ceiling: Tongue, points: Tensor) -> None:
    closed = points + torch.tensor([0.0, 0.03, 0.0])  # in a jaw that is shut
    raised = moved(under_ceiling, closed, tongueTipUp=1.0)
    assert CEILING - 3.0 * FILM < raised[0, 1] <= CEILING - FILM + 1e-6


def test_what_is_pressed_flat_keeps_its_order(under_ceiling: Tongue) -> None:
    heights = torch.linspace(-0.25, -0.05, 40)
    column = torch.stack([torch.zeros(40), heights, torch.full((40,), 0.05)], dim=1)
    pressed = under_ceiling.palate.under(column)
    assert (pressed.diff() > 0.0).all()
    assert pressed.max() < CEILING - FILM
    assert torch.equal(pressed[:10], heights[:10])


def test_a_tongue_comes_out_only_where_the_teeth_let_it(under_ceiling: Tongue, points: Tensor) -> None:
    out, shut = (moved(under_ceiling, points, gap, tongueOut=1.0) for gap in (ROOM, 0.0))
    assert out[0, 2] > points[0, 2] + 0.1
    assert torch.allclose(shut, points, atol=1e-6)


@pytest.mark.parametrize("control", ["tongueBetweenTeeth", "tongueOut"])
def test_a_tongue_at_or_past_the_teeth_ends_as_thick_as_a_tongue(under_ceiling: Tongue, control: str) -> None:
    end = torch.tensor([[0.0, y, 0.118] for y in (-0.250, -0.235, -0.220)])
    eye = torch.eye(len(NAMES))
    tip = tongue((NAMES, eye, eye), end, torch.ones(len(end), dtype=torch.bool), under_ceiling.palate)
    out = moved(tip, end, **{control: 1.0})
    assert out[:, 2].max() - out[:, 2].min() < 0.02
    assert out[2, 1] - out[0, 1] > 0.4 * (end[2, 1] - end[0, 1])


@pytest.mark.parametrize("control", ["tongueBetweenTeeth", "tongueOut"])
def test_a_tongue_rises_before_it_goes_over_the_teeth(under_ceiling: Tongue, control: str) -> None:
    start = torch.tensor([[0.0, -0.258, 0.118]])  # the underside of the tip, behind the lower incisors
    eye = torch.eye(len(NAMES))
    tip = tongue((NAMES, eye, eye), start, torch.ones(1, dtype=torch.bool), under_ceiling.palate)
    (_, (height, depth)) = EDGES
    for weight in torch.linspace(0.0, 1.0, 21):
        place = moved(tip, start, **{control: float(weight)})[0]
        assert place[2] < depth or place[1] > height


def test_a_tip_that_is_up_is_not_out_as_well(under_ceiling: Tongue, points: Tensor) -> None:
    up = moved(under_ceiling, points, tongueTipUp=1.0)
    assert torch.allclose(moved(under_ceiling, points, tongueTipUp=1.0, tongueOut=0.5), up)


def test_a_part_of_the_points_moves_as_among_all(under_ceiling: Tongue, points: Tensor) -> None:
    places = torch.tensor([1, -1, 0])
    some = under_ceiling.among(places)
    assert torch.allclose(
        moved(some, points[[2, 0]], tongueBackUp=1.0, tongueTipUp=0.5),
        moved(under_ceiling, points, tongueBackUp=1.0, tongueTipUp=0.5)[[2, 0]],
    )


def test_the_palate_is_found_from_within_the_mouth() -> None:
    found = palate_points(lambda points: CEILING + 0.5 * points[:, 0] - points[:, 1], torch.device("cpu"))
    assert torch.allclose(found[:, 1], CEILING + 0.5 * found[:, 0], atol=1e-4)
