"""Pictures of the named rig: ``python -m training.rig_pictures --output docs/pictures [--only SHEET ...]``.

Some of its keys, each pulled alone, and frames of a spoken line by the rig beside those of the head, with what is off
as a colour.
"""

import argparse
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from facetalk.animate import Animator
from facetalk.clip import load_clip
from facetalk.presets import presets_folder
from facetalk.rigged_take import RiggedTake, rig_take
from facetalk.take import TakeSettings
from facetalk.topology.arkit_keys import ARKIT_KEYS
from facetalk.topology.face_metric import MILLIMETRES
from facetalk.topology.named_rig import Vertices
from facetalk.topology.template import FaceMesh
from training.picture_sheet import Shot, Sitting, write_sheet

ACTOR = "hugo"  # nothing hangs into the face
SAMPLE = "samples/librivox_sense_and_sensibility.flac"
MOUTH = "lip_upper"  # the vertex group that a picture of the mouth is framed on
# By caption, the keys at weight 1; what needs an open jaw is shown with one.
KEYS = {
    **{name: (name,) for name in ("eyeBlinkLeft", "eyeLookDownLeft", "eyeLookOutLeft", "browDownLeft", "browInnerUp")},
    **{name: (name,) for name in ("cheekPuff", "noseSneerLeft", "jawOpen")},
    "jawOpen + mouthClose": ("jawOpen", "mouthClose"),
    **{name: (name,) for name in ("mouthFunnel", "mouthPucker", "mouthLeft", "mouthSmileLeft", "mouthFrownRight")},
    **{name: (name,) for name in ("mouthUpperUpLeft", "mouthRollLower")},
}
REDDEST = 1.0  # millimetres: the end of the colour scale

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Performance:
    """A spoken line on the rig, and the frames ``[F, V, 3]`` that it should show."""

    face: FaceMesh
    take: RiggedTake
    reference: Vertices


def perform(animator: Animator, speech: Path) -> Performance:
    """The actor speaks a line.

    Raises:
        UserError: the speech cannot be used.
    """
    settings, rate = TakeSettings(identity=ACTOR), animator.motion.speech.rate
    codes = animator.codes(load_clip(speech), settings)
    take = rig_take(animator, codes, settings, lambda stage, fraction: None, rate=rate)
    frames = np.concatenate([batch.vertices for batch in animator.poses(codes, settings, rate=rate)])
    return Performance(animator.mesh(ACTOR), take, frames)


def keys(performance: Performance) -> Iterator[Sitting]:
    """Some keys, pulled alone."""
    rig = performance.take.rig
    weights = np.zeros((len(KEYS), len(rig.names)))
    for row, pulled in zip(weights, KEYS.values(), strict=True):
        row[[rig.names.index(name) for name in pulled]] = 1.0
    shots = tuple(Shot(caption, number, "front") for number, caption in enumerate(KEYS))
    yield Sitting(performance.face, rig.pose(weights), shots)


def frames(performance: Performance) -> Iterator[Sitting]:
    """The widest mouth, the narrowest and the worst frame: by the head, by the rig, and what is off."""
    take, face = performance.take, performance.face
    for what, number in telling_frames(performance).items():
        weights, frame = take.weights[number : number + 1], performance.reference[number]
        arkit, whole = take.rig.pose(weights[:, : len(ARKIT_KEYS)])[0], take.rig.pose(weights)[0]
        poses = np.stack([frame, arkit, whole])
        captions = (f"{what}: the head", "52 keys", "all keys")
        yield Sitting(face, poses, tuple(Shot(text, pose, "front", MOUTH) for pose, text in enumerate(captions)))
        for text, posed in (("52 keys are off by", arkit), ("all keys are off by", whole)):
            off = MILLIMETRES * np.linalg.norm(posed - frame, axis=1)
            caption = f"{text} {off.max():.1f} mm at most"
            yield Sitting(replace(face, colors=heat(off)), posed[None], (Shot(caption, 0, "front", MOUTH),))


SHEETS: dict[str, tuple[Callable[[Performance], Iterator[Sitting]], int, int]] = {
    "rig_keys": (keys, 8, 224),
    "rig_frames": (frames, 5, 320),
}
"""What is shown, pictures in a row, and their width and height in pixels."""


def telling_frames(performance: Performance) -> dict[str, int]:
    """Frames by a word for each: the widest mouth, the narrowest, and where the named keys alone are worst."""
    upper, lower = (performance.face.landmarks[f"inner_lip_{side}"] for side in ("upper", "lower"))
    heights = np.linalg.norm(performance.reference[:, upper] - performance.reference[:, lower], axis=1)
    worst = performance.take.left["named keys"][:, 0]
    return {"open": int(heights.argmax()), "shut": int(heights.argmin()), "worst": int(worst.argmax())}


def heat(millimetres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear RGBA ``[V, 4]`` of errors ``[V]``: dark at none, bright from ``REDDEST`` on."""
    shown = mpl.colormaps["inferno"](np.clip(0.1 + 0.9 * millimetres / REDDEST, 0.0, 1.0))
    return np.ascontiguousarray(np.concatenate([shown[:, :3] ** 2.2, shown[:, 3:]], axis=1), np.float32)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Render pictures of the named rig.")
    parser.add_argument("--output", type=Path, default=Path("docs/pictures"), help="the folder they go to")
    parser.add_argument("--speech", type=Path, default=presets_folder() / SAMPLE, help="the line that is spoken")
    parser.add_argument("--only", nargs="+", choices=SHEETS, default=list(SHEETS), metavar="SHEET")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options.output.mkdir(parents=True, exist_ok=True)
    performance = perform(Animator.load(), options.speech)
    for name in options.only:
        shown, columns, tile = SHEETS[name]
        count = write_sheet(options.output / f"{name}.png", shown(performance), columns, tile)
        log.info("%s: %d pictures", name, count)


if __name__ == "__main__":
    main()
