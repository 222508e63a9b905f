"""How well articulation moves a mouth that was tracked: correlations, closures, by kind of phone."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from training.aligned_recordings import AlignedSentence
from training.articulation import mouth_weights
from training.lip_geometry import mouth_size
from training.phones import PAUSE
from training.phonetics import Vowel, describe
from training.postures import CHANNELS, Channel
from training.speaking_style import SpeakingStyle
from training.upper_face import FRAME_RATE

Array = NDArray[np.float64]

SHUT = 0.015  # below it a mouth counts as shut, as in docs/measures.md
NEAR = 1  # camera frames
SCORED = CHANNELS[:2]


def speak(sentence: AlignedSentence, table: Mapping[str, Channel]) -> Array:
    """Inner-lip height and mouth width ``[frames, 2]`` of the model saying a sentence in a neutral manner."""
    seconds = (len(sentence.tracked) - 1) / sentence.fps
    frames = int(np.ceil(seconds * FRAME_RATE)) + 1
    weights = mouth_weights(sentence.phones, frames, SpeakingStyle(), np.random.default_rng(0), table)
    size = mouth_size({name: np.clip(curve, 0.0, 1.0) for name, curve in weights.items()})
    times, known = np.arange(len(sentence.tracked)) / sentence.fps, np.arange(frames) / FRAME_RATE
    return np.stack([np.interp(times, known, curve) for curve in (size.height, size.width)], axis=-1)


def kind(name: str) -> str:
    """The row of the report that a phone counts in."""
    if name == PAUSE:
        return "pause"
    sound = describe(name)
    if isinstance(sound, Vowel):
        return "rounded vowel" if sound.rounded else "open vowel" if sound.openness > 0.4 else "close vowel"
    if sound.rounded or sound.manner == "approximant":
        return "glide"
    return sound.place if sound.place in ("bilabial", "labiodental", "dental", "postalveolar") else "other consonant"


def scores(sentences: Sequence[AlignedSentence], table: Mapping[str, Channel]) -> dict[str, tuple[float, ...]]:
    """Rows of the report: a name, and Pearson's r of lip height and mouth width.

    ``sentence`` is the median over sentences; the kinds of phones pool all their frames, each curve less its
    sentence's mean. Closures are recall and precision of shut lips, within a camera frame.
    """
    said = [speak(sentence, table) for sentence in sentences]
    tracked = [sentence.tracked[:, : len(SCORED)] for sentence in sentences]
    rows: dict[str, tuple[float, ...]] = {
        "sentence (median)": tuple(
            float(np.median([_r(a[:, c], b[:, c]) for a, b in zip(said, tracked, strict=True)])) for c in range(2)
        )
    }
    pooled = [np.concatenate([curve - curve.mean(axis=0) for curve in curves]) for curves in (said, tracked)]
    kinds = np.concatenate([_kinds(sentence) for sentence in sentences])
    for name in dict.fromkeys(sorted(kinds)):
        chosen = kinds == name
        rows[str(name)] = tuple(_r(pooled[0][chosen, c], pooled[1][chosen, c]) for c in range(2))
    rows["shut lips: recall, precision"] = _closures(said, tracked)
    return rows


def _kinds(sentence: AlignedSentence) -> NDArray[np.str_]:
    times = np.arange(len(sentence.tracked)) / sentence.fps
    ends = np.array([phone.end for phone in sentence.phones])
    places = np.minimum(np.searchsorted(ends, times, side="right"), len(ends) - 1)
    return np.array([kind(sentence.phones[place].name) for place in places])


def _closures(said: Sequence[Array], tracked: Sequence[Array]) -> tuple[float, float]:
    def met(some: Sequence[Array], others: Sequence[Array]) -> float:
        hits = total = 0
        for one, other in zip(some, others, strict=True):
            shut = one[:, 0] < SHUT
            near = np.convolve(other[:, 0] < SHUT, np.ones(2 * NEAR + 1), mode="same") > 0
            hits, total = hits + int((shut & near).sum()), total + int(shut.sum())
        return hits / max(total, 1)

    return met(tracked, said), met(said, tracked)


def _r(first: Array, second: Array) -> float:
    if first.std() < 1e-9 or second.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def print_report(
    sentences: Sequence[AlignedSentence], before: Mapping[str, Channel] | None, after: Mapping[str, Channel]
) -> None:
    """Print the table of `scores` for two articulation tables."""
    table = Table(title=f"{len(sentences)} held-out sentences: r of lip height, mouth width")
    for column in ("", "before", "after"):
        table.add_column(column, justify="left" if not column else "right")
    old = scores(sentences, before) if before else {}
    for name, values in scores(sentences, after).items():
        table.add_row(name, _cell(old.get(name)), _cell(values))
    Console().print(table)


def _cell(values: Sequence[float] | None) -> str:
    return ", ".join(f"{value:.2f}" for value in values) if values else ""
