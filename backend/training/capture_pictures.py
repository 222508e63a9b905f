"""Pictures of a fit: landmarks of a tracked face, and beside them the head that was fitted to them.

    python -m training.capture_pictures --data GRID_S1

Three frames of the held-out sentences: the widest mouth, shut lips between open ones, and the narrowest mouth.
"""

import argparse
import logging
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from facetalk.animate import Animator
from facetalk.capture.face_points import (
    BROWS,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    IRISES,
    JAW,
    LEFT_EYE,
    OUTER_LIPS,
    RIGHT_EYE,
)
from facetalk.capture.fitted_head import FittedHead
from facetalk.capture.landmarks import TrackedLandmarks, read_landmarks
from facetalk.capture.performance import MAPPED, RATE, Performance, capture
from facetalk.errors import UserError
from facetalk.evaluation.measures import LIP_HEIGHT, MOUTH_WIDTH
from facetalk.output_file import written_whole
from facetalk.take import TakeSettings
from training.picture_sheet import Shot, Sitting, join, take_pictures

log = logging.getLogger(__name__)

PICTURES = Path(__file__).resolve().parents[2] / "docs/pictures"
HELD_OUT = 100  # the last sentences
SENTENCES = 8  # of them, for pictures
TILE = 360  # pixels
FILL = 0.52  # of a tile's height that the landmarks take
GROUND, INK, DOT = (22, 26, 31), (120, 190, 255), (255, 196, 120)
LOWER_OUTER, UPPER_OUTER = OUTER_LIPS[11:], OUTER_LIPS[:11]
LINES = (
    INNER_UPPER_LIP,
    INNER_LOWER_LIP,
    UPPER_OUTER,
    (61, *LOWER_OUTER, 291),
    *RIGHT_EYE,
    *LEFT_EYE,
    (6, 197, 195, 5, 4, 1),
)
DOTS = (*BROWS, *JAW, IRISES[0][0], IRISES[1][0])


def telling_moments(performances: list[Performance], curves: list[NDArray[np.float64]]) -> dict[str, tuple[int, int]]:
    """Which recording and which frame of 50 Hz shows an open, a closed and a rounded mouth best."""
    wide = [curve[:, LIP_HEIGHT] for curve in curves]
    best: dict[str, tuple[float, tuple[int, int]]] = {}
    for clip, (performance, height, curve) in enumerate(zip(performances, wide, curves, strict=True)):
        tracked = performance.tracked_height
        around = np.minimum(np.maximum.accumulate(tracked), np.maximum.accumulate(tracked[::-1])[::-1])
        scores = {
            "open": height,
            "closed": np.where(tracked < 0.015, around, -np.inf),
            "rounded": np.where(height > 0.04, -curve[:, MOUTH_WIDTH], -np.inf),
        }
        for name, score in scores.items():
            frame = int(score.argmax())
            if name not in best or score[frame] > best[name][0]:
                best[name] = (float(score[frame]), (clip, frame))
    return {name: place for name, (_, place) in best.items()}


def draw_landmarks(recording: TrackedLandmarks, seconds: float) -> Image.Image:
    """A tile with the landmarks of the frame nearest to a time."""
    frame = int(np.abs(recording.times - seconds).argmin())
    points = recording.points[frame, :, :2].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = FILL * TILE / (high - low)[1]
    placed = (points - (low + high) / 2) * scale + np.array([TILE / 2, 0.56 * TILE])
    at = {number: tuple(placed[place]) for place, number in enumerate(recording.index)}
    tile = Image.new("RGB", (TILE, TILE), GROUND)
    pen = ImageDraw.Draw(tile)
    for line in LINES:
        pen.line([at[number] for number in line], fill=INK, width=2)
    for number in DOTS:
        x, y = at[number]
        pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=DOT)
    return tile


def write_pictures(animator: Animator, data: Path, identity: str, folder: Path) -> None:
    """Fit some held-out sentences; write ``capture_open.png``, ``capture_closed.png`` and ``capture_rounded.png``."""
    recordings = read_landmarks(data / "landmarks.npz")[-HELD_OUT:][:SENTENCES]
    head = FittedHead(animator.head, animator.template, animator.identity_code(identity), MAPPED)
    performances = capture(recordings, head)
    moments = telling_moments(performances, [head.curves(each.weights) for each in performances])
    weights = np.stack([performances[clip].weights[frame] for clip, frame in moments.values()])
    codes = head.codes(weights).repeat_interleave(2, dim=0)
    settings = TakeSettings(identity=identity, fps=float(RATE))
    posed = np.concatenate([batch.vertices for batch in animator.poses(codes.to(torch.float32), settings)])[::2]
    shots = tuple(Shot(name, pose, "front") for pose, name in enumerate(moments))
    tiles = take_pictures(Sitting(animator.mesh(identity), posed, shots), TILE)
    for pose, (name, (clip, frame)) in enumerate(moments.items()):
        landmarks = draw_landmarks(recordings[clip], frame / RATE)
        sheet = [(f"{name}: landmarks of {recordings[clip].name}", landmarks)]
        sheet.append((f"{name}: the head", tiles[pose]))
        with written_whole(folder / f"capture_{name}.png") as staged:
            join(sheet, len(sheet)).save(staged, optimize=True)
        log.info("%s: %s at %.2f s", name, recordings[clip].name, frame / RATE)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.capture_pictures", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the tracked recordings")
    parser.add_argument("--identity", default="hugo", help="whose head")
    parser.add_argument("--output", type=Path, default=PICTURES, help="folder for the pictures")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        write_pictures(Animator.load("cpu"), options.data, options.identity, options.output)
    except UserError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
