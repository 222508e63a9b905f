"""Triangles go, the surface stays."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.topology.mesh_shape import triangulated, turned_over
from training.quad_strips import without_triangles
from training.untangling import untangled


def sheet_with_a_triangle() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A grid of 6 x 4 quads, in the middle of which a column begins: with a triangle."""
    x, y = np.meshgrid(np.arange(7.0), np.arange(5.0), indexing="ij")
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(35)], axis=1)
    index = np.arange(35).reshape(7, 5)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    wedge = np.array([[35, 36, 37, -1]])
    # A column that begins inside the sheet: quads to its left lean on the wedge's left side, those to its right too.
    extra = np.array([[3.0, 2.0, 0.0], [2.9, 1.0, 0.0], [3.1, 1.0, 0.0], [2.9, 0.0, 0.0], [3.1, 0.0, 0.0]])
    vertices = np.concatenate([vertices, extra])
    faces = quads.copy()
    tip, low, bottom = index[3, 2], index[3, 1], index[3, 0]
    left = (faces[:, :] == low).any(axis=1) | (faces == bottom).any(axis=1)
    left_side = left & (vertices[faces][:, :, 0].mean(axis=1) < 3)
    right_side = left & (vertices[faces][:, :, 0].mean(axis=1) > 3)
    for side, (a, b) in ((left_side, (36, 38)), (right_side, (37, 39))):
        faces[side] = np.where(faces[side] == low, a, np.where(faces[side] == bottom, b, faces[side]))
    wedge = np.array([[36, 37, tip, -1], [38, 39, 37, 36]])
    used, compact = np.unique(np.concatenate([faces, wedge]), return_inverse=True)
    compact = compact.reshape(-1, 4) - 1  # -1 comes first
    return vertices[used[1:]], compact


def test_a_strip_from_a_triangle_to_the_border_is_folded() -> None:
    vertices, faces = sheet_with_a_triangle()
    assert (faces < 0).sum() == 1
    folded, quads = without_triangles(vertices, faces)
    assert quads.min() == 0
    assert len(quads) == 24
    corners = folded[triangulated(quads)]
    area = 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    assert (area > 0.0).all()
    assert area.sum() == pytest.approx(24.0)


def test_a_fold_is_evened_out() -> None:
    x, y = np.meshgrid(np.arange(6.0), np.arange(6.0), indexing="ij")
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(36)], axis=1)
    index = np.arange(36).reshape(6, 6)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    folded = vertices.copy()
    folded[index[2, 2]] = [4.4, 4.4, 0.0]
    assert turned_over(folded, quads).any()
    for start in (vertices, None):
        sound = untangled(folded, quads, start)
        assert not turned_over(sound, quads).any()
    held = untangled(folded, quads, held=quads[0])
    assert np.array_equal(held[quads[0]], vertices[quads[0]])
