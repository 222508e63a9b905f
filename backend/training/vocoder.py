"""A voice taken apart and put together again: pitch, timbre and noisiness over time, each changed on its own.

The WORLD vocoder (Morise, Yokomori, Ozawa, "WORLD: a vocoder-based high-quality speech synthesis system for real-time
applications", 2016) does it, in frames of 10 ms. A whisper has the timbre without the pitch; a song holds the vowels
over notes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from facetalk.clip import SAMPLE_RATE
from training.installed import python_module
from training.voices import Segment

FRAME = 0.01  # seconds
Curve = NDArray[np.float64]

# Whispers lack the low frequencies that the vocal cords make.
_WHISPER_LOW_CUT_HZ, _WHISPER_LOW_CUT_DB = 700.0, 18.0
_SHOUT_PITCH, _SHOUT_LIFT_HZ, _SHOUT_LIFT_DB = 1.5, 2500.0, 10.0
# At a vowel's edges, where it flows into its neighbours, a song keeps the pace of speech; in seconds.
_VOWEL_EDGE = 0.04
_BEATS, _BEAT_CHANCES = (0.5, 1.0, 1.5, 2.0, 4.0), (0.3, 0.4, 0.1, 0.15, 0.05)
_SCALE = (0, 2, 4, 5, 7, 9, 11)  # semitones of a major scale
_PORTAMENTO = 0.035
_LOWEST_NOTE, _HIGHEST_NOTE = 80.0, 700.0  # Hz


@dataclass(frozen=True)
class TakenApart:
    """A sound in frames of `FRAME` seconds: pitch in Hz (0: none) ``[F]``, power spectrum and noisiness ``[F, B]``."""

    pitch: Curve
    spectrum: Curve
    noisiness: Curve

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.pitch) * FRAME

    def median_pitch(self) -> float:
        """In Hz over voiced frames; 120 where there are none."""
        voiced = self.pitch[self.pitch > 0]
        return float(np.median(voiced)) if len(voiced) else 120.0


def take_apart(samples: NDArray[np.float32]) -> TakenApart:
    """Analyse samples float32 ``[S]``, 16 kHz.

    Raises:
        UserError: pyworld is not installed.
    """
    world = _world()
    sound = samples.astype(np.float64)
    rough, times = world.dio(sound, SAMPLE_RATE, f0_floor=60.0, f0_ceil=500.0, frame_period=1000 * FRAME)
    pitch = world.stonemask(sound, rough, times, SAMPLE_RATE)
    spectrum = world.cheaptrick(sound, pitch, times, SAMPLE_RATE)
    noisiness = world.d4c(sound, pitch, times, SAMPLE_RATE)
    return TakenApart(pitch, spectrum, noisiness)


def put_together(parts: TakenApart) -> NDArray[np.float32]:
    """The sound float32 ``[S]``, 16 kHz, of ``parts``."""
    arrays = (np.ascontiguousarray(each) for each in (parts.pitch, parts.spectrum, parts.noisiness))
    sound = _world().synthesize(*arrays, SAMPLE_RATE, 1000 * FRAME)
    return np.asarray(np.clip(sound, -1.0, 1.0), np.float32)


def change_voice(parts: TakenApart, pitch: float, range_: float, formants: float) -> TakenApart:
    """Another speaker or mood: pitch times ``pitch``, its excursions in octaves times ``range_``, formants scaled."""
    middle = parts.median_pitch()
    voiced = parts.pitch > 0
    relative = np.where(voiced, parts.pitch, middle) / middle
    moved = np.where(voiced, np.clip(middle * pitch * relative**range_, 60.0, 600.0), 0.0)
    bins = np.arange(parts.spectrum.shape[1])
    place = np.minimum(bins / formants, bins[-1])
    low = np.minimum(place.astype(int), len(bins) - 2)
    share = place - low
    spectrum = parts.spectrum[:, low] ** (1 - share) * parts.spectrum[:, low + 1] ** share
    return replace(parts, pitch=moved, spectrum=spectrum)


def whisper(parts: TakenApart) -> TakenApart:
    """The same, whispered: no pitch, noise in its place, little below `_WHISPER_LOW_CUT_HZ`."""
    frequency = np.linspace(0.0, SAMPLE_RATE / 2, parts.spectrum.shape[1])
    cut = _WHISPER_LOW_CUT_DB * np.clip(1.0 - frequency / _WHISPER_LOW_CUT_HZ, 0.0, 1.0)
    return TakenApart(np.zeros_like(parts.pitch), parts.spectrum * 10 ** (-cut / 10), np.ones_like(parts.noisiness))


def shout(parts: TakenApart) -> TakenApart:
    """The same, shouted: higher, less noisy, and with far more of the high frequencies (Lombard speech)."""
    frequency = np.linspace(0.0, SAMPLE_RATE / 2, parts.spectrum.shape[1])
    lift = _SHOUT_LIFT_DB * np.clip(frequency / _SHOUT_LIFT_HZ, 0.0, 1.0)
    pitch = np.minimum(parts.pitch * _SHOUT_PITCH, 650.0)
    return TakenApart(pitch, parts.spectrum * 10 ** (lift / 10), parts.noisiness**1.5)


def change_pace(parts: TakenApart, segments: Sequence[Segment], stretch: float) -> tuple[TakenApart, list[Segment]]:
    """Everything ``stretch`` times as long."""
    return _warp(parts, segments, [segments[0].start, segments[-1].end], [0.0, segments[-1].end * stretch])


def sing(
    parts: TakenApart, segments: Sequence[Segment], is_vowel: Sequence[bool], rng: np.random.Generator
) -> tuple[TakenApart, list[Segment]]:
    """The same words sung: every vowel held over a note of a melody, with vibrato; consonants keep their pace.

    Args:
        parts: spoken words.
        segments: consecutive, from 0 to the end.
        is_vowel: of every segment.
        rng: the source of tempo, rhythm and melody.

    Returns:
        The song and its segments.
    """
    beat = 60.0 / rng.uniform(70.0, 140.0)
    before, after = [segments[0].start], [0.0]
    for segment, vowel in zip(segments, is_vowel, strict=True):
        length = segment.end - segment.start
        if vowel:
            edge = min(_VOWEL_EDGE, length / 3)
            held = max(float(rng.choice(_BEATS, p=_BEAT_CHANCES)) * beat, length)
            for old, new in ((segment.start + edge, edge), (segment.end - edge, held - 2 * edge), (segment.end, edge)):
                before.append(old)
                after.append(after[-1] + new)
        else:
            before.append(segment.end)
            after.append(after[-1] + length)
    song, sung = _warp(_voiced(parts, segments, is_vowel), segments, before, after)
    onsets = [each.start for each, vowel in zip(sung, is_vowel, strict=True) if vowel]
    melody = _melody(onsets, len(song.pitch), parts.median_pitch(), rng)
    return replace(song, pitch=np.where(song.pitch > 0, melody, 0.0)), sung


def _voiced(parts: TakenApart, segments: Sequence[Segment], is_vowel: Sequence[bool]) -> TakenApart:
    """With a voice in all vowels, also where they creak and no pitch was found."""
    found = parts.pitch > 0
    if not found.any():
        return parts
    times = np.arange(len(parts.pitch)) * FRAME
    missing = np.zeros(len(times), bool)
    for segment, vowel in zip(segments, is_vowel, strict=True):
        if vowel:
            missing |= (times >= segment.start) & (times < segment.end) & ~found
    pitch = np.where(missing, parts.median_pitch(), parts.pitch)
    noisiness = np.where(missing[:, None], np.median(parts.noisiness[found], axis=0), parts.noisiness)
    return replace(parts, pitch=pitch, noisiness=noisiness)


def _warp(
    parts: TakenApart, segments: Sequence[Segment], before: Sequence[float], after: Sequence[float]
) -> tuple[TakenApart, list[Segment]]:
    """Move what happened at the times ``before`` to the times ``after``, and all between along."""
    times = np.arange(round(after[-1] / FRAME)) * FRAME
    frames = np.clip(np.rint(np.interp(times, after, before) / FRAME).astype(int), 0, len(parts.pitch) - 1)
    starts = np.interp([each.start for each in segments], before, after)
    ends = np.interp([each.end for each in segments], before, after)
    moved = [
        Segment(each.symbol, float(start), float(end)) for each, start, end in zip(segments, starts, ends, strict=True)
    ]
    return TakenApart(parts.pitch[frames], parts.spectrum[frames], parts.noisiness[frames]), moved


def _melody(onsets: Sequence[float], frames: int, middle: float, rng: np.random.Generator) -> Curve:
    """Pitch in Hz ``[frames]``: a wander over a scale, one note per onset, notes joined, held ones trembling."""
    key = np.log2(middle * 2 ** rng.uniform(-0.1, 0.5))
    degree, since = int(rng.integers(0, 7)), np.zeros(frames)
    semitones = np.zeros(frames)
    times = np.arange(frames) * FRAME
    for onset in onsets or [0.0]:
        degree = int(np.clip(degree + rng.integers(-3, 4), -4, 11))
        sounding = times >= onset
        semitones[sounding] = 12 * (degree // 7) + _SCALE[degree % 7]
        since[sounding] = times[sounding] - onset
    glide = gaussian_filter1d(semitones, _PORTAMENTO / FRAME)
    depth = rng.uniform(0.1, 0.45) * np.clip((since - 0.15) / 0.25, 0.0, 1.0)
    vibrato = depth * np.sin(2 * np.pi * rng.uniform(4.8, 6.2) * times)
    pitch = 2 ** (key + (glide + vibrato) / 12)
    return np.asarray(np.clip(pitch, _LOWEST_NOTE, _HIGHEST_NOTE))


def _world() -> ModuleType:
    return python_module("pyworld", "pyworld")
