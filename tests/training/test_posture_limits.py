"""What phones do to a mouth beyond what the calibration's speaker does."""

import numpy as np
import pytest

from training.articulation import articulate
from training.lip_geometry import MouthSize, mouth_size
from training.phones import PAUSE, Phone
from training.posture_limits import CURLED_ROOM, LABIALISED, limits, opening
from training.rig import RIG_CONTROLS
from training.speaking_style import SpeakingStyle

SECONDS = 0.12  # of every phone


def said(*names: str) -> list[MouthSize]:
    """The mouth in the middle of each of some phones, between pauses, in the calibration speaker's manner."""
    starts = 0.5 + SECONDS * np.arange(len(names) + 1)
    phones = [Phone(name, start, start + SECONDS) for name, start in zip(names, starts, strict=False)]
    phones = [Phone(PAUSE, 0.0, 0.5), *phones, Phone(PAUSE, float(starts[-1]), 2.0)]
    weights = articulate(phones, 100, SpeakingStyle(), np.random.default_rng(0)).astype(np.float64)
    whole = mouth_size({name: weights[:, column] for column, name in enumerate(RIG_CONTROLS)})
    middles = [round(50 * (start + SECONDS / 2)) for start in starts[:-1]]
    return [MouthSize(*(curve[middle] for curve in whole)) for middle in middles]


@pytest.mark.parametrize(("close", "open_"), [("i", "a"), ("ɪ", "æ"), ("i", "ɑ")])
def test_open_vowels_open_the_mouth_further_than_close_ones(close: str, open_: str) -> None:
    assert opening(open_) > opening(close)
    assert said("t", open_, "t")[1].height > 1.2 * said("t", close, "t")[1].height


@pytest.mark.parametrize("name", ["ɹ", "w", "j"])
def test_lips_do_not_touch_for_what_is_not_made_by_touching(name: str) -> None:
    assert said("a", name, "a")[1].height > 0.015
    assert said("a", "b", "a")[1].height < 0.0


@pytest.mark.parametrize("name", ["ʃ", "tʃ", "dʒ", "ʒ", "ɹ", "ɝ"])
def test_lips_round_for_hushing_sounds_and_r(name: str) -> None:
    assert limits(name, opens=False)[1] == LABIALISED
    assert said("a", name, "a")[1].width < said("a", "s", "a")[1].width - 0.01


def test_an_h_is_said_with_the_lips_of_its_vowel() -> None:
    in_spread, in_rounded = (said("h", vowel, "t")[0] for vowel in ("i", "u"))
    assert in_spread.width > in_rounded.width
    assert min(in_spread.height, in_rounded.height) > 0.02


def test_pauses_know_no_limits() -> None:
    assert limits(PAUSE, opens=True) == limits(PAUSE, opens=False) == (-np.inf, np.inf)
    assert opening(PAUSE) == opening("u") == 1.0
    assert limits("ɹ", opens=True)[0] == CURLED_ROOM
