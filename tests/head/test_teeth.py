"""Lips before a round row of teeth."""

import math

import pytest
import torch
from torch import Tensor

from facetalk.head.teeth import FILM, HEIGHT_STEP, ArchFrame, TeethWall, affine_fit, wall_points

RADIUS, AXIS, LOWEST, HEIGHTS = 0.1, 0.02, -0.2, 12
FRAME = ArchFrame(AXIS, LOWEST)
SHIFT = torch.tensor([0.01, -0.03, 0.02])


def turned(points: Tensor) -> Tensor:
    """The jaw's way: a turn about x, and a shift."""
    cos, sin = math.cos(0.3), math.sin(0.3)
    return points @ torch.tensor([[1.0, 0.0, 0.0], [0.0, cos, sin], [0.0, -sin, cos]]) + SHIFT


def wall(lips: int) -> TeethWall:
    radius = torch.full((73, HEIGHTS), RADIUS)
    points = wall_points(FRAME, radius)
    fields = (turned(points) - points)[None]
    return TeethWall(FRAME, radius, affine_fit(points), points, fields, torch.arange(lips))


def lip(angle: float, distance: float) -> Tensor:
    height = LOWEST + 0.5 * HEIGHTS * HEIGHT_STEP
    return torch.tensor([[distance * math.sin(angle), height, AXIS + distance * math.cos(angle)]])


@pytest.mark.parametrize("angle", [0.0, 0.5, -1.0, 1.5])  # the last is a cheek in the molars
@pytest.mark.parametrize("depth", [0.004, 0.025])  # the latter is a lip that rolls in all the way
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_lip_in_the_teeth_comes_straight_out_wherever_the_jaw_is(angle: float, depth: float, weight: float) -> None:
    inside, before = lip(angle, RADIUS - depth), lip(angle, RADIUS + FILM)
    if weight:
        inside, before = turned(inside), turned(before)
    posed = inside[None].clone()
    place = wall(1).pose(torch.tensor([[weight]]))
    wall(1).keep_lips_out(posed, place)
    assert torch.allclose(posed[0], before, atol=1e-4)
    every = inside[None].clone()
    wall(0).keep_out(every, place)
    assert torch.equal(every, posed)


def test_what_is_before_behind_or_below_stays() -> None:
    below = lip(0.0, RADIUS - 0.004) - torch.tensor([0.0, 0.1, 0.0])
    points = torch.cat([lip(0.2, RADIUS + 0.01), lip(0.2, 0.5 * RADIUS), below])
    posed = points[None].clone()
    wall(3).keep_lips_out(posed, wall(3).pose(torch.zeros(1, 1)))
    assert torch.allclose(posed[0], points, atol=1e-6)


def test_only_what_is_around_the_wall_may_touch_it() -> None:
    points = torch.cat([lip(0.0, RADIUS + 0.01), lip(0.0, RADIUS + 0.2), lip(math.pi, RADIUS)])
    assert wall(0).near(points).tolist() == [True, False, False]
