"""The check of phone times sees times that are wrong."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training.fake_voices import babble
from training.boundary_check import LAGS, STEP, change_at_ends
from training.voices import Speech


@pytest.mark.parametrize("late", [-0.025, 0.0, 0.02])
def test_boundaries_are_found_where_the_sound_changes(late: float) -> None:
    speech = babble("one two three four five", 1.0)
    segments = [speech.segments[0]]
    segments += [replace(each, start=each.start + late, end=each.end + late) for each in speech.segments[1:]]
    changes = change_at_ends([Speech(speech.samples, tuple(segments))], "arpabet")
    assert STEP * LAGS[np.argmax(changes["vowel"])] == pytest.approx(-late, abs=1.1 * STEP)
    assert STEP * LAGS[np.argmax(changes["consonant"])] == pytest.approx(-late, abs=1.1 * STEP)
