"""Real speech with phone labels: one Russian speaker, recorded for Festival (package festvox-ru)."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from training.installed import system_package_version
from training.phones import is_vowel
from training.voices import SILENCE, Segment, Speech, UnspeakableError, VoiceDescription, closed

PACKAGE = "festvox-ru"
FOLDER = Path("/usr/share/festival/voices/russian/msu_ru_nsh_clunits")
_LICENCE = "BSD-like, notice kept: recordings and labels Copyright (c) 2005 Nickolay V. Shmyrev"
# How late the labels are, in seconds, where a consonant ends, and where a vowel or silence does: measured by
# `training.boundary_check`, alike in all parts of the recordings.
LATE_AFTER_CONSONANT, LATE_AFTER_OTHERS = 0.017, -0.008
_PROMPT = re.compile(r'^\( *(\S+) +"(.*)" *\)$', re.MULTILINE)

# The labels' alphabet (MSU, after L. M. Zakharov 2004) in IPA: doubled vowels are stressed, doubled consonants soft.
IPA: dict[str, str] = {
    **{"ii": "i", "yy": "ɨ", "uu": "u", "ee": "e", "oo": "o", "aa": "a"},
    **{"a": "ɐ", "e": "e", "i": "ɪ", "y": "ɨ", "u": "u", "ae": "ə", "ay": "ə", "ur": "ʊ"},
    **{"p": "p", "pp": "pʲ", "b": "b", "bb": "bʲ", "t": "t", "tt": "tʲ", "d": "d", "dd": "dʲ"},
    **{"k": "k", "kk": "kʲ", "g": "ɡ", "gg": "ɡʲ", "f": "f", "ff": "fʲ", "v": "v", "vv": "vʲ"},
    **{"s": "s", "ss": "sʲ", "z": "z", "zz": "zʲ", "sh": "ʂ", "zh": "ʐ", "sch": "ɕː", "ch": "tɕ", "c": "ts"},
    **{"h": "x", "hh": "xʲ", "m": "m", "mm": "mʲ", "n": "n", "nn": "nʲ", "l": "ɫ", "ll": "lʲ"},
    **{"r": "r", "rr": "rʲ", "j": "j"},
}
STRESSED = frozenset({"ii", "yy", "uu", "ee", "oo", "aa"})


@dataclass(frozen=True)
class FestvoxRussian:
    """The speaker of festvox-ru, male; 620 prompts."""

    folder: Path = FOLDER

    @property
    def description(self) -> VoiceDescription:
        """Who speaks; see `training.voices.Voice`."""
        engine = f"recording, {PACKAGE} {system_package_version(PACKAGE)}"
        return VoiceDescription("festvox-ru", engine, "ru", "festvox-ru", _LICENCE, "the package's labels, 10 ms grid")

    @property
    def prompts(self) -> tuple[str, ...]:
        """What was recorded, in the package's order."""
        return tuple(_recordings(self.folder))

    def speak(self, text: str, stretch: float) -> Speech:
        """The recording of one of the `prompts`; see `training.voices.Voice`."""
        name = _recordings(self.folder).get(text)
        if name is None:
            raise UnspeakableError(f"{PACKAGE} has no recording of {text!r}: ask for one of its prompts.")
        try:
            sound, rate = soundfile.read(self.folder / "wav" / f"{name}.wav", dtype="float32", always_2d=True)
            listing = (self.folder / "lab" / f"{name}.lab").read_text(encoding="ascii")
        except (OSError, ValueError, soundfile.SoundFileError) as error:
            raise UnspeakableError(f"{PACKAGE}: recording {name} cannot be read: {error}.") from error
        samples = np.asarray(soxr.resample(sound.mean(axis=1), rate, SAMPLE_RATE), np.float32)
        return Speech(samples, closed(segments_of_labels(listing), len(samples) / SAMPLE_RATE))


def segments_of_labels(listing: str) -> list[Segment]:
    """Segments of a Festival label file: lines of end time, a number, and the phone, after a line ``#``.

    Raises:
        UnspeakableError: a phone is not one of the label alphabet.
    """
    segments: list[Segment] = []
    start = 0.0
    for line in listing.splitlines():
        fields = line.split()
        if len(fields) != 3:
            continue
        symbol = SILENCE if fields[2] == "pau" else fields[2]
        if symbol != SILENCE and symbol not in IPA:
            raise UnspeakableError(f"{PACKAGE} labels an unknown phone {symbol!r}.")
        is_consonant = symbol != SILENCE and not is_vowel(IPA[symbol])
        end = float(fields[0]) - (LATE_AFTER_CONSONANT if is_consonant else LATE_AFTER_OTHERS)
        segments.append(Segment(symbol, start, end))
        start = end
    return segments


@cache
def _recordings(folder: Path) -> dict[str, str]:
    """Prompt to the name of its recording."""
    try:
        listing = (folder / "etc" / "txt.done.data").read_text(encoding="utf-8")
    except OSError:
        system_package_version(PACKAGE)
        raise UserError(f"{folder} holds no recordings: install the package {PACKAGE} again.") from None
    return {prompt: name for name, prompt in _PROMPT.findall(listing)}
