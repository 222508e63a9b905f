"""Crowns that are open towards a neighbour are closed there, and nowhere else."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.topology.mesh_shape import tangled_faces
from facetalk.topology.template_rims import border_loops
from training.tooth_walls import BEHIND, side_walls

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

RADIUS = 0.02
CUT = 0.8  # of the radius: what is further aside is missing
RINGS, AROUND = 9, 16
NECK = 3  # quads from the top to either side, and rings from the middle to either side, that are missing at the neck


def crowns(upper: bool, depth: float = 0.12, apart: float = 0.05) -> tuple[Array, Indices]:
    """Two balls beside each other, made of rings about the row, open at the neck and on both sides."""
    x = np.linspace(-CUT, CUT, RINGS)[:, None]
    turn = 2.0 * np.pi * np.arange(AROUND) / AROUND
    up = (1.0 if upper else -1.0) * np.cos(turn)
    width = np.sqrt(1.0 - x**2)
    ball = np.stack([x + 0.0 * turn, width * up, width * np.sin(turn)], axis=-1).reshape(-1, 3)
    ring, at = (index.ravel() for index in np.meshgrid(np.arange(RINGS - 1), np.arange(AROUND), indexing="ij"))
    after = (at + 1) % AROUND
    quads = np.stack([ring, ring, ring + 1, ring + 1], 1) * AROUND + np.stack([at, after, after, at], 1)
    if not upper:
        quads = quads[:, ::-1]
    neck = (np.abs(ring + 0.5 - (RINGS - 1) / 2) < NECK - 0.4) & (np.minimum(at, AROUND - 1 - at) < NECK)
    used, compact = np.unique(quads[~neck], return_inverse=True)
    ball, quads = RADIUS * ball[used], compact.reshape(-1, 4)
    vertices = np.concatenate([ball + np.array([x, 0.0, depth]) for x in (-0.5 * apart, 0.5 * apart)])
    return vertices, np.concatenate([quads, quads + len(ball)])


@pytest.mark.parametrize("upper", [True, False])
def test_sides_are_closed_and_necks_stay_open(upper: bool) -> None:
    vertices, quads = crowns(upper)
    assert len(border_loops(quads)) == 6
    closed = np.concatenate([quads, side_walls(vertices, quads, upper)])
    necks = border_loops(closed)
    assert len(necks) == 2
    assert all((vertices[neck, 1].mean() > 0.0) == upper for neck in necks)
    assert not len(tangled_faces(vertices, closed))


def test_walls_face_outwards() -> None:
    vertices, quads = crowns(upper=True)
    corners = vertices[side_walls(vertices, quads, upper=True)]
    area = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    middle = np.sign(corners[:, :, 0].mean(axis=1)) * 0.025
    assert (area[:, 0] * (corners[:, :, 0].mean(axis=1) - middle) > 0.0).all()


def test_a_wall_that_would_go_through_the_neighbour_is_left_out() -> None:
    vertices, quads = crowns(upper=True, apart=1.5 * RADIUS)
    vertices[len(vertices) // 2 :, 1] += 0.5 * RADIUS
    closed = np.concatenate([quads, side_walls(vertices, quads, upper=True)])
    assert len(border_loops(closed)) > 2  # necks, and at least one side
    assert set(tangled_faces(vertices, closed)) <= set(tangled_faces(vertices, quads))


def test_what_is_far_back_is_never_seen() -> None:
    vertices, quads = crowns(upper=True, depth=BEHIND - 0.01)
    assert not len(side_walls(vertices, quads, upper=True))
