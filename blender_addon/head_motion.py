"""How a captured head turned: keyframes on an empty that carries the face, and markers where nothing was seen."""

import json
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

NECK = 0.05  # share of the head's height, from below, in whose middle it turns
EMPTY_NAME, EMPTY_SIZE = "Head", 0.08  # metres


@dataclass(frozen=True)
class HeadMotion:
    """What a camera saw of a head.

    Attributes:
        fps: of ``rotations``; row ``i`` belongs to ``i / fps`` seconds after the take's start.
        rotations: quaternions ``[T, 4]``, w first, in Blender's axes, each near the one before.
        unseen: stretches without a face, seconds ``[(start, end)]``.
        cuts: seconds at which another shot begins.
    """

    fps: float
    rotations: NDArray[np.float64]
    unseen: list[tuple[float, float]]
    cuts: list[float]

    @classmethod
    def read(cls, path: Path) -> "HeadMotion":
        """Read a JSON object with the attributes as its fields."""
        content = json.loads(path.read_text(encoding="utf-8"))
        unseen = [(float(start), float(end)) for start, end in content["unseen"]]
        return cls(float(content["fps"]), np.array(content["rotations"], float), unseen, list(content["cuts"]))


def apply_head_motion(face: bpy.types.Object, scene: bpy.types.Scene, motion: HeadMotion, first_frame: int) -> None:
    """Hang the face on an empty that turns about the neck, and mark what was not seen.

    Args:
        face: at its place.
        scene: its frame rate counts.
        motion: what to key: one key a scene frame.
        first_frame: the scene frame of the take's start.
    """
    fps = scene.render.fps / scene.render.fps_base
    carrier = bpy.data.objects.new(EMPTY_NAME, None)
    scene.collection.objects.link(carrier)
    carrier.empty_display_size = EMPTY_SIZE
    carrier.location = _neck(face)
    carrier.rotation_mode = "QUATERNION"
    bpy.context.view_layer.update()
    face.parent = carrier
    face.matrix_parent_inverse = carrier.matrix_world.inverted()
    frames = scene.frame_end - first_frame + 1
    for frame, rotation in enumerate(_at_scene_rate(motion, fps, frames), start=first_frame):
        carrier.rotation_quaternion = rotation
        carrier.keyframe_insert("rotation_quaternion", frame=frame)
    for start, end in motion.unseen:
        scene.timeline_markers.new("no face", frame=first_frame + round(start * fps))
        scene.timeline_markers.new("face again", frame=first_frame + round(end * fps))
    for cut in motion.cuts:
        scene.timeline_markers.new("cut", frame=first_frame + round(cut * fps))


def _neck(face: bpy.types.Object) -> Vector:
    places = np.empty(3 * len(face.data.vertices), np.float32)
    face.data.vertices.foreach_get("co", places)
    places = places.reshape(-1, 3)
    low, high = places[:, 2].min(), places[:, 2].max()
    return Vector(places[places[:, 2] < low + NECK * (high - low)].mean(axis=0).tolist())


def _at_scene_rate(motion: HeadMotion, fps: float, frames: int) -> NDArray[np.float64]:
    known = np.arange(len(motion.rotations)) / motion.fps
    times = np.arange(frames) / fps
    between = np.stack([np.interp(times, known, column) for column in motion.rotations.T], axis=1)
    return np.asarray(between / np.linalg.norm(between, axis=1, keepdims=True))
