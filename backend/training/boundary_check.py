"""Do phones begin where the sound changes? Measured for every voice of a corpus.

    python -m training.boundary_check work/speech_corpus

The spectrum changes most where one phone becomes the next. The change, averaged over all ends of a voice's vowels
or consonants, is compared with the change so many milliseconds before and after them: right times have their
peak at 0.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from training.phone_prominence import is_vowel_segment
from training.speech_layer import parts, read_part, read_voice
from training.voices import SILENCE, Alphabet, Speech

STEP = 0.005  # seconds
_WINDOW = 160
LAGS = np.arange(-5, 6)  # steps; further off lies the next boundary
_FLOOR = 1e-4


def spectral_change(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much the logarithmic spectrum changes around every `STEP`, ``[steps]``, from 10 ms before to 10 ms after."""
    hop = int(STEP * SAMPLE_RATE)
    _, _, spectrum = stft(samples, SAMPLE_RATE, nperseg=_WINDOW, noverlap=_WINDOW - hop, nfft=256)
    level = np.log(np.abs(spectrum) + _FLOOR)
    change = np.zeros(level.shape[1])
    change[2:-2] = np.abs(level[:, 4:] - level[:, :-4]).mean(axis=0)
    return change


def change_at_ends(speeches: list[Speech], alphabet: Alphabet) -> dict[str, NDArray[np.float64]]:
    """The mean change at every one of `LAGS` steps from the ends of vowels and of consonants.

    Returns:
        ``[len(LAGS)]`` of each kind that occurs, over the mean change at all times.
    """
    around: dict[str, list[NDArray[np.float64]]] = {}
    for speech in speeches:
        change = spectral_change(speech.samples)
        for segment in speech.segments[:-1]:
            place = round(segment.end / STEP)
            # A silence has no end to be seen where a stop follows: its closure is as silent.
            if segment.symbol != SILENCE and LAGS[-1] < place < len(change) - LAGS[-1]:
                kind = "vowel" if is_vowel_segment(segment, alphabet) else "consonant"
                around.setdefault(kind, []).append(change[place + LAGS] / change.mean())
    return {kind: np.mean(changes, axis=0) for kind, changes in sorted(around.items())}


def main() -> None:
    """Print a line for every voice."""
    parser = argparse.ArgumentParser(prog="python -m training.boundary_check", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of the corpus")
    options = parser.parse_args()
    try:
        for folder in sorted(path.parent for path in options.folder.glob("speech/*/voice.json")):
            if not parts(folder):
                continue
            speeches = [each.speech for each in read_part(folder, 0)]
            changes = change_at_ends(speeches, read_voice(folder).alphabet)
            lags = (f"{kind} {1000 * STEP * LAGS[change.argmax()]:+.0f} ms" for kind, change in changes.items())
            sys.stdout.write(f"{folder.name}: most change after the end of a {', '.join(lags)}\n")
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
