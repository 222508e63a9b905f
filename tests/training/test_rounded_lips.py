"""Recorded lips that are rounded further."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.lip_geometry import mouth_size
from training.rig import RIG_CONTROLS
from training.rounded_lips import FURTHER, round_further


def face(**controls: float) -> NDArray[np.float64]:
    """Rig weights ``[1, R]``."""
    return np.array([[controls.get(name, 0.0) for name in RIG_CONTROLS]])


def size(weights: NDArray[np.float64]) -> tuple[float, float]:
    """Height and width of the mouth."""
    found = mouth_size({name: weights[0, column] for column, name in enumerate(RIG_CONTROLS)})
    return float(found.height), float(found.width)


@pytest.mark.parametrize(
    "drawn", [{"mouthPucker": 0.3}, {"mouthFunnel": 0.2}, {"mouthPucker": 0.2, "mouthFunnel": 0.2}]
)
def test_lips_are_drawn_in_further_and_open_no_further(drawn: dict[str, float]) -> None:
    height, width = size(face(**drawn))
    higher, narrower = size(round_further(face(**drawn)))
    assert narrower == pytest.approx(FURTHER * width)
    assert higher == pytest.approx(height, abs=0.003)


def test_other_mouths_stay() -> None:
    smile = face(mouthSmile_L=0.5, jawOpen=0.3, mouthClose=0.1)
    np.testing.assert_array_equal(round_further(smile), smile)


def test_nobody_rounds_further_than_the_rig_can() -> None:
    assert round_further(face(mouthPucker=0.9, mouthFunnel=0.5))[0, RIG_CONTROLS.index("mouthPucker")] == 1.0
