"""Strips of quads are folded, what is left is whole."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.topology.mesh_shape import crossing_faces, turned_over
from training.quad_coarsening import QuadSheet, Strips
from training.quad_parts import box_sphere

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
NONE: Indices = np.empty((0, 2), np.int64)


def even(points: Array) -> Array:
    return np.ones(len(points))


def ball(side: int) -> QuadSheet:
    vertices, quads = box_sphere(side)
    opposite = np.linalg.norm(vertices[:, None] * [-1.0, 1.0, 1.0] - vertices, axis=-1).argmin(axis=1)
    return QuadSheet(vertices, quads, vertices[:, :2], quads, (), NONE, opposite, np.arange(len(vertices)))


def grid(columns: int, rows: int) -> tuple[Array, Indices]:
    x, y = np.meshgrid(np.arange(columns + 1.0), np.arange(rows + 1.0), indexing="ij")
    index = np.arange(x.size).reshape(x.shape)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    return np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1), quads


def test_strips_of_a_grid_are_its_rows_and_columns() -> None:
    vertices, quads = grid(3, 5)
    strips = Strips.of(quads, len(vertices))
    assert sorted(np.bincount(strips.label)) == [4] * 5 + [6] * 3


def test_a_ball_stays_a_ball_alike_on_both_sides() -> None:
    coarse = ball(8).coarsened(330, even)
    assert len(coarse.quads) <= 330
    used = np.unique(coarse.quads)
    edges = len(Strips.of(coarse.quads, len(coarse.vertices)).edges)
    assert len(used) - edges + len(coarse.quads) == 2
    assert not turned_over(coarse.vertices, coarse.quads).any()
    assert not len(crossing_faces(coarse.vertices, coarse.quads))
    assert coarse.mirror is not None
    assert np.allclose(coarse.vertices[coarse.mirror[used]], coarse.vertices[used] * [-1.0, 1.0, 1.0])
    assert set(coarse.joined) == set(used)


def test_uvs_are_joined_as_vertices_are() -> None:
    coarse = ball(8).coarsened(120, even)
    assert np.allclose(coarse.uv[coarse.quads_uv], coarse.vertices[coarse.quads][..., :2])


def test_the_cheapest_strips_go_first() -> None:
    vertices, quads = grid(6, 6)
    vertices[:, 0] = np.array([0.0, 1.0, 1.1, 1.2, 2.0, 3.0, 4.0])[vertices[:, 0].astype(int)]
    sheet = QuadSheet(vertices, quads, vertices[:, :2], quads, (), NONE, None, np.arange(len(vertices)))
    coarse = sheet.coarsened(24, even)
    columns = np.unique(coarse.vertices[np.unique(coarse.quads)][:, 0].round(6))
    assert columns == pytest.approx([0.0, 1.1, 2.0, 3.0, 4.0])


def test_loops_keep_their_places() -> None:
    sheet = ball(12)
    loop_at = np.flatnonzero(np.abs(sheet.vertices[:, 1]) < 1e-6)
    around = loop_at[np.argsort(np.arctan2(sheet.vertices[loop_at, 2], sheet.vertices[loop_at, 0]))]
    guarded = replace(sheet, loops=(around,))
    coarse = guarded.coarsened(200, even)
    (loop,) = coarse.loops
    assert 16 <= len(loop) < len(around)
    assert np.abs(coarse.vertices[loop, 1]).max() < 1e-6
    pairs = {tuple(sorted(pair)) for pair in zip(loop.tolist(), np.roll(loop, -1).tolist(), strict=True)}
    edges = {tuple(edge) for edge in Strips.of(coarse.quads, len(coarse.vertices)).edges.tolist()}
    assert pairs <= edges


def test_strips_through_edges_that_stay_are_not_folded() -> None:
    vertices, quads = grid(6, 6)
    vertices[:, 0] = np.array([0.0, 1.0, 1.1, 1.2, 2.0, 3.0, 4.0])[vertices[:, 0].astype(int)]
    short = np.array([[7, 14]])  # from 1.0 to 1.1
    sheet = QuadSheet(vertices, quads, vertices[:, :2], quads, (), short, None, np.arange(len(vertices)))
    coarse = sheet.coarsened(24, even)
    (edge,) = coarse.stay
    assert edge[0] != edge[1]
    assert {0.0, 1.0, 4.0} <= set(coarse.vertices[np.unique(coarse.quads)][:, 0].round(6))
