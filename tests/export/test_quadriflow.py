"""QuadriFlow in a child process."""

import numpy as np
import pytest

from facetalk.errors import UserError
from facetalk.export.quadriflow import quadriflow
from facetalk.head.meshing import TriangleMesh
from facetalk.topology.open_skin import clipped, joined
from facetalk.topology.template_rims import border_loops
from tests.topology.test_open_skin import plate


def dome() -> TriangleMesh:
    """Half a ball of radius 0.3 with a round border."""
    flat = plate(40)
    mesh = joined(clipped(flat, np.linalg.norm(flat.vertices, axis=1) - 0.98))
    height = np.sqrt(np.maximum(1.0 - (mesh.vertices**2).sum(axis=1), 0.0))
    return TriangleMesh(0.3 * np.stack([mesh.vertices[:, 0], mesh.vertices[:, 1], height], axis=1), mesh.triangles)


def test_a_dome_is_covered_with_quads() -> None:
    vertices, quads = quadriflow(dome(), 300)
    assert 150 < len(quads) < 600
    assert len(border_loops(quads)) == 1
    assert np.abs(np.linalg.norm(vertices, axis=1) - 0.3).max() < 0.02


def test_the_same_surface_gives_the_same_quads() -> None:
    first, again = quadriflow(dome(), 200), quadriflow(dome(), 200)
    np.testing.assert_array_equal(first[1], again[1])


def test_a_surface_that_is_no_manifold_is_said() -> None:
    mesh, apex = plate(6), 49
    fins = [[8, 9, apex], [8, 9, apex + 1]]  # two more triangles on an edge that has two
    vertices = np.concatenate([mesh.vertices, [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]])
    broken = TriangleMesh(vertices, np.concatenate([mesh.triangles, fins]))
    with pytest.raises(UserError, match="QuadriFlow cannot cover"):
        quadriflow(broken, 100)


def test_missing_blender_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install bpy"):
        quadriflow(plate(4), 100)
