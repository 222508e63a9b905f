"""What does the face do when nobody speaks, and when the recording is bad?

    python -m training.sound_check SPEECH --recordings laugh.ogg shout.ogg

One take of 20 seconds of every sound is generated with the embedded models, in plain style; recordings, which may
be laughs or shouts, as they are.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from facetalk.animate import Animator
from facetalk.clip import SAMPLE_RATE, Clip, load_clip
from facetalk.errors import UserError
from facetalk.evaluation.curves import generated_curves
from facetalk.evaluation.measures import CLOSED, CURVE_RATE, LIP_HEIGHT, Curve, correlation, count_blinks
from training.augmentation import NOISES, Samples, breath

SECONDS = 20
LEVEL = 0.1  # root mean square of the sounds that are no speech
TONE_HZ = 1000.0


def sounds(speech: Samples) -> Iterator[tuple[str, Samples]]:
    """Names and samples: speech, speech recorded badly, and what is no speech."""
    count = SECONDS * SAMPLE_RATE
    spoken = np.resize(speech, count)
    rng = np.random.default_rng(0)
    yield "speech", spoken
    yield "speech, clipped", np.clip(8.0 * spoken / np.abs(spoken).max(), -1.0, 1.0)
    yield "speech, offset by 0.3", spoken + np.float32(0.3)
    yield "speech, 40 dB quieter", spoken / np.float32(100.0)
    yield "silence", np.zeros(count, np.float32)
    tone = np.sin(2 * np.pi * TONE_HZ * np.arange(count) / SAMPLE_RATE)
    for name, noise in (("tone of 1 kHz", tone), ("breath", breath(count, rng)), *_noises(count, rng)):
        yield name, np.asarray(LEVEL * noise / np.sqrt(np.mean(np.square(noise))), np.float32)


def _noises(count: int, rng: np.random.Generator) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for name, make in NOISES.items():
        yield name, make(count, rng)


def row(curves: Curve, speech: Curve | None = None) -> list[str]:
    """How the lips stand and move, blinks, and how like those of the speech, if any, the lips run."""
    height = curves[:, LIP_HEIGHT]
    minutes = len(curves) / CURVE_RATE / 60.0
    return [
        f"{height.mean():.3f}",
        f"{height.std():.3f}",
        f"{height.max():.3f}",
        f"{(height < CLOSED).mean():.0%}",
        f"{count_blinks(curves) / minutes:.0f}",
        "" if speech is None else f"{correlation(height, speech[:, LIP_HEIGHT]):.2f}",
    ]


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.sound_check", description=__doc__.splitlines()[0])
    parser.add_argument("speech", type=Path, help="a recording of speech")
    parser.add_argument("--recordings", type=Path, nargs="*", default=[], help="more, such as laughs and shouts")
    options = parser.parse_args(arguments)
    table = Table(title="Inner-lip height over the eyes' distance", box=None)
    for column in ("sound", "mean", "deviation", "largest", "shut", "blinks/min", "r to speech"):
        table.add_column(column, justify="left" if column == "sound" else "right")
    try:
        speech = load_clip(options.speech).samples
        animator = Animator.load()
        reference: Curve | None = None
        for name, samples in sounds(speech):
            curves = generated_curves(animator, Clip(samples))
            reference = curves if reference is None else reference
            table.add_row(name, *row(curves, reference))
        for path in options.recordings:
            table.add_row(f"{path.parent.name}/{path.stem}", *row(generated_curves(animator, load_clip(path))))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
