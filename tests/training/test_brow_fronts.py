"""Fronts of brows: an even grid over the front of either, none of it over the back."""

import numpy as np
from numpy.typing import NDArray

from facetalk.head.meshing import TriangleMesh
from facetalk.topology.mesh_shape import bad_quads, crossing_faces, triangulated, turned_over
from training.brow_fronts import brow_fronts
from training.quad_parts import box_sphere

Array = NDArray[np.float64]

ROWS, COLUMNS = 4, 12
HALF = np.array([0.1, 0.02, 0.008])


def ellipsoids() -> TriangleMesh:
    ball, quads = box_sphere(24)
    left, right = (HALF * ball + [side * 0.14, 0.17, 0.15] for side in (1.0, -1.0))
    triangles = np.concatenate([triangulated(quads + shift) for shift in (0, len(ball))])
    return TriangleMesh(np.concatenate([left, right]), triangles)


def settle(vertices: Array) -> Array:
    """Onto the nearer ellipsoid, straight away from its middle."""
    middle = np.stack([0.14 * np.sign(vertices[:, 0]), *np.tile([[0.17], [0.15]], len(vertices))], axis=1)
    offset = (vertices - middle) / HALF
    return np.asarray(middle + HALF * offset / np.linalg.norm(offset, axis=1, keepdims=True))


def test_both_fronts_are_covered_by_even_grids() -> None:
    vertices, quads = brow_fronts(ellipsoids(), ROWS, COLUMNS, settle)
    assert len(quads) == 2 * ROWS * COLUMNS
    assert not bad_quads(vertices, quads).any()
    assert not turned_over(vertices, quads).any()
    assert not len(crossing_faces(vertices, quads))
    corners = vertices[quads]
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    assert (normal[:, 2] > 0.0).all()
    for side in (1.0, -1.0):
        own = vertices[side * vertices[:, 0] > 0.0]
        assert np.ptp(own[:, 0]) > 1.7 * HALF[0]
        assert np.ptp(own[:, 1]) > 1.7 * HALF[1]
        assert own[:, 2].max() > 0.15 + 0.95 * HALF[2]
