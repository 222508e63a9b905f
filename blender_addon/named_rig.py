"""A named rig in Blender: relative shape keys with the names of ARKit, and an action that plays their weights.

Run as ``python -m blender_addon.named_rig`` by a Python that has bpy: the face at rest comes as records on standard
input, as ``headless build`` takes it, and the rig as a file of arrays; a .blend file comes out.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from . import compat, headless
from .head_motion import HeadMotion, apply_head_motion

LINEAR = 1  # FCurve interpolation as foreach_set wants it
BASIS = "Basis"


@dataclass(frozen=True)
class NamedRig:
    """Shape keys and how they play.

    Attributes:
        names: of the N keys; the last are the correctives.
        offsets: what a weight of 1 of each moves ``[N, V, 3]``, metres.
        correctives: how many correctives there are; their weights may be negative.
        weights: in every frame ``[F, N]``.
    """

    names: tuple[str, ...]
    offsets: NDArray[np.float32]
    correctives: int
    weights: NDArray[np.float32]

    @classmethod
    def read(cls, path: Path) -> "NamedRig":
        """Read an .npz with the attributes as its arrays."""
        with np.load(path, allow_pickle=False) as arrays:
            names = tuple(str(name) for name in arrays["names"])
            return cls(names, arrays["offsets"], int(arrays["correctives"]), arrays["weights"])


def add_named_rig(face: bpy.types.Object, rig: NamedRig, first_frame: int) -> None:
    """Give a face the keys of a rig in place of those it has, and play them.

    Keys that the take never uses have no curve: they are free for the animator.

    Args:
        face: a mesh object, its vertices at rest.
        rig: of as many vertices.
        first_frame: the scene frame of the take's first.
    """
    face.shape_key_clear()
    neutral = np.empty(3 * len(face.data.vertices), np.float32)
    face.data.vertices.foreach_get("co", neutral)
    face.shape_key_add(name=BASIS, from_mix=False)
    for number, (name, offset) in enumerate(zip(rig.names, rig.offsets, strict=True)):
        key = face.shape_key_add(name=name, from_mix=False)
        key.points.foreach_set("co", neutral + offset.ravel())
        played = rig.weights[:, number]
        corrective = number >= len(rig.names) - rig.correctives
        key.slider_min = min(-1.0, float(played.min(initial=0.0))) if corrective else 0.0
        key.slider_max = max(1.0, float(played.max(initial=0.0)))
    keys: bpy.types.Key = face.data.shape_keys
    keys.name = face.name
    action = bpy.data.actions.new(f"{face.name} performance")
    for name, played in zip(rig.names, rig.weights.T, strict=True):
        if played.any():
            _play(keys, action, name, played, first_frame)
    face.data.update_tag()


def _play(
    keys: bpy.types.Key, action: bpy.types.Action, name: str, weights: NDArray[np.float32], first_frame: int
) -> None:
    curve = compat.new_fcurve(keys, action, f'key_blocks["{name}"].value')
    frames = np.arange(first_frame, first_frame + len(weights), dtype=np.float32)
    curve.keyframe_points.add(len(weights))
    curve.keyframe_points.foreach_set("co", np.stack([frames, weights], axis=1).ravel())
    curve.keyframe_points.foreach_set("interpolation", np.full(len(weights), LINEAR, dtype=np.int32))
    curve.update()


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; returns the exit status."""
    options = _parser().parse_args(arguments)
    building: list[str] = ["build", "--blend", str(options.blend)]
    building += ["--sound", str(options.sound)] if options.sound else []
    status = headless.main(building)
    if status:
        return status
    scene, face, rig = bpy.context.scene, bpy.data.objects[headless.FACE_NAME], NamedRig.read(options.rig)
    add_named_rig(face, rig, headless.FIRST_FRAME)
    scene.frame_end = headless.FIRST_FRAME + len(rig.weights) - 1
    face["facetalk"] = json.dumps({**json.loads(face["facetalk"]), "frame_count": len(rig.weights)})
    if options.head_motion:
        apply_head_motion(face, scene, HeadMotion.read(options.head_motion), headless.FIRST_FRAME)
    scene.frame_set(headless.FIRST_FRAME)
    bpy.ops.wm.save_as_mainfile(filepath=str(options.blend), compress=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m blender_addon.named_rig", description=__doc__)
    parser.add_argument("--rig", type=Path, required=True, metavar="NPZ", help="names, offsets, correctives, weights")
    parser.add_argument("--sound", type=Path)
    parser.add_argument("--head-motion", type=Path, metavar="JSON", help="how the head turns: see head_motion.py")
    parser.add_argument("--blend", type=Path, required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
