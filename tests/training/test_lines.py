"""Lines: all that was said, in order, with its times, whatever was done to the sound."""

import numpy as np
import pytest

from facetalk.clip import SAMPLE_RATE
from tests.training.fake_voices import babble
from training import augmentation, lines
from training.lines import NO_SPEECH, compose_lines
from training.speech_layer import SpokenText
from training.voices import SILENCE

TEXTS = ("one two three", "four five", "six", "seven eight nine ten", "eleven twelve")
SPOKEN = [SpokenText(text, 1.0, babble(text, 1.0)) for text in TEXTS]


@pytest.fixture(autouse=True)
def _simple(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "VOICINGS", {"spoken": 1.0})
    monkeypatch.setattr(lines, "VOICE_CHANGED_SHARE", 0.0)


def test_everything_is_said_once_and_in_order() -> None:
    for seed in range(10):
        made = compose_lines(SPOKEN, "arpabet", np.random.default_rng(seed))
        assert " ".join(line.text for line in made[:-1]) == " ".join(TEXTS)
        assert made[-1].manner == NO_SPEECH
        assert [segment.symbol for segment in made[-1].segments] == [SILENCE]


def test_segments_cover_the_sound() -> None:
    for seed in range(10):
        for line in compose_lines(SPOKEN, "arpabet", np.random.default_rng(seed)):
            assert line.segments[0].start == 0.0
            assert line.segments[-1].end == pytest.approx(len(line.samples) / SAMPLE_RATE, abs=0.002)
            assert len(line.levels_db) == len(line.segments)
            assert np.isfinite(line.samples).all()
            assert np.abs(line.samples).max() <= 1.0


def test_levels_are_those_of_the_clean_sound() -> None:
    made = compose_lines(SPOKEN, "arpabet", np.random.default_rng(1))[:-1]
    for line in made:
        levels: dict[str, list[float]] = {"aa": [], "b": []}
        for segment, level in zip(line.segments, line.levels_db, strict=True):
            levels.get(segment.symbol, []).append(level)
        assert min(levels["aa"]) > max(levels["b"]) + 10


def test_recording_changes_the_sound_but_not_its_times() -> None:
    clean = babble("one two three four", 1.0).samples
    clean = np.concatenate([np.zeros(8000, np.float32), clean, np.zeros(8000, np.float32)])
    energy = np.sqrt((clean[: len(clean) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1))
    for seed in range(20):
        heard, done = augmentation.record(clean, np.random.default_rng(seed))
        assert heard.shape == clean.shape
        assert np.isfinite(heard).all()
        assert np.abs(heard).max() <= 1.0
        assert "level_db" in done
        other = np.sqrt((heard[: len(energy) * 160].reshape(-1, 160) ** 2).mean(axis=1))
        lags = [np.corrcoef(np.roll(energy, lag), other)[0, 1] for lag in range(-5, 6)]
        # Reverberation lengthens sounds; nothing may move them by more than 20 ms.
        assert abs(int(np.argmax(lags)) - 5) <= 2


def test_vocal_tract_scales_times_exactly() -> None:
    speech = babble("one two three", 1.0)
    shifted = lines.with_vocal_tract(speech, 1.25)
    assert shifted.seconds == pytest.approx(speech.seconds / 1.25, abs=1e-3)
    for before, after in zip(speech.segments, shifted.segments, strict=True):
        assert after.end == pytest.approx(before.end / 1.25, abs=1e-3)
