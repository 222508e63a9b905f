"""A corpus of sounds that nobody makes with a mouth, and of faces that rest to them: tones, beeps, sweeps, dial tones.

    python -m training.still_sounds --output work/still_sounds

Speech encoders take a steady tone for a vowel that is held. The corpus of speech has noise, music and breath.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from training.articulation import articulate
from training.augmentation import hum
from training.corpus_writer import Recorded, require_new, write_corpus
from training.phones import PAUSE, Phone
from training.speaking_style import SpeakingStyle
from training.speech_option import add_speech_option, chosen_encoder
from training.upper_face import FRAME_RATE

LINES = 150
SECONDS = (3.0, 8.0)
LEVELS = (-45.0, -8.0)  # dB of full scale
PITCHES = (60.0, 4000.0)  # Hz
SOURCES = ["tones, beeps, sweeps and hum: computed (training/still_sounds.py), MIT"]

Samples = NDArray[np.float32]
Sound = Callable[[int, np.random.Generator], Samples]


def _pitch(generator: np.random.Generator) -> float:
    return float(np.exp(generator.uniform(*np.log(PITCHES))))


def tone(count: int, generator: np.random.Generator) -> Samples:
    """A sine, about unit size."""
    return np.sin(2 * np.pi * _pitch(generator) * np.arange(count) / SAMPLE_RATE).astype(np.float32)


def beeps(count: int, generator: np.random.Generator) -> Samples:
    """A sine that comes and goes."""
    rate, share = generator.uniform(0.5, 5.0), generator.uniform(0.2, 0.8)
    on = (rate * np.arange(count) / SAMPLE_RATE) % 1.0 < share
    return tone(count, generator) * on.astype(np.float32)


def sweep(count: int, generator: np.random.Generator) -> Samples:
    """A sine that rises and falls, as sirens do."""
    times = np.arange(count) / SAMPLE_RATE
    width, rate = generator.uniform(0.05, 0.6), generator.uniform(0.1, 2.0)
    pitch = _pitch(generator) * np.exp(width * np.sin(2 * np.pi * rate * times))
    return np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE).astype(np.float32)


def dial_tone(count: int, generator: np.random.Generator) -> Samples:
    """Two sines at once."""
    return (tone(count, generator) + tone(count, generator)) / np.float32(2.0)


SOUNDS: dict[str, Sound] = {"tone": tone, "beeps": beeps, "sweep": sweep, "dial_tone": dial_tone, "hum": hum}


def still_lines(count: int, seed: int) -> Iterator[Recorded]:
    """Sounds of all kinds in turn, each with a face at rest: it blinks, looks about and breathes."""
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        kind = list(SOUNDS)[number % len(SOUNDS)]
        frames = round(generator.uniform(*SECONDS) * FRAME_RATE)
        level = 10.0 ** (generator.uniform(*LEVELS) / 20.0)
        samples = level * SOUNDS[kind](frames * SAMPLE_RATE // FRAME_RATE, generator)
        resting = [Phone(PAUSE, 0.0, frames / FRAME_RATE)]
        weights = articulate(resting, frames, SpeakingStyle.draw(generator), generator)
        entry = {
            "name": f"{kind}-{number:04d}",
            "voice": "none",
            "text": "",
            "language": "none",
            "split": "train",
            # A face that rests looks the same in recordings: no manner is to take a tone for a vowel.
            "recorded": bool(number // len(SOUNDS) % 2),
        }
        yield Recorded(samples.astype(np.float32), weights.astype(np.float64), entry)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.still_sounds", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for the corpus")
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--seed", type=int, default=0, help="of every draw")
    add_speech_option(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        require_new(options.output)
        encoder = chosen_encoder(options.speech)
        write_corpus(options.output, still_lines(options.lines, options.seed), encoder, SOURCES)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
