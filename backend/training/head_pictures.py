"""Pictures of the embedded head: ``python -m training.head_pictures --output docs/pictures [--only SHEET ...]``.

The named identities, one of them in visemes and expressions, every hair style, and the extremes of what is sampled.
"""

import argparse
import heapq
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.animate import Animator
from facetalk.head.head import IDENTITY_LIMIT, IDENTITY_SIGMA, to_blender
from facetalk.head.identity_preset import load_identity
from facetalk.take import BALD
from facetalk.topology.rigid_parts import make_rigid, rigid_parts
from facetalk.topology.wrap import wrap
from training.articulation import mouth_weights
from training.expression_samples import EMOTIONS
from training.ict_heads import rig_weights
from training.named_identities import IDENTITIES
from training.phones import PAUSE, Phone
from training.picture_sheet import Shot, Sitting, write_sheet
from training.rig import RIG_CONTROLS
from training.speaking_style import SpeakingStyle
from training.upper_face import FRAME_RATE

Array = NDArray[np.float64]

log = logging.getLogger(__name__)

ACTOR = "hugo"  # shows visemes and expressions: nothing hangs into the face
MOUTH = "lip_upper"  # the vertex group that a picture of the mouth is framed on
# The visemes of Oculus LipSync, each with the IPA phone that shows it.
VISEMES = {
    "sil": PAUSE,
    "PP": "p",
    "FF": "f",
    "TH": "θ",
    "DD": "d",
    "kk": "k",
    "CH": "tʃ",
    "SS": "s",
    "nn": "n",
    "RR": "ɹ",
    "aa": "a",
    "E": "ɛ",
    "I": "ɪ",
    "O": "ɔ",
    "U": "u",
}
VISEME_SECONDS = 0.4  # long enough that a phone's middle is its own alone
CLEAR_SPEECH = SpeakingStyle(
    jaw=1.1, lips=1.1, rounding=2.2, spreading=1.4
)  # the middle of what SpeakingStyle.draw gives
OPEN_MOUTH = {"jawOpen": 0.8}
LEADING_MODES = 4
RANDOM_SEEDS = 200
RANDOM_HEADS = 4


@dataclass(frozen=True)
class Sheet:
    """A sheet of pictures: what is shown, pictures in a row, and their width and height in pixels."""

    sittings: Callable[[Animator], Iterator[Sitting]]
    columns: int
    tile: int


def identities(animator: Animator) -> Iterator[Sitting]:
    """The named identities at rest, from the front and half from the side."""
    for name in IDENTITIES:
        yield _portrait(animator, name, None, name, ("front", "three_quarter"))


def visemes(animator: Animator) -> Iterator[Sitting]:
    """One identity in every viseme, the face and the mouth."""
    poses = np.stack([viseme(phone) for phone in VISEMES.values()])
    face_and_mouth = [
        shot
        for pose, name in enumerate(VISEMES)
        for shot in (Shot(name, pose, "front"), Shot("", pose, "front", close_up=MOUTH))
    ]
    yield _acting(animator, poses, face_and_mouth)


def expressions(animator: Animator) -> Iterator[Sitting]:
    """One identity, neutral and in every emotion."""
    names = ["neutral", *EMOTIONS]
    poses = np.stack([rig_weights({}), *(emotion(name) for name in EMOTIONS)])
    yield _acting(animator, poses, [Shot(name, pose, "front") for pose, name in enumerate(names)])


def hair(animator: Animator) -> Iterator[Sitting]:
    """Every hair style on the mean head, from three sides."""
    for style in animator.hair_styles():
        yield _portrait(animator, "average", style, style.replace("_", " "), ("front", "side", "back"))


def extremes(animator: Animator) -> Iterator[Sitting]:
    """The far ends of the leading modes and the most unlikely of some random heads, at rest and with an open mouth."""
    rest_and_open = np.stack([rig_weights({}), rig_weights(OPEN_MOUTH)])
    bald = animator.mesh("average", BALD)
    for name, code in extreme_codes(animator).items():
        poses = pose_identity(animator, code, rest_and_open)
        face = replace(bald, vertices=poses[0])
        yield Sitting(face, poses, (Shot(name, 0, "front"), Shot("", 1, "front")))


