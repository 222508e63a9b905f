"""The neural English voice ``heart`` of hibari (distilled from Kokoro-82M's af_heart), aligned with its text."""

from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from training.alignment import TIMES, align
from training.installed import python_module, python_package_version
from training.voices import Speech, VoiceDescription

_LICENCE = "Apache-2.0: hibari-tts, Maureese Williams, distilled from Kokoro-82M (hexgrad, Apache-2.0)"


class _Synthesiser(Protocol):
    """What of hibari's is used."""

    sample_rate: int

    def __call__(self, text: str, speed: float, seed: int) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class HibariVoice:
    """The one voice that hibari's package holds: American, female."""

    @property
    def description(self) -> VoiceDescription:
        """Who speaks; see `training.voices.Voice`."""
        engine = f"hibari-tts {python_package_version('hibari-tts')}"
        return VoiceDescription("hibari-heart", engine, "en", "arpabet", _LICENCE, TIMES)

    @property
    def prompts(self) -> None:
        """Says any text."""

    def speak(self, text: str, stretch: float) -> Speech:
        """Say a text; see `training.voices.Voice`."""
        synthesiser = _synthesiser()
        sound = synthesiser(text, speed=1.0 / stretch, seed=0)
        samples = np.asarray(soxr.resample(sound, synthesiser.sample_rate, SAMPLE_RATE), np.float32)
        return Speech(samples, align(samples, text))


@cache
def _synthesiser() -> _Synthesiser:
    synthesiser: _Synthesiser = python_module("hibari", "hibari-tts").Hibari(voice="heart", threads=1)
    return synthesiser
