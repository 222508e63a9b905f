"""Quads that are tangled on any of some heads are opened on all of them, by as little as that takes."""

import numpy as np
from numpy.typing import NDArray

from facetalk.topology.mesh_shape import tangled_faces
from facetalk.topology.quad_opening import UPRIGHT, opened_everywhere, settled_again
from tests.topology.quad_sheet import MIDDLE, SIDE, sheet

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


def same(vertices: Array) -> Array:
    return vertices


def drawn_together(vertices: Array) -> Array:
    """A head on which space right of the middle is half as wide and bent forwards, but whole."""
    carried = vertices.copy()
    carried[:, 0] = np.where(vertices[:, 0] > 4.0, 4.0 + 0.5 * (vertices[:, 0] - 4.0), vertices[:, 0])
    carried[:, 2] += 0.1 * np.maximum(vertices[:, 0] - 4.0, 0.0) ** 2
    return carried


def folded() -> tuple[Array, Indices]:
    start, quads = sheet()
    start[MIDDLE, 0] += 1.3
    return start, quads


def test_a_fold_is_opened_on_all_heads() -> None:
    start, quads = folded()
    heads = [same, drawn_together]
    assert all(len(tangled_faces(head(start), quads)) for head in heads)
    found = opened_everywhere(start, quads, heads)
    assert not any(len(tangled_faces(head(found), quads, UPRIGHT)) for head in heads)


def test_what_is_far_from_a_fold_and_what_is_held_stays() -> None:
    start, quads = folded()
    held = np.array([MIDDLE - SIDE])
    found = opened_everywhere(start, quads, [same], held)
    moved = np.linalg.norm(found - start, axis=1) > 0.0
    assert moved.any()
    assert not moved[held].any()
    assert not moved[np.linalg.norm(start - start[MIDDLE], axis=1) > 5.0].any()


def test_a_sound_sheet_stays_as_it_is() -> None:
    start, quads = sheet()
    assert np.array_equal(opened_everywhere(start, quads, [same, drawn_together]), start)


def test_where_nothing_may_move_nothing_does() -> None:
    start, quads = folded()
    assert np.array_equal(opened_everywhere(start, quads, [same], np.arange(len(start))), start)


def flat(vertices: Array) -> Array:
    """The surface of a sheet: its plane."""
    return vertices * [1.0, 1.0, 0.0]


def test_what_has_left_its_surface_comes_back() -> None:
    start, quads = sheet()
    lifted = start.copy()
    lifted[[MIDDLE, MIDDLE + 3], 2] = 0.2
    found = settled_again(lifted, quads, [same, drawn_together], flat, held=np.array([MIDDLE + 3]))
    assert np.allclose(np.delete(found, MIDDLE + 3, axis=0), np.delete(start, MIDDLE + 3, axis=0))
    assert found[MIDDLE + 3, 2] == 0.2


def test_what_would_be_tangled_on_its_surface_stays_off_it() -> None:
    start, quads = sheet()
    lifted = start.copy()
    lifted[MIDDLE, 2] = 0.2

    def folding(vertices: Array) -> Array:
        surface = vertices * [1.0, 1.0, 0.0]
        surface[MIDDLE] = start[MIDDLE] + [1.6, 0.0, 0.0]
        return surface

    found = settled_again(lifted, quads, [same], folding)
    assert not len(tangled_faces(found, quads, UPRIGHT))
    assert found[MIDDLE, 0] < start[MIDDLE, 0] + 1.6
