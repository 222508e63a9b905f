"""Whispers have no pitch, songs hold their vowels, and the segments move with the sound."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from tests.training.fake_voices import babble
from training.voices import Segment

pytest.importorskip("pyworld")
from training import vocoder

SPEECH = babble("one two three four", 1.5)


def voiced_share(samples: NDArray[np.float32]) -> float:
    return float((vocoder.take_apart(samples).pitch > 0).mean())


def loud_share(samples: NDArray[np.float32], segments: list[Segment], symbol: str) -> float:
    """Energy within the segments of ``symbol``, of all energy."""
    inside = np.zeros(len(samples), bool)
    for segment in segments:
        if segment.symbol == symbol:
            inside[int(segment.start * SAMPLE_RATE) : int(segment.end * SAMPLE_RATE)] = True
    return float((samples[inside] ** 2).sum() / (samples**2).sum())


def test_taken_apart_and_put_together_keeps_times() -> None:
    again = vocoder.put_together(vocoder.take_apart(SPEECH.samples))
    assert len(again) / SAMPLE_RATE == pytest.approx(SPEECH.seconds, abs=2 * vocoder.FRAME)
    assert loud_share(again, list(SPEECH.segments), "aa") > 0.9


def test_pitch_moves() -> None:
    parts = vocoder.take_apart(SPEECH.samples)
    higher = vocoder.put_together(vocoder.change_voice(parts, 1.5, 1.0, 1.0))
    assert vocoder.take_apart(higher).median_pitch() == pytest.approx(1.5 * parts.median_pitch(), rel=0.03)


def test_a_whisper_has_no_pitch() -> None:
    parts = vocoder.take_apart(SPEECH.samples)
    assert voiced_share(SPEECH.samples) > 0.4
    assert voiced_share(vocoder.put_together(vocoder.whisper(parts))) < 0.1


def test_a_shout_is_higher_and_brighter() -> None:
    parts = vocoder.take_apart(SPEECH.samples)
    shouted = vocoder.shout(parts)
    middle = parts.spectrum.shape[1] // 2
    assert shouted.median_pitch() > 1.3 * parts.median_pitch()
    assert (shouted.spectrum[:, middle] > 5 * parts.spectrum[:, middle]).all()


def test_pace_scales_sound_and_segments() -> None:
    parts, segments = vocoder.change_pace(vocoder.take_apart(SPEECH.samples), SPEECH.segments, 1.3)
    slow = vocoder.put_together(parts)
    assert len(slow) / SAMPLE_RATE == pytest.approx(1.3 * SPEECH.seconds, abs=0.03)
    assert segments[-1].end == pytest.approx(1.3 * SPEECH.segments[-1].end)
    assert loud_share(slow, segments, "aa") > 0.9


def test_a_song_holds_vowels_and_keeps_consonants() -> None:
    is_vowel = [segment.symbol == "aa" for segment in SPEECH.segments]
    parts, segments = vocoder.sing(
        vocoder.take_apart(SPEECH.samples), SPEECH.segments, is_vowel, np.random.default_rng(0)
    )
    song = vocoder.put_together(parts)
    assert loud_share(song, segments, "aa") > 0.9
    for before, after, vowel in zip(SPEECH.segments, segments, is_vowel, strict=True):
        assert after.symbol == before.symbol
        if not vowel:
            assert after.end - after.start == pytest.approx(before.end - before.start)
    held = [each.end - each.start for each, vowel in zip(segments, is_vowel, strict=True) if vowel]
    spoken = [each.end - each.start for each, vowel in zip(SPEECH.segments, is_vowel, strict=True) if vowel]
    assert sum(held) > 1.5 * sum(spoken)
    notes = {round(12 * np.log2(pitch)) for pitch in parts.pitch[parts.pitch > 0]}
    assert len(notes) > 1


def test_a_song_has_a_voice_even_where_speech_creaks() -> None:
    spoken = vocoder.take_apart(SPEECH.samples)
    first = next(segment for segment in SPEECH.segments if segment.symbol == "aa")
    creaking = np.arange(len(spoken.pitch)) * vocoder.FRAME < first.end
    hoarse = replace(spoken, pitch=np.where(creaking, 0.0, spoken.pitch))
    is_vowel = [segment.symbol == "aa" for segment in SPEECH.segments]
    song, segments = vocoder.sing(hoarse, SPEECH.segments, is_vowel, np.random.default_rng(0))
    held = next(segment for segment in segments if segment.symbol == "aa")
    frames = slice(round(held.start / vocoder.FRAME) + 2, round(held.end / vocoder.FRAME) - 2)
    assert (song.pitch[frames] > 0).all()
