"""Rims on a tube of quads, whose rings are edge loops as those around a mouth are."""

import numpy as np

from training.quad_loops import QuadLoops
from training.rims import LIP_COLUMNS, LIP_ROWS, lip_rims

RINGS, AROUND = 14, 74
LINE = 6


def tube() -> tuple[QuadLoops, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    ring, place = np.divmod(np.arange(RINGS * AROUND), AROUND)
    angle = 2.0 * np.pi * place / AROUND
    vertices = np.stack([np.sin(angle), 0.3 * np.cos(angle), 0.2 * ring], axis=1)
    corner = np.arange((RINGS - 1) * AROUND)
    following = corner - corner % AROUND + (corner + 1) % AROUND
    return QuadLoops(np.stack([corner, following, following + AROUND, corner + AROUND], axis=1)), vertices


def test_rims_are_columns_from_corner_to_corner_and_rows_from_inside_to_outside() -> None:
    loops, vertices = tube()
    first = LINE * AROUND
    rims = lip_rims(loops, vertices, first, first + AROUND // 2)
    assert rims.vertices.shape == (2, sum(LIP_ROWS) + 1, LIP_COLUMNS)
    assert rims.line == LIP_ROWS[0]
    grid = vertices[rims.vertices]
    assert (np.diff(grid[..., 0], axis=2) > -0.01).all()  # of an even number of vertices, two are at a corner
    assert (np.diff(grid[..., 2], axis=1) > 0.0).all()
    assert np.allclose(grid[:, rims.line, :, 2], 0.2 * LINE)
    assert (grid[0, :, 2:-2, 1] > 0.0).all()
    assert (grid[1, :, 2:-2, 1] < 0.0).all()


def test_a_walk_off_a_line_ends_at_the_border() -> None:
    loops, _ = tube()
    start = LINE * AROUND
    assert loops.walk(start, start + AROUND) == [start + row * AROUND for row in range(RINGS - LINE)]
