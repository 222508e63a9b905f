"""Lines as the motion model hears them: sentences of one voice, in a manner of speaking, through some microphone.

A line is spoken, whispered, shouted or sung, with pauses and breaths between its sentences; its voice, pace and vocal
tract vary; then comes the recording (`training.augmentation`). Every change of time moves the segments along.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from training import augmentation, vocoder
from training.emotion import Emotion, Feeling
from training.phone_prominence import is_vowel_segment
from training.speaking_style import Voicing
from training.speech_layer import SpokenText
from training.voices import SILENCE, Alphabet, Segment, Speech, closed

Treatment = dict[str, float | str]

NO_SPEECH: Literal["no speech"] = "no speech"
Manner = Voicing | Literal["no speech"]
VOICINGS: dict[Voicing, float] = {"spoken": 0.86, "whispered": 0.05, "shouted": 0.04, "sung": 0.05}
EMOTIONAL_SHARE = 0.5
# A synthesiser has one voice and a recording one pace besides.
VOICE_CHANGED_SHARE, RECORDING_CHANGED_SHARE = 0.25, 0.5
SONG_WITH_MUSIC_SHARE = 0.5
BREATH_SHARE = 0.3
MOST_SENTENCES = 4
# A recording cannot be asked to speak faster or slower: logarithm of its pace, deviation.
RECORDING_PACE = 0.1
VOCAL_TRACT = 0.09


class Prosody(NamedTuple):
    """What an emotion of full strength does to a voice: factors of pitch, of its range, and of length."""

    pitch: float = 1.0
    range_: float = 1.0
    stretch: float = 1.0


# The directions are those found in acted speech by Banse and Scherer, "Acoustic profiles in vocal emotion expression"
# (1996); the amounts are moderate, since one voice's sadness is another's habit.
EMOTIONAL_PROSODY: dict[Feeling, Prosody] = {
    "neutral": Prosody(),
    "happy": Prosody(1.15, 1.4, 0.95),
    "sad": Prosody(0.94, 0.6, 1.15),
    "angry": Prosody(1.1, 1.3, 0.92),
    "surprised": Prosody(1.2, 1.6, 1.0),
    "afraid": Prosody(1.25, 0.9, 0.9),
    "disgusted": Prosody(0.93, 0.8, 1.08),
}


@dataclass(frozen=True)
class Line:
    """Samples float32 ``[S]`` at 16 kHz, the segments in them with their clean levels, and how it all came about.

    Attributes:
        samples: the sound.
        segments: consecutive, from 0 to the end.
        levels_db: of every segment in the clean sound.
        text: what is said.
        manner: how it is said, or `NO_SPEECH`.
        emotion: what is felt.
        treatment: what was done to the sound.
    """

    samples: NDArray[np.float32]
    segments: tuple[Segment, ...]
    levels_db: tuple[float, ...]
    text: str
    manner: Manner
    emotion: Emotion
    treatment: Treatment


def compose_lines(spoken: Sequence[SpokenText], alphabet: Alphabet, rng: np.random.Generator) -> list[Line]:
    """Lines that say all of ``spoken`` in its order, and one without speech in which the face rests."""
    lines, now = [], 0
    while now < len(spoken):
        count = int(rng.integers(1, MOST_SENTENCES + 1))
        lines.append(_compose(spoken[now : now + count], alphabet, rng))
        now += count
    return [*lines, _without_speech(rng)]


def _compose(spoken: Sequence[SpokenText], alphabet: Alphabet, rng: np.random.Generator) -> Line:
    emotion = Emotion.draw(rng, EMOTIONAL_SHARE)
    voicing = list(VOICINGS)[rng.choice(len(VOICINGS), p=list(VOICINGS.values()))]
    clean = _joined([each.speech for each in spoken], rng)
    treatment: Treatment = {"stretch": float(np.mean([each.stretch for each in spoken]))}
    changed = RECORDING_CHANGED_SHARE if alphabet == "festvox-ru" else VOICE_CHANGED_SHARE
    if voicing != "spoken" or rng.random() < changed:
        clean, done = _voiced(clean, voicing, alphabet, emotion, rng)
        treatment |= done
    factor = float(np.exp(rng.normal(0.0, VOCAL_TRACT)))
    clean = with_vocal_tract(clean, factor)
    levels = tuple(_level(clean.samples, segment) for segment in clean.segments)
    samples, done = augmentation.record(clean.samples, rng)
    treatment |= {"vocal_tract": factor, **done}
    text = " ".join(each.text for each in spoken)
    return Line(samples, clean.segments, levels, text, voicing, emotion, treatment)


def _voiced(
    clean: Speech, voicing: Voicing, alphabet: Alphabet, emotion: Emotion, rng: np.random.Generator
) -> tuple[Speech, Treatment]:
    """Another voice, an emotion's prosody, and the voicing, by way of the vocoder."""
    prosody, strength = EMOTIONAL_PROSODY[emotion.feeling], emotion.strength
    pitch = float(np.exp(rng.normal(0.0, 0.15))) * prosody.pitch**strength
    range_ = float(np.exp(rng.normal(0.0, 0.25))) * prosody.range_**strength
    formants = float(np.exp(rng.normal(0.0, 0.05)))
    stretch = prosody.stretch**strength
    if alphabet == "festvox-ru":
        stretch *= float(np.exp(rng.normal(0.0, RECORDING_PACE)))
    parts = vocoder.change_voice(vocoder.take_apart(clean.samples), pitch, range_, formants)
    parts, segments = vocoder.change_pace(parts, clean.segments, stretch)
    if voicing == "whispered":
        parts = vocoder.whisper(parts)
    elif voicing == "shouted":
        parts = vocoder.shout(parts)
    elif voicing == "sung":
        vowels = [is_vowel_segment(each, alphabet) for each in segments]
        parts, segments = vocoder.sing(parts, segments, vowels, rng)
    samples = vocoder.put_together(parts)
    treatment: Treatment = {"pitch": pitch, "pitch_range": range_, "formants": formants, "pace": stretch}
    if voicing == "sung" and rng.random() < SONG_WITH_MUSIC_SHARE:
        snr_db = float(rng.uniform(0.0, 12.0))
        samples = augmentation.add_noise(samples, augmentation.music, snr_db, rng)
        treatment["music_snr_db"] = snr_db
    return Speech(samples, closed(segments, len(samples) / SAMPLE_RATE)), treatment


