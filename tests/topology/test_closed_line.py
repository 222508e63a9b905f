"""Loops that follow a closed line."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.topology.closed_line import along_line, on_line

Array = NDArray[np.float64]


def circle(count: int, radius: float = 1.0, start: float = 0.0) -> Array:
    turn = start + 2.0 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(turn), np.sin(turn), 0.0 * turn], axis=1)


@pytest.mark.parametrize("direction", [1, -1])
def test_a_loop_goes_round_once_and_never_back(direction: int) -> None:
    jagged = circle(30, 1.1, 0.4)[::direction]
    jagged += np.random.default_rng(0).normal(scale=0.1, size=jagged.shape)
    places = along_line(jagged, circle(60))
    steps = (direction * np.diff(places, append=places[0]) + 30.0) % 60.0 - 30.0
    assert (steps >= 0.0).all()
    assert steps.sum() == pytest.approx(60.0)


def test_points_are_found_between_those_of_a_line() -> None:
    square = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    np.testing.assert_allclose(on_line(square, np.array([0.5, 3.5])), [[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]])
