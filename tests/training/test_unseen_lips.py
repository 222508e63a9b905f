"""Faces that were tracked with shut lips where the lower one was on the teeth, or the tongue between them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.lip_geometry import BITE, BITE_RISE, SEAL, mouth_size
from training.phones import Phone
from training.posture_limits import CURLED_ROOM, DENTAL_ROOM, LINGUAL_ROOM
from training.rig import RIG_CONTROLS
from training.unseen_lips import FAR, bite, make_room

FRAMES = 10


def face(**controls: float) -> NDArray[np.float64]:
    """Rig weights [FRAMES, R] of a face that holds still."""
    weights = np.zeros((FRAMES, len(RIG_CONTROLS)))
    for name, value in controls.items():
        for column, control in enumerate(RIG_CONTROLS):
            if name in (control, control[:-2]):
                weights[:, column] = value
    return weights


def measured(weights: NDArray[np.float64]) -> tuple[float, float, float]:
    """Height, width and rise of the mouth in the last frame."""
    size = mouth_size({name: weights[:, column] for column, name in enumerate(RIG_CONTROLS)})
    return size.height[-1], size.width[-1], size.rise[-1]


def test_a_bitten_lip_is_on_the_teeth_and_the_upper_one_shows_them() -> None:
    tracked = face(jawOpen=0.12, mouthClose=0.12, **SEAL)
    bitten = bite(tracked, np.ones(FRAMES))
    height, width, rise = measured(bitten)
    assert rise == pytest.approx(BITE_RISE, abs=0.003)
    assert height > measured(tracked)[0] + 0.01
    assert width == pytest.approx(measured(tracked)[1], abs=0.02)
    assert bitten[-1, RIG_CONTROLS.index("mouthRollLower")] == pytest.approx(BITE["mouthRollLower"])


def test_faces_stay_where_nothing_is_bitten_and_above_the_mouth() -> None:
    tracked = face(jawOpen=0.1, mouthSmile=0.3, browInnerUp=0.5, eyeBlink=1.0)
    np.testing.assert_array_equal(bite(tracked, np.zeros(FRAMES)), tracked)
    bitten = bite(tracked, np.ones(FRAMES))
    same = [c for c, name in enumerate(RIG_CONTROLS) if not name.startswith(("mouth", "jaw"))]
    same += [RIG_CONTROLS.index(f"mouthSmile_{side}") for side in "LR"]
    np.testing.assert_array_equal(bitten[:, same], tracked[:, same])


def test_a_mouth_wide_open_was_misheard() -> None:
    tracked = face(jawOpen=0.6)
    assert measured(tracked)[0] > FAR
    np.testing.assert_array_equal(bite(tracked, np.ones(FRAMES)), tracked)


def said(middle: str) -> list[Phone]:
    """A long phone between two vowels; the times of faces lie in its middle."""
    return [Phone("a", 0.0, 0.2), Phone(middle, 0.2, 0.6), Phone("a", 0.6, 0.8)]


TIMES = np.linspace(0.38, 0.42, FRAMES)


@pytest.mark.parametrize(("phone", "room"), [("θ", DENTAL_ROOM), ("ɹ", CURLED_ROOM), ("n", LINGUAL_ROOM)])
def test_lips_are_held_apart_for_what_the_tongue_makes(phone: str, room: float) -> None:
    tracked = face(jawOpen=0.12, mouthClose=0.12)
    assert measured(tracked)[0] < LINGUAL_ROOM
    parted = make_room(tracked, said(phone), TIMES)
    assert measured(parted)[0] == pytest.approx(room, rel=0.2)  # vowels beside it have their share
    assert parted[-1, RIG_CONTROLS.index("mouthClose")] < 0.12


def test_lips_stay_where_there_is_room_or_they_must_touch() -> None:
    shut, parted = face(jawOpen=0.12, mouthClose=0.12), face(jawOpen=0.3)
    np.testing.assert_array_equal(make_room(parted, said("θ"), TIMES), parted)
    for phone in ("b", "m", "f", "a"):
        np.testing.assert_allclose(make_room(shut, said(phone), TIMES), shut, atol=1e-3)
