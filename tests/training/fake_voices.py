"""A voice and an encoder for tests: quick, the same every time, and failing on demand."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.speech.feature_kind import FeatureKind
from training.voices import Segment, Speech, UnspeakableError, VoiceDescription, closed

SIZE = 12  # of the encoder's features


def babble(text: str, stretch: float) -> Speech:
    """As many syllables as the text has words: a buzz for the vowel, silence for the lips' closure."""
    segments, now = [], 0.1
    for _ in text.split():
        segments.append(Segment("b", now, now + 0.08 * stretch))
        segments.append(Segment("aa", segments[-1].end, segments[-1].end + 0.12 * stretch))
        now = segments[-1].end
    times = np.arange(int(now * SAMPLE_RATE)) / SAMPLE_RATE
    sounding = np.zeros(len(times), np.float32)
    for segment in segments:
        if segment.symbol == "aa":
            sounding[(times >= segment.start) & (times < segment.end)] = 0.3
    samples = sounding * np.sign(np.sin(2 * np.pi * 120 * times))
    return Speech(samples.astype(np.float32), closed(segments, now))


@dataclass
class Babbler:
    """Says everything, or its ``prompts`` only; is interrupted at its call number ``interrupted_at``."""

    name: str = "babbler"
    prompts: tuple[str, ...] | None = None
    interrupted_at: int = -1
    mute: bool = False
    said: list[str] = field(default_factory=list)

    @property
    def description(self) -> VoiceDescription:
        return VoiceDescription(self.name, "babbler 1", "en", "arpabet", "MIT: nobody", "exact")

    def speak(self, text: str, stretch: float) -> Speech:
        if self.mute:
            raise UnspeakableError(f"{text!r} cannot be said.")
        self.said.append(text)
        if len(self.said) == self.interrupted_at:
            raise KeyboardInterrupt
        return babble(text, stretch)


class LoudnessEncoder:
    """Features that hold the loudness of each 20 ms; counts its calls and fails when told to."""

    def __init__(self, interrupted_at: int = -1, rate: int = 50) -> None:
        self.kind = FeatureKind("loudness", rate, SIZE)
        self.calls = 0
        self.interrupted_at = interrupted_at

    def encode(self, samples: NDArray[np.float32]) -> torch.Tensor:
        self.calls += 1
        if self.calls == self.interrupted_at:
            raise KeyboardInterrupt
        frames = -(-len(samples) // 320)
        padded = np.zeros(frames * 320, np.float32)
        padded[: len(samples)] = samples
        loudness = np.sqrt((padded.reshape(frames, 320) ** 2).mean(axis=1))
        places = np.arange(self.kind.count(len(samples))) * (50 / self.kind.rate)
        heard = np.interp(places, np.arange(frames), loudness).astype(np.float32)
        return torch.from_numpy(np.repeat(heard[:, None], SIZE, axis=1))
