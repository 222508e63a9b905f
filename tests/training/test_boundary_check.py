"""The check of phone times sees times that are wrong."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training.fake_voices import babble
from training.boundary_check import LAGS, STEP, change_around_boundaries
from training.voices import Speech


@pytest.mark.parametrize("late", [-0.04, 0.0, 0.02])
def test_boundaries_are_found_where_the_sound_changes(late: float) -> None:
    speech = babble("one two three four five", 1.0)
    segments = [speech.segments[0]]
    segments += [replace(each, start=each.start + late, end=each.end + late) for each in speech.segments[1:]]
    change = change_around_boundaries([Speech(speech.samples, tuple(segments))])
    assert STEP * LAGS[np.argmax(change)] == pytest.approx(-late, abs=1.1 * STEP)
