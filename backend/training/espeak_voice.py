"""Speech in many languages with the synthesiser's own phoneme events, from espeak-ng (a program of build time only)."""

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from training.espeak_library import PACKAGE, espeak
from training.installed import system_package_version
from training.voices import SILENCE, Segment, Speech, VoiceDescription, closed

# Phonemes whose names espeak-ng does not give in IPA.
_IPA = {"??": "ʔ", "ɪ^": "ɪ", "": SILENCE}
CLOSURE = 0.08  # seconds
QUIET = 0.006  # of full scale; the faintest voiced sounds reach 0.02
STOPS = tuple("ptkbdɡqcɟʈɖ")
_LICENCE = "sound made with espeak-ng (GPL-3.0-or-later; Jonathan Duddington, Reece H. Dunn and contributors)"
# Our language to espeak-ng's. Mandarin is read from pinyin: characters need a dictionary that is not packaged.
_LANGUAGES = {
    **{"en": "en-us", "es": "es", "fr": "fr", "de": "de", "it": "it", "ru": "ru", "hi": "hi"},
    "zh": "cmn-latn-pinyin",
}


@dataclass(frozen=True)
class EspeakVoice:
    """One language spoken by one of espeak-ng's voice variants, such as ``f2`` or ``m3``."""

    language: str
    variant: str

    @property
    def description(self) -> VoiceDescription:
        """Who speaks; see `training.voices.Voice`."""
        engine = f"espeak-ng {system_package_version(PACKAGE)}"
        name = f"espeak-{self.language}-{self.variant.lower()}"
        times = "the synthesiser's phoneme events"
        return VoiceDescription(name, engine, self.language, "espeak", _LICENCE, times)

    @property
    def prompts(self) -> None:
        """Says any text."""

    def speak(self, text: str, stretch: float) -> Speech:
        """Say a text; see `training.voices.Voice`."""
        made = espeak().synthesise(text, f"{_LANGUAGES[self.language]}+{self.variant}", stretch)
        sound = made.samples.astype(np.float32) / 32768.0
        samples = np.asarray(soxr.resample(sound, made.rate, SAMPLE_RATE), np.float32)
        starts = [phoneme_beginning(name, sound, start, made.rate) / made.rate for name, start in made.phonemes]
        ends = [*starts[1:], len(sound) / made.rate]
        segments = [
            Segment(_IPA.get(name, name), start, end)
            for (name, _), start, end in zip(made.phonemes, starts, ends, strict=True)
        ]
        return Speech(samples, closed(segments, len(samples) / SAMPLE_RATE))


def phoneme_beginning(name: str, sound: NDArray[np.float32], start: int, rate: int) -> int:
    """Where a phoneme begins whose event is at sample ``start``.

    espeak-ng reports a stop when it bursts: the near silence right before, at most `CLOSURE` seconds, is its closure.
    """
    if not name.startswith(STOPS):
        return start
    before = sound[max(start - int(CLOSURE * rate), 0) : start]
    loud = np.flatnonzero(np.abs(before) > QUIET)
    return start - len(before) + (int(loud[-1]) + 1 if len(loud) else 0)
