"""How well forced alignment finds phones, against flite, which knows when it said them.

python -m training.alignment_check
"""

import argparse
import sys
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from facetalk.errors import UserError
from training.alignment import align
from training.flite import FliteVoice
from training.sentences import grammar
from training.voices import SILENCE, UnspeakableError


def boundary_errors(voice: str, sentences: int, seed: int) -> NDArray[np.float64]:
    """Aligned minus exact start, in seconds, of every phone that both name alike, over drawn sentences.

    Raises:
        UserError: flite or pocketsphinx is not installed, or no sentence could be aligned.
    """
    rng = np.random.default_rng(seed)
    errors: list[float] = []
    for _ in range(sentences):
        text = grammar("en").draw(rng)
        exact = FliteVoice(voice).speak(text, 1.0)
        try:
            found = align(exact.samples, text)
        except UnspeakableError:
            continue
        first, second = ([segment.symbol for segment in each] for each in (exact.segments, found))
        for block in SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks():
            for place in range(block.size):
                if first[block.a + place] != SILENCE:
                    errors.append(found[block.b + place].start - exact.segments[block.a + place].start)
    if not errors:
        raise UserError("None of the sentences could be aligned: ask for more.")
    return np.array(errors)


def main() -> None:
    """Print offset and spread for three voices."""
    parser = argparse.ArgumentParser(prog="python -m training.alignment_check", description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=60, help="of each voice (default 60)")
    options = parser.parse_args()
    try:
        for voice in ("slt", "rms", "awb"):
            errors = boundary_errors(voice, options.sentences, 0)
            within = [float((np.abs(errors) < limit).mean()) for limit in (0.02, 0.04)]
            sys.stdout.write(
                f"{voice}: {len(errors)} starts, median {1000 * np.median(errors):+.1f} ms, "
                f"{within[0]:.0%} within 20 ms, {within[1]:.0%} within 40 ms\n"
            )
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
