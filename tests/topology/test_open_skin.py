"""Cutting triangle meshes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.head.meshing import TriangleMesh
from facetalk.topology.open_skin import clipped, joined, on_lines, reached_from
from facetalk.topology.template_rims import border_loops

Array = NDArray[np.float64]


def plate(side: int) -> TriangleMesh:
    """A square from -1 to 1, facing +z."""
    line = np.linspace(-1.0, 1.0, side + 1)
    x, y = np.meshgrid(line, line)
    corner = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).reshape(-1)
    one = np.stack([corner, corner + 1, corner + side + 2], axis=1)
    two = np.stack([corner, corner + side + 2, corner + side + 1], axis=1)
    return TriangleMesh(np.stack([x.ravel(), y.ravel(), 0.0 * x.ravel()], axis=1), np.concatenate([one, two]))


def areas(mesh: TriangleMesh) -> Array:
    corners = mesh.vertices[mesh.triangles]
    return 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]


@pytest.mark.parametrize("turn", [0.0, 0.3, 1.1])
def test_a_cut_leaves_what_is_before_it(turn: float) -> None:
    mesh = plate(20)
    across = mesh.vertices[:, 0] * np.cos(turn) + mesh.vertices[:, 1] * np.sin(turn) - 0.123
    left = reached_from(np.array([-1.0, -1.0, 0.0]), clipped(mesh, across))
    assert (areas(left) > 0.0).all(), "faces keep their side"
    assert (left.vertices[:, 0] * np.cos(turn) + left.vertices[:, 1] * np.sin(turn)).max() < 0.123 + 0.01
    expected = areas(mesh)[(across[mesh.triangles] < 0).all(axis=1)].sum()
    assert expected < areas(left).sum() < expected + 0.4
    assert len(border_loops(left.triangles)) == 1


def test_a_hole_is_a_second_border() -> None:
    mesh = plate(30)
    holed = joined(clipped(mesh, 0.4 - np.linalg.norm(mesh.vertices, axis=1)))
    loops = sorted(border_loops(holed.triangles), key=len)
    assert len(loops) == 2
    np.testing.assert_allclose(np.linalg.norm(holed.vertices[loops[0]], axis=1), 0.4, atol=0.01)


def test_only_the_nearest_piece_is_kept() -> None:
    mesh = plate(30)
    pieces = clipped(mesh, 0.3 - np.abs(mesh.vertices[:, 0]))
    right = reached_from(np.array([0.9, 0.0, 0.0]), pieces)
    assert right.vertices[:, 0].min() > 0.29


def test_an_edge_of_no_length_becomes_a_vertex() -> None:
    one = plate(4)
    vertices = one.vertices.copy()
    first, second = one.triangles[0, :2]
    vertices[second] = vertices[first]
    mended = joined(TriangleMesh(vertices, one.triangles))
    assert len(mended.vertices) == 24
    assert len(mended.triangles) < len(one.triangles)


def test_a_border_that_touches_itself_is_one_border() -> None:
    one = plate(4)
    apart = np.concatenate([one.vertices, one.vertices + np.array([2.0, 0.0, 0.0])])
    apart[25 + one.vertices[:, 0].argmin()] = apart[one.vertices[:, 0].argmax()]
    both = TriangleMesh(apart, np.concatenate([one.triangles, one.triangles + 25]))
    assert len(border_loops(joined(both).triangles)) == 2


def test_a_jagged_border_comes_to_lie_on_its_line() -> None:
    flat = plate(40)
    mesh = TriangleMesh(0.05 * flat.vertices, flat.triangles)
    holed = joined(clipped(mesh, 0.02 - np.linalg.norm(mesh.vertices, axis=1)))
    turn = np.linspace(0.0, 2.0 * np.pi, 101)[:, None]
    line = 0.021 * np.concatenate([np.cos(turn), np.sin(turn), 0.0 * turn], axis=1)
    moved = on_lines(holed, [line])
    hole = min(border_loops(moved.triangles), key=len)
    np.testing.assert_allclose(np.linalg.norm(moved.vertices[hole], axis=1), 0.021, atol=3e-5)
    assert (areas(moved) > 0.0).mean() > 0.995, "but for slivers of the cut"
    far = np.linalg.norm(holed.vertices, axis=1) > 0.045
    np.testing.assert_allclose(moved.vertices[far], holed.vertices[far], atol=5e-5)
