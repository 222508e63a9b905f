"""Teeth as a curved wall."""

import numpy as np
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


def test_only_the_front_of_teeth_is_wall() -> None:
    vertices, triangles = coarse_arch()
    front = facing_out(vertices, triangles)
    assert len(front) == len(triangles) // 2
    assert np.allclose(np.hypot(*(vertices[front][..., [0, 2]] - [0.0, AXIS]).reshape(-1, 2).T), RADIUS)