SHEETS = {
    "identities": Sheet(identities, columns=8, tile=256),
    "visemes": Sheet(visemes, columns=6, tile=256),
    "expressions": Sheet(expressions, columns=4, tile=384),
    "hair": Sheet(hair, columns=6, tile=256),
    "extremes": Sheet(extremes, columns=8, tile=256),
}


def viseme(phone: str) -> Array:
    """Rig weights ``[R]`` of a phone said alone and clearly."""
    spoken = [Phone(phone, 0.0, VISEME_SECONDS, stress=1.0)]
    middle = round(VISEME_SECONDS / 2 * FRAME_RATE)
    curves = mouth_weights(spoken, middle + 1, CLEAR_SPEECH, np.random.default_rng(0))
    return rig_weights({name: float(np.clip(curve[middle], 0.0, 1.0)) for name, curve in curves.items()})


def emotion(name: str) -> Array:
    """Rig weights ``[R]`` of an emotion at full strength, both sides alike."""
    weights = EMOTIONS[name]
    one_sided = {control: weight for control, weight in weights.items() if control in RIG_CONTROLS}
    both = {f"{control}_{side}": weights[control] for control in weights.keys() - one_sided.keys() for side in "LR"}
    return rig_weights(one_sided | both)


def extreme_codes(animator: Animator) -> dict[str, Tensor]:
    """Identity codes ``[I]`` at the border of what is sampled, by a word for each."""
    head, codes = animator.head, {}
    for mode in range(LEADING_MODES):
        for weight in (-IDENTITY_LIMIT * IDENTITY_SIGMA, IDENTITY_LIMIT * IDENTITY_SIGMA):
            code = head.identity("average")
            code[mode] = weight
            codes[f"mode {mode} at {weight:+g}"] = code
    drawn = {f"random-{seed}": head.sample_identity(seed) for seed in range(RANDOM_SEEDS + 1)}
    unlikely = heapq.nlargest(RANDOM_HEADS, drawn, key=lambda name: float(head.identity_prior(drawn[name])))
    return codes | {name: drawn[name] for name in unlikely}


@torch.no_grad()
def pose_identity(animator: Animator, identity: Tensor, weights: Array) -> NDArray[np.float32]:
    """Vertices ``[T, V, 3]`` in metres of an identity code ``[I]`` in poses given by rig weights ``[T, R]``."""
    head, template = animator.head, animator.template
    canonical = torch.from_numpy(wrap(head, identity, template)).to(head.device)
    parts = torch.from_numpy(template.parts.astype(np.int64))
    points = head.prepare(canonical, parts, identity, torch.from_numpy(template.mobility))
    codes = torch.from_numpy(weights).float().to(head.device) @ head.rig_to_code()
    posed = make_rigid(points.pose(codes).points, rigid_parts(template, canonical))
    return np.ascontiguousarray(to_blender(posed).cpu().numpy(), dtype=np.float32)


def _acting(animator: Animator, weights: Array, shots: Sequence[Shot]) -> Sitting:
    """The actor in poses given by rig weights ``[T, R]``."""
    code = torch.tensor(load_identity(ACTOR).code, device=animator.device)
    return Sitting(animator.mesh(ACTOR), pose_identity(animator, code, weights), tuple(shots))


def _portrait(animator: Animator, identity: str, style: str | None, caption: str, views: Sequence[str]) -> Sitting:
    """An identity at rest, seen from some sides; the first picture bears the caption."""
    face = animator.mesh(identity, style)
    shots = tuple(Shot(caption if view == views[0] else "", 0, view) for view in views)
    return Sitting(face, face.vertices[None], shots)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Render pictures of the embedded head.")
    parser.add_argument("--output", type=Path, default=Path("docs/pictures"), help="the folder they go to")
    parser.add_argument("--only", nargs="+", choices=SHEETS, default=list(SHEETS), metavar="SHEET")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options.output.mkdir(parents=True, exist_ok=True)
    animator = Animator.load()
    for name in options.only:
        sheet, start = SHEETS[name], time.monotonic()
        count = write_sheet(options.output / f"{name}.png", sheet.sittings(animator), sheet.columns, sheet.tile)
        log.info("%s: %d pictures in %.0f s", name, count, time.monotonic() - start)


if __name__ == "__main__":
    main()
