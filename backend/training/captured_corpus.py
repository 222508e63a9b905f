"""Turn one's own videos and the takes that `facetalk fit` made of them into a corpus for motion training.

    facetalk fit recordings/monday.mp4            writes recordings/monday.safetensors; so for every video
    python -m training.captured_corpus recordings --output work/own_corpus

See "Own recordings" in ``docs/training.md``.
"""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetalk import presets
from facetalk.bundle import read_bundle
from facetalk.capture.captured_take import CapturedTake
from facetalk.capture.performance import RATE
from facetalk.clip import SAMPLE_RATE, load_clip
from facetalk.errors import UserError
from facetalk.runs import runs
from training.corpus_writer import Recorded, require_new, write_corpus
from training.rig import RIG_CONTROLS
from training.speech_option import add_speech_option, chosen_encoder

log = logging.getLogger(__name__)

TAKES = "*.safetensors"
SAMPLES_PER_FRAME = SAMPLE_RATE // RATE
BRIDGED = 5  # frames without a face that are more than the tracker's blink: there a line ends
SHORTEST, LONGEST = 1 * RATE, 20 * RATE  # frames of a line
QUIET_SEARCH = 5 * RATE  # frames at a long line's end in which the quietest is looked for, to cut there
EARLIEST_HELD_OUT, LATEST_HELD_OUT = 0.85, 0.95  # of every recording, the end that is held out begins in between

Samples = NDArray[np.float32]
Levels = NDArray[np.float32]


def recorded_lines(folder: Path, head: Path, voice: str, language: str) -> Iterator[Recorded]:
    """The lines of a folder's takes, cut where no face was seen, at cuts, and where it is quiet.

    Args:
        folder: holds videos (or their sound) and, beside each, its take.
        head: the head bundle that the takes were fitted to.
        voice: who speaks.
        language: in which language.

    Raises:
        UserError: there is no take, one is of another head, or the sound of one is missing.
    """
    bundle = read_bundle(head, "head")
    to_weights = bundle.tensor("code_to_rig", (None, len(RIG_CONTROLS))).double().numpy()
    takes = [(path, CapturedTake.load(path)) for path in sorted(folder.glob(TAKES))]
    if not takes:
        raise UserError(f"{folder} holds no takes: run `facetalk fit VIDEO` for every video in it first.")
    for path, take in takes:
        _require_fit(path, take, head)
    for path, take in takes:
        samples = load_clip(folder / take.source).samples
        weights = take.codes.double().numpy() @ to_weights
        levels = loudness(samples)[: len(weights)]
        held_out = quietest(levels, round(EARLIEST_HELD_OUT * len(levels)), round(LATEST_HELD_OUT * len(levels)))
        for number, span in enumerate(spans(take, levels, held_out)):
            entry = {
                "name": f"{path.stem}-{number:04d}",
                "voice": voice,
                "text": "",
                "language": language,
                "source": take.source,
                "recorded": True,
                "split": "held_out" if span.start >= held_out else "train",
            }
            sound = samples[span.start * SAMPLES_PER_FRAME : span.stop * SAMPLES_PER_FRAME]
            yield Recorded(sound, weights[span.start : span.stop], entry)


def loudness(samples: Samples) -> Levels:
    """The power of every frame's sound."""
    frames = len(samples) // SAMPLES_PER_FRAME
    return np.square(samples[: frames * SAMPLES_PER_FRAME].reshape(frames, -1)).mean(axis=1)


def quietest(levels: Levels, first: int, last: int) -> int:
    """The frame with the least power from ``first`` to before ``last``."""
    return first + int(np.argmin(levels[first : max(last, first + 1)]))


def spans(take: CapturedTake, levels: Levels, held_out: int) -> list[range]:
    """The frames of each line: a face is seen, there is sound, and it is no longer than `LONGEST`.

    Args:
        take: the face.
        levels: power of the sound of each of its frames, as far as there is sound.
        held_out: a frame at which a line is to end.
    """
    frames = len(levels)
    unseen = [(start, end) for start, end in runs(take.bridged[:frames]) if end - start > BRIDGED]
    cuts = {cut for cut in take.cuts if cut < frames}
    borders = sorted({0, held_out, frames, *cuts, *(end for run in unseen for end in run)})
    missing = {frame for run in unseen for frame in range(*run)}
    found = []
    for start, stop in pairwise(borders):
        while start not in missing and stop - start > LONGEST:
            middle = quietest(levels, start + LONGEST - QUIET_SEARCH, start + LONGEST)
            found.append(range(start, middle))
            start = middle
        if start not in missing and stop - start >= SHORTEST:
            found.append(range(start, stop))
    return found


def _require_fit(path: Path, take: CapturedTake, head: Path) -> None:
    if take.head != head.resolve().name:
        raise UserError(f"{path} is a take of {take.head}, not of {head.resolve().name}: fit its video again.")
    if Path(take.source).name != take.source or not (path.parent / take.source).is_file():
        raise UserError(
            f"{path} was made of {take.source}, which is not beside it: put the video, or its sound, there."
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.captured_corpus", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="videos of one speaker, and their takes beside them")
    parser.add_argument("--output", type=Path, required=True, help="folder for the corpus")
    parser.add_argument("--head", type=Path, help="head bundle of the takes (default: the embedded one)")
    parser.add_argument("--voice", help="who speaks (default: the folder's name)")
    parser.add_argument("--language", default="unknown", help="such as en")
    parser.add_argument("--attribution", help="a line that every model trained on these recordings will carry")
    add_speech_option(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        require_new(options.output)
        name = options.voice or options.folder.resolve().name
        lines = recorded_lines(options.folder, options.head or presets.preset(presets.HEAD), name, options.language)
        encoder = chosen_encoder(options.speech)
        write_corpus(options.output, lines, encoder, [options.attribution or f"recordings of {name}"])
    except UserError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
