"""Pictures of templates: ``python -m training.template_pictures --output docs/pictures [--only NAME ...]``.

One sheet each: edges over the shaded face, from the front and the side, at rest and with an open mouth; lips and lids
close up; lids that are shut; what the tongue does; and squares by its UVs.
"""

import argparse
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from facetalk.animate import Animator
from facetalk.cast import Cast
from facetalk.presets import shipped_templates
from facetalk.take import BALD
from training.head_pictures import pose_identity
from training.ict_heads import rig_weights
from training.picture_sheet import Shot, Sitting, write_sheet

FACE = "average"
REST, OPEN, BLINK, TIP_UP, BETWEEN, OUT, BACK_UP = range(7)
POSES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.8},
    {"eyeBlink_L": 1.0, "eyeBlink_R": 1.0},
    {"jawOpen": 0.25, "tongueTipUp": 1.0},
    {"jawOpen": 0.2, "tongueBetweenTeeth": 1.0},
    {"jawOpen": 0.4, "tongueOut": 1.0},
    {"jawOpen": 0.4, "tongueBackUp": 1.0},
)
LIPS, LIDS = "lip_upper", "lid_upper_left"
COLUMNS, TILE = 4, 320

log = logging.getLogger(__name__)


def template_sittings(animator: Animator) -> Iterator[Sitting]:
    """The template that an animator wears, on the mean face."""
    template = animator.template
    poses = pose_identity(animator, animator.identity_code(FACE), np.stack([rig_weights(pose) for pose in POSES]))
    face = replace(animator.mesh(FACE, BALD), vertices=poses[REST])
    shots = (
        Shot(f"{template.name}: {len(template.quads):,} quads", REST, "front", wires=True),
        Shot("", REST, "side", wires=True),
        Shot("mouth open", OPEN, "front", wires=True),
        Shot("lips", REST, "three_quarter", LIPS, wires=True),
        Shot("lids", REST, "front", LIDS, wires=True),
        Shot("lids shut", BLINK, "front", LIDS),
        Shot("shaded", REST, "three_quarter"),
        Shot("l, t, d, n", TIP_UP, "front", LIPS),
        Shot("th", BETWEEN, "front", LIPS),
        Shot("tongue out", OUT, "three_quarter", LIPS),
        Shot("k, g", BACK_UP, "front", LIPS),
    )
    yield Sitting(face, poses, shots)
    yield Sitting(face, poses, (Shot("UVs", REST, "three_quarter"),), checkered=True)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Render pictures of templates that any face wears.")
    parser.add_argument("--output", type=Path, default=Path("docs/pictures"), help="the folder they go to")
    parser.add_argument(
        "--only", nargs="+", default=shipped_templates(), metavar="NAME", help="those that come along if not given"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options.output.mkdir(parents=True, exist_ok=True)
    cast = Cast(Animator.load())
    for name in options.only:
        performer = cast.performer(name)
        if not isinstance(performer, Animator):
            parser.error(f"{name} is a mesh with a face of its own: its pictures are not of the average face")
        path = options.output / f"template_{name}.png"
        count = write_sheet(path, template_sittings(performer), COLUMNS, TILE)
        log.info("%s: %d pictures", path, count)


if __name__ == "__main__":
    main()
