"""Do lips meet on p, b and m, and stay apart elsewhere? Asked of voices that no training has heard.

    python -m training.closure_check --corpus work/speech_corpus
    python -m training.closure_check --prompts SOUNDS TEXTS

One take of every line is generated with the embedded models. A phone is met if the lips of the posed face touch
(``docs/measures.md``) in some frame between 40 ms before it begins and 40 ms after it ends. It is to stay open if
neither it nor its neighbours are made with the lips, rounded ones included, and no pause is beside it.
"""

import argparse
import logging
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facetalk.animate import Animator
from facetalk.clip import Clip
from facetalk.errors import UserError
from facetalk.evaluation.curves import generated_curves
from facetalk.evaluation.measures import CLOSED, CLOSURE_TOLERANCE, CURVE_RATE, LIP_HEIGHT
from training.phone_prominence import spelling
from training.phonetics import Consonant, base_symbol, describe
from training.prompt_recordings import aligned_prompts
from training.speech_layer import is_held_out, parts, read_part, read_voice
from training.voices import SILENCE, Alphabet, Segment, Speech

BILABIALS = ("p", "b", "m")
WITH_LIPS = ("bilabial", "labiodental")
LINES = 60  # of every voice


class Met(NamedTuple):
    """Bilabials of a voice: how many there were, and for each whether the lips met, and how near they came.

    Attributes:
        lowest: inner-lip height over the eyes' distance where it is lowest, of every bilabial.
        lowest_open: the same within every phone that is to stay open.
        shut: share of all frames in which lips touch.
    """

    lowest: NDArray[np.float64]
    lowest_open: NDArray[np.float64]
    shut: float

    @property
    def share(self) -> float:
        """Of the bilabials in which lips met."""
        return float((self.lowest < CLOSED).mean())

    @property
    def wrong(self) -> float:
        """Of the phones that are to stay open, in which lips met all the same; 0 of none."""
        return float((self.lowest_open < CLOSED).mean()) if len(self.lowest_open) else 0.0


def lowest_in_bilabials(height: NDArray[np.float32], speech: Speech, alphabet: Alphabet) -> list[float]:
    """The least inner-lip height ``[T]``, at ``CURVE_RATE``, within reach of every bilabial of a line."""
    times = np.arange(len(height)) / CURVE_RATE
    lowest = []
    for segment in speech.segments:
        names = [] if segment.symbol == SILENCE else spelling(segment.symbol, alphabet).names
        if any(base_symbol(name) in BILABIALS for name in names):
            near = CLOSURE_TOLERANCE + 1e-6  # a frame right at the limit counts, whatever rounding says
            reach = (times >= segment.start - near) & (times <= segment.end + near)
            if reach.any():
                lowest.append(float(height[reach].min()))
    return lowest


def lowest_in_open_phones(height: NDArray[np.float32], speech: Speech, alphabet: Alphabet) -> list[float]:
    """The least inner-lip height ``[T]``, at ``CURVE_RATE``, within every phone that is to stay open."""
    times = np.arange(len(height)) / CURVE_RATE
    open_ones = [_is_made_without_lips(segment, alphabet) for segment in speech.segments]
    lowest = []
    for before, segment, after in zip(open_ones, speech.segments[1:-1], open_ones[2:], strict=False):
        within = (times >= segment.start) & (times <= segment.end)
        if before and after and _is_made_without_lips(segment, alphabet) and within.any():
            lowest.append(float(height[within].min()))
    return lowest


def _is_made_without_lips(segment: Segment, alphabet: Alphabet) -> bool:
    """Whether a segment is speech that asks nothing of the lips."""
    names = () if segment.symbol == SILENCE else spelling(segment.symbol, alphabet).names
    sounds = [describe(name) for name in names]
    return bool(sounds) and not any(
        sound.rounded or (isinstance(sound, Consonant) and sound.place in WITH_LIPS) for sound in sounds
    )


def measure(animator: Animator, lines: Iterable[tuple[Speech, Alphabet]]) -> Met:
    """Generate a take of every line and look at its bilabials, and at what is to stay open.

    Raises:
        UserError: the lines hold no bilabial.
    """
    lowest: list[float] = []
    lowest_open: list[float] = []
    shut: list[NDArray[np.bool_]] = []
    for number, (speech, alphabet) in enumerate(lines):
        height = generated_curves(animator, Clip(speech.samples), seed=number)[:, LIP_HEIGHT]
        lowest += lowest_in_bilabials(height, speech, alphabet)
        lowest_open += lowest_in_open_phones(height, speech, alphabet)
        shut.append(height < CLOSED)
    if not lowest:
        raise UserError("No p, b or m is spoken in these lines: choose others.")
    return Met(np.array(lowest), np.array(lowest_open), float(np.concatenate(shut).mean()))


def held_out_lines(corpus: Path) -> Iterator[tuple[str, list[tuple[Speech, Alphabet]]]]:
    """Voices of a corpus that training never hears, with their lines as they were synthesised."""
    for folder in sorted(path.parent for path in corpus.glob("speech/*/voice.json")):
        if parts(folder) and all(is_held_out(folder, number) for number in parts(folder)):
            alphabet = read_voice(folder).alphabet
            spoken = (each.speech for number in parts(folder) for each in read_part(folder, number))
            yield folder.name, [(speech, alphabet) for speech in islice(spoken, LINES)]


def main(arguments: list[str] | None = None) -> int:
    """Print a line for every voice; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.closure_check", description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="corpus whose held-out voices are asked")
    parser.add_argument("--prompts", type=Path, nargs=2, metavar=("SOUNDS", "TEXTS"), help="recorded prompts")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    if options.corpus is None and options.prompts is None:
        parser.error("say --corpus FOLDER, or --prompts SOUNDS TEXTS")
    try:
        voices = [] if options.corpus is None else list(held_out_lines(options.corpus))
        if options.prompts is not None:
            prompts: list[tuple[Speech, Alphabet]] = [
                (speech, "arpabet") for _, speech in islice(aligned_prompts(*options.prompts), LINES)
            ]
            voices.append((str(options.prompts[0]), prompts))
        animator = Animator.load()
        for name, lines in voices:
            met = measure(animator, lines)
            sys.stdout.write(
                f"{name}: lips meet in {met.share:.1%} of {len(met.lowest)} p, b and m in {len(lines)} lines, "
                f"wrongly in {met.wrong:.1%} of {len(met.lowest_open)} phones made without them; "
                f"they touch in {met.shut:.0%} of all frames\n"
            )
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
