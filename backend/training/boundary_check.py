"""Do phones begin where the sound changes? Measured for every voice of a corpus.

    python -m training.boundary_check work/speech_corpus

The spectrum changes most where one phone becomes the next. The change, averaged over all boundaries of a voice, is
compared with the change so many milliseconds before and after them: right times have their peak at 0.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from training.speech_layer import parts, read_part
from training.voices import Speech

STEP = 0.005  # seconds
_WINDOW = 160
LAGS = np.arange(-16, 17)
_FLOOR = 1e-4


def spectral_change(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much the logarithmic spectrum changes around every `STEP`, ``[steps]``, from 10 ms before to 10 ms after."""
    hop = int(STEP * SAMPLE_RATE)
    _, _, spectrum = stft(samples, SAMPLE_RATE, nperseg=_WINDOW, noverlap=_WINDOW - hop, nfft=256)
    level = np.log(np.abs(spectrum) + _FLOOR)
    change = np.zeros(level.shape[1])
    change[2:-2] = np.abs(level[:, 4:] - level[:, :-4]).mean(axis=0)
    return change


def change_around_boundaries(speeches: list[Speech]) -> NDArray[np.float64]:
    """The mean change at every one of `LAGS` steps from the boundaries, over the mean of all times, ``[len(LAGS)]``."""
    around, everywhere = [], []
    for speech in speeches:
        change = spectral_change(speech.samples)
        places = np.rint(np.array([segment.start for segment in speech.segments[1:]]) / STEP).astype(int)
        places = places[(places > LAGS[-1]) & (places < len(change) - LAGS[-1])]
        around.append(change[places[:, None] + LAGS])
        everywhere.append(change)
    return np.asarray(np.concatenate(around).mean(axis=0) / np.concatenate(everywhere).mean())


def main() -> None:
    """Print a line for every voice."""
    parser = argparse.ArgumentParser(prog="python -m training.boundary_check", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of the corpus")
    options = parser.parse_args()
    try:
        for folder in sorted(path.parent for path in options.folder.glob("speech/*/voice.json")):
            if not parts(folder):
                continue
            change = change_around_boundaries([each.speech for each in read_part(folder, 0)])
            lag = 1000 * STEP * LAGS[change.argmax()]
            sys.stdout.write(
                f"{folder.name}: most change {lag:+.0f} ms from the boundaries, {change.max():.2f} of the mean\n"
            )
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
