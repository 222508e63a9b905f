"""Quads over half of a face."""

import numpy as np

from facetalk.head.meshing import TriangleMesh
from facetalk.topology.open_skin import SHORTEST, clipped, joined
from facetalk.topology.quad_skin import ended_in_the_middle
from facetalk.topology.template_rims import border_loops
from tests.topology.test_open_skin import plate


def test_a_half_ends_in_the_middle_though_a_vertex_came_to_lie_beside_it() -> None:
    whole = plate(21)
    half = joined(clipped(whole, -whole.vertices[:, 0]))
    border = np.concatenate(border_loops(half.triangles))
    on_middle = border[np.abs(half.vertices[border, 0]) < 1e-9]
    beside = half.vertices.copy()
    beside[on_middle[3], 0] = 0.5 * SHORTEST
    ended = ended_in_the_middle(TriangleMesh(beside, half.triangles))
    assert (ended.vertices[on_middle, 0] == 0.0).all()
    others = np.setdiff1d(np.arange(len(beside)), on_middle)
    np.testing.assert_array_equal(ended.vertices[others], beside[others])
