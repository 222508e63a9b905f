"""Faces that are tangled are taken apart, on identities as on the mean head."""

import numpy as np
from numpy.typing import NDArray

from training.untangling import tangled_faces, untangled, untangled_everywhere

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SIDE = 9
MIDDLE = SIDE * SIDE // 2


def sheet() -> tuple[Array, Indices]:
    """A flat square sheet of quads in the plane z = 0."""
    x, y = np.meshgrid(np.arange(SIDE, dtype=np.float64), np.arange(SIDE, dtype=np.float64), indexing="ij")
    index = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    return np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1), quads


def flat(vertices: Array) -> Array:
    return vertices * [1.0, 1.0, 0.0]


def pushed(vertices: Array) -> Array:
    """An identity on which one vertex is carried over its neighbour, if that is too near."""
    carried = vertices.copy()
    carried[MIDDLE, 0] += 0.7
    return carried


def test_a_fold_goes_back_to_where_there_was_none() -> None:
    start, quads = sheet()
    moved = start.copy()
    moved[MIDDLE, 0] += 1.6
    assert len(tangled_faces(moved, quads))
    apart = untangled(moved, quads, start)
    assert not len(tangled_faces(apart, quads))


def test_what_is_tangled_on_an_identity_alone_is_evened_out_for_all() -> None:
    start, quads = sheet()
    start[MIDDLE + SIDE, 0] -= 0.45
    rim = np.flatnonzero((start[:, :2].min(axis=1) < 0.5) | (start[:, :2].max(axis=1) > SIDE - 1.5))
    assert not len(tangled_faces(start, quads))
    assert len(tangled_faces(pushed(start), quads))
    found = untangled_everywhere(start, quads, [flat, pushed], flat, rim)
    assert not len(tangled_faces(pushed(found), quads))
    assert not len(tangled_faces(found, quads))
    assert np.array_equal(found[rim], start[rim])


def test_a_sound_sheet_stays_as_it_is() -> None:
    start, quads = sheet()
    assert np.array_equal(untangled_everywhere(start, quads, [flat], flat), start)
