"""Lips that part for breath before a line and between sentences."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.articulation import articulate
from training.breath_before_speech import LEAD, LEAST, MOST, RISE, breath_before_speech, take_breath
from training.parted_lips import lip_height
from training.phones import PAUSE, Phone
from training.rig import RIG_CONTROLS
from training.speaking_style import SpeakingStyle

RATE = 50
SECONDS = 4.0
FRAMES = int(SECONDS * RATE)


def breath(*pauses: tuple[float, float], seed: int = 0) -> NDArray[np.float64]:
    return breath_before_speech(pauses, FRAMES, RATE, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(8))
def test_lips_part_before_speech_and_not_long_before(seed: int) -> None:
    parted = breath((0.0, 3.0), seed=seed)
    height = parted.max()
    assert LEAST <= height <= MOST
    assert not parted[: int((3.0 - LEAD[1]) * RATE)].any()
    # Up when all have risen, until they leave the mouth to the first sound.
    assert parted[int((3.0 - LEAD[0] + RISE) * RATE) + 1 : int(2.85 * RATE)] == pytest.approx(height)
    assert not parted[int(3.0 * RATE) :].any()


def test_a_line_may_begin_in_the_middle_of_a_breath() -> None:
    assert breath((0.0, 0.4))[0] >= LEAST


def test_lips_rest_first_after_the_sentence_before() -> None:
    parted = breath((1.0, 1.5))
    assert not parted[: int(1.15 * RATE)].any()
    assert parted.max() > 0.0


def test_nobody_breathes_in_a_short_pause() -> None:
    assert not breath((1.0, 1.2)).any()


def test_shut_lips_part_as_far_as_breath_asks_and_open_ones_stay() -> None:
    weights = np.zeros((FRAMES, len(RIG_CONTROLS)))
    weights[:, RIG_CONTROLS.index("jawOpen")] = 0.1
    weights[:, RIG_CONTROLS.index("mouthClose")] = 0.09
    parted = breath((0.0, 3.0))
    taken = lip_height(take_breath(weights, parted))
    asked = parted > np.maximum(lip_height(weights), 0.0)
    assert taken[asked] == pytest.approx(parted[asked])
    assert taken[~asked] == pytest.approx(lip_height(weights)[~asked])
    weights[:, RIG_CONTROLS.index("mouthClose")] = 0.0
    weights[:, RIG_CONTROLS.index("jawOpen")] = 0.6
    np.testing.assert_array_equal(take_breath(weights, parted), weights)


def test_an_articulated_line_begins_with_a_breath_and_ends_at_rest() -> None:
    phones = [Phone(PAUSE, 0.0, 1.5), Phone("m", 1.5, 1.7), Phone("ɑ", 1.7, 2.0), Phone(PAUSE, 2.0, SECONDS)]
    face = articulate(phones, FRAMES, SpeakingStyle(), np.random.default_rng(0)).astype(np.float64)
    height = lip_height(face)
    assert height[int(1.3 * RATE)] >= LEAST - 1e-3
    assert height[: int(0.15 * RATE)].max() < LEAST
    assert height[int(1.58 * RATE) : int(1.64 * RATE)].min() < 1e-6
    assert height[int(2.6 * RATE) :].max() < LEAST