def _without_speech(rng: np.random.Generator) -> Line:
    """Silence, noise, hum, music or breath, in which the face rests."""
    sounds = augmentation.NOISES | {"breath": augmentation.breath}
    kind = str(rng.choice([*sounds, "silence"]))
    samples = np.zeros(int(rng.uniform(3.0, 15.0) * SAMPLE_RATE), np.float32)
    treatment: Treatment = {"sound": kind}
    if kind != "silence":
        samples, done = augmentation.record(sounds[kind](len(samples), rng), rng)
        treatment |= done
    segments = (Segment(SILENCE, 0.0, len(samples) / SAMPLE_RATE),)
    return Line(samples, segments, (-100.0,), "", NO_SPEECH, Emotion.draw(rng, EMOTIONAL_SHARE), treatment)


def _joined(pieces: Sequence[Speech], rng: np.random.Generator) -> Speech:
    """The pieces one after another, with up to 2 s of silence or breath before, between and after them."""
    samples, segments, now = [], [], 0.0
    for piece in [None, *pieces]:
        if piece is not None:
            samples.append(piece.samples)
            segments += [replace(each, start=each.start + now, end=each.end + now) for each in piece.segments]
            now += piece.seconds
        pause = _pause(min(0.05 + rng.gamma(1.0, 0.3), 2.0), rng)
        samples.append(pause)
        now += len(pause) / SAMPLE_RATE
    return Speech(np.concatenate(samples), closed(segments, now))


def _pause(seconds: float, rng: np.random.Generator) -> NDArray[np.float32]:
    pause = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    if seconds > 0.3 and rng.random() < BREATH_SHARE:
        count = int(min(seconds, rng.uniform(0.3, 0.7)) * SAMPLE_RATE)
        level = 10 ** (rng.uniform(-45.0, -30.0) / 20)
        noise = augmentation.band_limited(augmentation.white_noise(count, rng), (300.0, 3000.0))
        pause[-count:] = level * noise * np.hanning(count)
    return pause


def with_vocal_tract(speech: Speech, factor: float) -> Speech:
    """All of it played ``factor`` times faster: pitch and formants rise, times shrink."""
    samples = augmentation.change_vocal_tract(speech.samples, factor)
    scaled = [replace(each, start=each.start / factor, end=each.end / factor) for each in speech.segments]
    return Speech(samples, closed(scaled, len(samples) / SAMPLE_RATE))


def _level(samples: NDArray[np.float32], segment: Segment) -> float:
    """Root mean square of a segment in dB of full scale."""
    part = samples[int(segment.start * SAMPLE_RATE) : int(segment.end * SAMPLE_RATE)]
    return 10.0 * float(np.log10(np.mean(part**2) + 1e-10)) if len(part) else -100.0
