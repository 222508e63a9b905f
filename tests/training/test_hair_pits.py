"""Pits in hair are filled; what stands out and shallow grooves stay."""

import numpy as np
from numpy.typing import NDArray

from training.hair_pits import GROOVE, fill_pits
from training.skin_surface import MILLIMETRE

SIDE = 41
STEP = 1.5 * MILLIMETRE


def _plane(height: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    x, y = np.meshgrid(STEP * np.arange(SIDE), STEP * np.arange(SIDE), indexing="ij")
    index = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    return np.stack([x, y, height], axis=-1).reshape(-1, 3), quads


def _heights(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    return vertices[:, 2].reshape(SIDE, SIDE)


def test_a_pit_is_filled_to_a_grooves_depth() -> None:
    height = np.zeros((SIDE, SIDE))
    height[19:22, 19:22] = -6.0 * MILLIMETRE
    filled = _heights(fill_pits(*_plane(height)))
    assert filled.min() > -3.0 * GROOVE
    assert np.abs(filled[:8]).max() < 1e-9, "far from it nothing moves"


def test_what_stands_out_stays_and_so_do_shallow_grooves() -> None:
    height = np.zeros((SIDE, SIDE))
    height[19:22, 19:22] = 6.0 * MILLIMETRE
    height[8] = -0.8 * GROOVE
    filled = _heights(fill_pits(*_plane(height)))
    np.testing.assert_allclose(filled[19:22, 19:22], height[19:22, 19:22], atol=0.3 * MILLIMETRE)
    np.testing.assert_allclose(filled[8], height[8], atol=1e-9)
