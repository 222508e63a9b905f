"""Performance capture checked against the truth: a take whose codes are known is pictured, tracked and fitted.

    python -m training.capture_check --seconds 4

The head speaks the sample line, with blinks and glances as the motion model makes them, and turns; its pictures become
a video, and `facetalk fit`'s own steps bring the performance back.
"""

import argparse
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from facetalk.animate import Animator
from facetalk.capture.face_tracking import track_face
from facetalk.capture.fit_report import report_fit
from facetalk.capture.fitted_head import FittedHead
from facetalk.capture.performance import MAPPED, RATE, Performance, capture
from facetalk.capture.video import open_video, read_frames
from facetalk.clip import SAMPLE_RATE, Clip, load_clip
from facetalk.errors import UserError
from facetalk.evaluation.measures import CURVES, face_curves
from facetalk.take import TakeSettings
from training.splatted_head import splat

log = logging.getLogger(__name__)

SAMPLE = Path(__file__).resolve().parents[2] / "presets/samples/librivox_sense_and_sensibility.flac"
SIZE, FPS = 448, 25.0
TURN = (12.0, 5.0)  # degrees at most: aside, down
TURNS_PER_SECOND = (0.23, 0.31)

Array = NDArray[np.float32]


def turns(frames: int, fps: float) -> list[Rotation]:
    """How the head turns: slowly, in Blender's axes."""
    times = np.arange(frames) / fps
    aside, down = (most * np.sin(2 * np.pi * pace * times) for most, pace in zip(TURN, TURNS_PER_SECOND, strict=True))
    return [Rotation.from_euler("zx", pair, degrees=True) for pair in np.stack([aside, down], axis=1)]


def write_video(pictures: Iterator[NDArray[np.uint8]], path: Path, fps: float) -> None:
    """Encode pictures of one size.

    Raises:
        subprocess.CalledProcessError: ffmpeg failed.
    """
    first = next(pictures)
    size = f"{first.shape[1]}x{first.shape[0]}"
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size]
    command += ["-r", str(fps), "-i", "pipe:0", "-pix_fmt", "yuv420p", "-crf", "16", str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert process.stdin is not None
    for picture in (first, *pictures):
        process.stdin.write(np.ascontiguousarray(picture).tobytes())
    process.stdin.close()
    if process.wait() != 0:
        raise subprocess.CalledProcessError(process.returncode, command)


def picture_take(
    animator: Animator, identity: str, vertices: Array, rotations: list[Rotation]
) -> Iterator[NDArray[np.uint8]]:
    """Pictures of posed vertices ``[F, V, 3]``, each turned."""
    mesh = animator.mesh(identity)
    for frame, rotation in zip(vertices, rotations, strict=True):
        yield splat(mesh, frame, SIZE, rotation.as_matrix().astype(np.float32)).pixels


def check(animator: Animator, identity: str, seconds: float, folder: Path) -> None:
    """Make, track and fit a take, and log how alike they are."""
    clip = Clip(load_clip(SAMPLE).samples[: round(seconds * SAMPLE_RATE)])
    settings = TakeSettings(identity=identity, fps=FPS)
    vertices = np.concatenate([batch.vertices for batch in animator.frames(clip, settings)])
    truly = turns(len(vertices), FPS)
    video = folder / "take.mp4"
    write_video(picture_take(animator, identity, vertices, truly), video, FPS)
    landmarks = track_face(read_frames(open_video(video)), video.name)
    head = FittedHead(animator.head, animator.template, animator.identity_code(identity), MAPPED)
    (performance,) = capture([landmarks], head)
    report = report_fit([performance], head)
    for name, error in report.regions.items():
        log.info("%-8s %.2f %% of the eyes' distance, %.2f pixels", name, error.percent, error.pixels)
    log.info("fit to track: lip height r %.3f, closure recall %.3f", report.lip_correlation, report.closure_recall)
    _log_truth(performance, head, face_curves(vertices, animator.mesh(identity)), truly)


def _log_truth(performance: Performance, head: FittedHead, true_curves: Array, truly: list[Rotation]) -> None:
    step = round(RATE / FPS)
    frames = min(len(true_curves), len(performance.weights) // step)
    found = head.curves(performance.weights)[::step][:frames]
    for column, name in enumerate(CURVES):
        alike = np.corrcoef(found[:, column], true_curves[:frames, column])[0, 1]
        off = np.sqrt(((found - true_curves[:frames])[:, column] ** 2).mean())
        log.info("true %s: r %.3f, root mean square error %.4f of the eyes' distance", name, alike, off)
    into_blender = Rotation.from_euler("x", 90.0, degrees=True)
    captured = Rotation.from_quat(performance.rotations[::step][:frames][:, [1, 2, 3, 0]])
    error = (into_blender * captured * into_blender.inv()) * Rotation.concatenate(truly[:frames]).inv()
    wobble = error * error.mean().inv()
    log.info(
        "head: %.1f degrees off all the time, and %.2f more from frame to frame (root mean square)",
        np.degrees(error.mean().magnitude()),
        np.degrees(np.sqrt((wobble.magnitude() ** 2).mean())),
    )


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.capture_check", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of the sample line")
    parser.add_argument("--identity", default="average", help="whose face")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        with TemporaryDirectory(prefix="facetalk-capture-") as folder:
            check(Animator.load("cpu"), options.identity, options.seconds, Path(folder))
    except UserError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
