"""Forced alignment of English: when each phone of a known text is heard, by pocketsphinx and the CMU dictionary.

Neural voices report durations that are off by 30 to 65 ms, so their speech is aligned like a recording. Against
flite's exact times pocketsphinx' boundaries lie a few milliseconds early and 88 % within 20 ms
(``python -m training.alignment_check``).
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from training.installed import python_module
from training.voices import SILENCE, Segment, UnspeakableError, closed

FRAME_SECONDS = 0.01
TIMES = "forced alignment by pocketsphinx 5.1.1"
# Median of flite's exact starts minus the aligned ones.
LATENESS = 0.007
# The CMU dictionary writes the vowels of "cut" and of "about" alike; below this many seconds it is a schwa.
SCHWA_SECONDS = 0.07
# The decoder wants some silence before and after the words.
MARGIN = 0.25


class _AlignedPhone(Protocol):
    name: str
    start: int
    duration: int


class _Decoder(Protocol):
    """What of pocketsphinx' decoder is used."""

    def lookup_word(self, word: str) -> str | None: ...
    def set_align_text(self, text: str) -> None: ...
    def set_alignment(self) -> None: ...
    def get_alignment(self) -> Iterable[Iterable[_AlignedPhone]]: ...
    def start_utt(self) -> None: ...
    def process_raw(self, data: bytes, full_utt: bool) -> int: ...
    def end_utt(self) -> None: ...


def align(samples: NDArray[np.float32], text: str) -> tuple[Segment, ...]:
    """The segments, ARPABET in lower case, of ``text`` in the ``samples`` ``[S]``.

    Raises:
        UnspeakableError: a word is not in the dictionary, or the sound does not fit the text.
        UserError: pocketsphinx is not installed.
    """
    words = re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower())
    decoder = _decoder()
    unknown = [word for word in words if decoder.lookup_word(word) is None]
    if unknown or not words:
        raise UnspeakableError(f"{text!r} cannot be aligned: the dictionary lacks {unknown or 'any word'}.")
    padded = np.pad(np.clip(samples, -1.0, 1.0), int(MARGIN * SAMPLE_RATE))
    sound = (padded * 32767).astype("<i2").tobytes()
    try:
        decoder.set_align_text(" ".join(words))
        _decode(decoder, sound)
        decoder.set_alignment()
        _decode(decoder, sound)
    except RuntimeError:
        raise UnspeakableError(f"{text!r} cannot be aligned: the sound does not fit the text.") from None
    segments = [_segment(phone) for word in decoder.get_alignment() for phone in word]
    return closed(segments, len(samples) / SAMPLE_RATE)


def _segment(phone: _AlignedPhone) -> Segment:
    start = phone.start * FRAME_SECONDS + LATENESS - MARGIN
    end = start + phone.duration * FRAME_SECONDS
    symbol = phone.name.lower()
    if symbol == "sil" or symbol.startswith("+"):
        symbol = SILENCE
    elif symbol == "ah" and end - start < SCHWA_SECONDS:
        symbol = "ax"
    return Segment(symbol, start, end)


def _decode(decoder: _Decoder, sound: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(sound, full_utt=True)
    decoder.end_utt()


@cache
def _decoder() -> _Decoder:
    decoder: _Decoder = python_module("pocketsphinx", "pocketsphinx").Decoder(lm=None, loglevel="FATAL")
    return decoder
