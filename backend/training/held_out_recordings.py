"""The sentences of a recorded speaker that no training has heard, as `facetalk evaluate --talkers` reads recordings.

    python -m training.held_out_recordings --data GRID_S1 --output work/grid_held_out

Curves are measured as ``docs/measures.md`` says, on the landmarks as they were tracked.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from facetalk.capture.landmarks import TrackedLandmarks
from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from facetalk.output_file import written_whole
from training.fit_recordings import HELD_OUT
from training.tracked_recordings import load_recordings

# MediaPipe's points of every curve of `facetalk.evaluation.measures.CURVES`, and of the outer eye corners.
CURVE_POINTS = ((13, 14), (78, 308), (386, 374), (159, 145))
EYE_CORNERS = (33, 263)


def tracked_curves(recording: TrackedLandmarks) -> NDArray[np.float32]:
    """The curves ``[frames, 4]`` of a recording at the camera's rate; straight lines where no face was seen."""
    seen = np.flatnonzero(recording.seen)

    def distance(pair: tuple[int, int]) -> NDArray[np.float64]:
        first, second = recording.select(pair)[seen, :, :2].astype(np.float64).transpose(1, 0, 2)
        return np.asarray(np.linalg.norm(first - second, axis=1))

    curves = np.stack([distance(pair) for pair in CURVE_POINTS], axis=1) / distance(EYE_CORNERS)[:, None]
    frames = np.arange(len(recording.seen))
    return np.stack([np.interp(frames, seen, curve) for curve in curves.T], axis=1).astype(np.float32)


def write_recordings(data: Path, output: Path, count: int = HELD_OUT) -> int:
    """Write the last ``count`` of the held-out sentences and their curves into a folder; returns how many.

    Raises:
        UserError: the recordings cannot be read, or more are asked for than are held out.
    """
    if not 1 <= count <= HELD_OUT:
        raise UserError(f"{count} sentences cannot be had: choose 1 to {HELD_OUT}, so many are held out of training.")
    recordings = load_recordings(data)
    output.mkdir(parents=True, exist_ok=True)
    curves: dict[str, NDArray[np.float32]] = {}
    for clip in range(len(recordings.names))[-count:]:
        name = recordings.names[clip]
        soundfile.write(output / f"{name}.flac", recordings.samples[clip], SAMPLE_RATE)
        curves |= {
            name: tracked_curves(recordings.landmarks[clip]),
            f"{name}@fps": np.array(recordings.fps, np.float32),
        }
    with written_whole(output / "curves.npz") as staged:
        np.savez_compressed(staged, allow_pickle=False, **curves)
    return count


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.held_out_recordings", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the tracked recordings")
    parser.add_argument("--output", type=Path, required=True, help="folder for sounds and curves")
    parser.add_argument("--count", type=int, default=HELD_OUT, help="of the sentences, from the last")
    options = parser.parse_args(arguments)
    try:
        count = write_recordings(options.data, options.output, options.count)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{options.output}: {count} recordings\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
