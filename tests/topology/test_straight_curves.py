"""Curves with few keys."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.topology.straight_curves import straightened

TIME = np.linspace(0.0, 6.0, 300)
CURVES = np.stack([np.sin(TIME), np.random.default_rng(0).normal(size=300), 0.0 * TIME, 3.0 * TIME], axis=1)


def bends(curves: NDArray[np.float64]) -> list[int]:
    return [int((np.abs(np.diff(curve, 2)) > 1e-9).sum()) for curve in curves.T]


@pytest.mark.parametrize("tolerance", [0.001, 0.02])
def test_no_frame_is_farther_off_than_the_tolerance(tolerance: float) -> None:
    tolerances = tolerance * np.array([1.0, 2.0, 1.0, 1.0])
    off = np.abs(straightened(CURVES, tolerances) - CURVES).max(axis=0)
    assert (off <= tolerances + 1e-12).all()
    assert off[0] > 0.3 * tolerance, "what may be left out is left out"


def test_smooth_curves_keep_few_keys_and_straight_ones_none() -> None:
    found = bends(straightened(CURVES, np.full(4, 0.01)))
    assert found[0] < 30
    assert found[1] > 250
    assert found[2:] == [0, 0]


@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_takes_stay_as_they_are(frames: int) -> None:
    np.testing.assert_array_equal(straightened(CURVES[:frames], np.full(4, 0.1)), CURVES[:frames])
