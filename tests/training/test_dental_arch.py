"""Teeth as a curved wall."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.dental_arch import ANGLE_BINS, ArchWall, facing_out, on_triangles

MILLIMETRE = 0.004  # head units
RADIUS, AXIS, HEIGHT = 0.1, 0.05, 0.06


def coarse_arch() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """An arch of two curved sheets, outer and inner, with vertices 4 mm apart: vertices and triangles."""
    columns, rows = 25, 5
    angle = np.linspace(-1.5, 1.5, columns)
    vertices: list[tuple[float, ...]] = []
    triangles: list[tuple[int, ...]] = []
    for radius, outwards in ((RADIUS, True), (0.8 * RADIUS, False)):
        first = len(vertices)
        for height in np.linspace(0.0, HEIGHT, rows):
            vertices += [(radius * np.sin(a), height, AXIS + radius * np.cos(a)) for a in angle]
        for row in range(rows - 1):
            for column in range(columns - 1):
                a = first + row * columns + column
                quad = [(a, a + 1, a + columns + 1), (a, a + columns + 1, a + columns)]
                triangles += quad if outwards else [triangle[::-1] for triangle in quad]
    return np.array(vertices), np.array(triangles)


def test_a_wall_of_coarse_teeth_has_no_holes() -> None:
    vertices, triangles = coarse_arch()
    wall = ArchWall.of(on_triangles(vertices, facing_out(vertices, triangles)))
    assert wall.radius.shape[0] == ANGLE_BINS
    middle = AXIS - wall.axis + RADIUS  # straight ahead
    assert np.abs(wall.radius[ANGLE_BINS // 2, :-1] - middle).max() < 0.5 * MILLIMETRE
    assert wall.radius[6:-6, :-1].min() > 0.9 * middle


@pytest.mark.parametrize("turn", [0.0, 1.3])  # before the incisors; beside the molars
@pytest.mark.parametrize("depth", [1.0, 6.0])  # mm behind the front of the teeth; a lip that rolls in goes the deeper
def test_lips_and_cheeks_lie_before_the_teeth(turn: float, depth: float) -> None:
    wall = ArchWall(AXIS, lowest=0.0, radius=np.full((ANGLE_BINS, 15), RADIUS))
    direction = np.array([np.sin(turn), 0.0, np.cos(turn)])
    middle = np.array([0.0, 0.5 * HEIGHT, AXIS])
    inside, before, far_before = (middle + (RADIUS + off) * direction for off in (-depth * MILLIMETRE, 0.0, 0.12))
    flesh = np.stack([inside, far_before])
    wall.push_out(flesh, np.array([0]), np.array([0, 1]), film=0.0)
    assert np.allclose(flesh[0], before, atol=0.05 * MILLIMETRE)
    assert np.allclose(flesh[1], far_before, atol=0.5 * MILLIMETRE)


def test_only_the_front_of_teeth_is_wall() -> None:
    vertices, triangles = coarse_arch()
    front = facing_out(vertices, triangles)
    assert len(front) == len(triangles) // 2
    assert np.allclose(np.hypot(*(vertices[front][..., [0, 2]] - [0.0, AXIS]).reshape(-1, 2).T), RADIUS)
