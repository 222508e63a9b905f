"""The tongue's sheet, unrolled: a blade that lies over a floor and is one with it at its root."""

import numpy as np
from numpy.typing import NDArray

from training.tongue_sheet import APART, apart, tongue_of

ROWS, COLUMNS, GAP = 30, 5, 0.001


def sheet() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Along the middle: the back from its root to the tip, its underside to the fold, the floor to the gum's rim."""
    back = np.stack([np.linspace(-0.09, 0.12, 12), np.full(12, -0.21)], axis=1)
    under = np.stack([np.linspace(0.12, -0.02, 8), np.full(8, -0.26)], axis=1)
    floor = np.stack([np.linspace(-0.02, 0.13, 10), np.full(10, -0.26 - GAP)], axis=1)
    line = np.concatenate([back, under, floor])
    x = np.linspace(-0.4, 0.4, COLUMNS)  # its sides are far
    vertices = np.stack([np.tile(x, ROWS), np.repeat(line[:, 1], COLUMNS), np.repeat(line[:, 0], COLUMNS)], axis=1)
    index = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    return vertices, quads


def test_tongue_is_what_is_nearer_to_its_back_along_the_sheet() -> None:
    vertices, quads = sheet()
    rows = tongue_of(vertices, quads).reshape(ROWS, COLUMNS)[:, COLUMNS // 2]
    assert rows[:14].all()
    assert not rows[-3:].any()


def test_tongue_and_floor_give_way_to_each_other_by_half() -> None:
    vertices, quads = sheet()
    tongue = np.repeat(np.arange(ROWS) < 20, COLUMNS)
    moved = apart(vertices, quads, tongue)
    inner = slice(22 * COLUMNS, 27 * COLUMNS)
    assert np.allclose(moved[inner, 1], vertices[inner, 1] - 0.5 * (APART - GAP), atol=2e-4)
    assert np.array_equal(moved[: 8 * COLUMNS], vertices[: 8 * COLUMNS])
    assert np.array_equal(moved[:, [0, 2]], vertices[:, [0, 2]])
