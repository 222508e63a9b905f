"""What every source of speech for the corpus has in common: who speaks, under which licence, and what was said when."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError

Alphabet = Literal["arpabet", "espeak", "festvox-ru"]
SILENCE = "pau"
SHORTEST = 0.001  # seconds


class UnspeakableError(UserError):
    """This voice cannot say this text, or its phone times cannot be found; another text may do."""


@dataclass(frozen=True)
class Segment:
    """One phone as its source names it (`SILENCE`: none), from ``start`` to ``end`` in seconds."""

    symbol: str
    start: float
    end: float


@dataclass(frozen=True)
class Speech:
    """Samples float32 ``[S]``, 16 kHz mono, and the consecutive segments spoken in them."""

    samples: NDArray[np.float32]
    segments: tuple[Segment, ...]

    @property
    def seconds(self) -> float:
        """The duration of the sound."""
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True)
class VoiceDescription:
    """Who speaks.

    Attributes:
        name: unique in the corpus, such as ``flite-slt``; names a folder.
        engine: what makes the sound, with its version.
        language: ISO 639-1 code.
        alphabet: of the segments' symbols.
        licence: licence and attribution of the sound, one line.
        times: where the segments' times come from, one line.
    """

    name: str
    engine: str
    language: str
    alphabet: Alphabet
    licence: str
    times: str


class Voice(Protocol):
    """A source of speech, synthetic or recorded."""

    @property
    def description(self) -> VoiceDescription:
        """Who speaks.

        Raises:
            UserError: what the voice needs is not installed; the message names it and the command.
        """

    @property
    def prompts(self) -> tuple[str, ...] | None:
        """The only texts that were recorded; ``None`` for a synthesiser, which says anything in its language."""

    def speak(self, text: str, stretch: float) -> Speech:
        """Say ``text``, ``stretch`` times as long as usual; a recording keeps its own pace.

        Raises:
            UnspeakableError: this text fails, others may not.
            UserError: what the voice needs is not installed.
        """


def closed(segments: list[Segment], seconds: float) -> tuple[Segment, ...]:
    """``segments`` in order of time without gaps, from 0 to ``seconds``: silence fills what none of them covers.

    Neighbouring silences become one; segments and gaps shorter than a millisecond go to what comes after.
    """
    result: list[Segment] = []
    now = 0.0
    for segment in [*segments, Segment(SILENCE, seconds, seconds)]:
        start, end = min(max(segment.start, now), seconds), min(segment.end, seconds)
        pieces = [Segment(SILENCE, now, start), Segment(segment.symbol, start, end)]
        for piece in pieces:
            if piece.end - piece.start < SHORTEST:
                continue
            piece = Segment(piece.symbol, now, piece.end)
            if result and result[-1].symbol == piece.symbol == SILENCE:
                piece = Segment(SILENCE, result.pop().start, piece.end)
            result.append(piece)
            now = piece.end
    return tuple(result)
