"""A captured head's turns in a .blend: keyed on an empty that carries face and hair; markers where no face was seen."""

import io
import json
import math
from pathlib import Path
from typing import cast

import bpy
import numpy as np
from mathutils import Quaternion

from blender_addon import headless
from blender_addon.head_motion import EMPTY_NAME, HeadMotion
from facetalk.clip import Clip
from facetalk.service import stream
from facetalk.take import TakeSettings
from tests.service.fake_animator import FakeAnimator

FPS = 25.0
QUARTER = math.sqrt(0.5)


def motion_file(folder: Path) -> Path:
    """One second: facing the camera, then from 0.5 s turned by 90 degrees about the height."""
    rotations = [[1.0, 0.0, 0.0, 0.0]] * 25 + [[QUARTER, 0.0, 0.0, QUARTER]] * 25
    path = folder / "motion.json"
    path.write_text(json.dumps({"fps": 50.0, "rotations": rotations, "unseen": [[0.2, 0.4]], "cuts": [0.5]}))
    return path


def built(folder: Path, motion: HeadMotion | None) -> bpy.types.Object:
    out = io.BytesIO()
    animator = cast(stream.TakeSource, FakeAnimator(side=4))
    stream.write_take(out.write, animator, Clip(np.zeros(16000, np.float32)), TakeSettings(fps=FPS))
    out.seek(0)
    headless.build(out, None, folder / "take.blend", motion)
    bpy.ops.wm.open_mainfile(filepath=str(folder / "take.blend"))
    return bpy.data.objects[headless.FACE_NAME]


def test_the_head_turns_as_it_was_seen_to(tmp_path: Path) -> None:
    face = built(tmp_path, HeadMotion.read(motion_file(tmp_path)))
    scene = bpy.context.scene
    assert face.parent == bpy.data.objects[EMPTY_NAME]
    scene.frame_set(1)
    resting = np.array(face.matrix_world)
    np.testing.assert_allclose(resting, np.eye(4), atol=1e-6)
    scene.frame_set(20)
    turned = face.matrix_world.to_quaternion()
    assert turned.rotation_difference(Quaternion((0, 0, 1), math.pi / 2)).angle < 1e-3
    pivot = bpy.data.objects[EMPTY_NAME].matrix_world.translation
    np.testing.assert_allclose(face.matrix_world @ (face.matrix_world.inverted() @ pivot), pivot, atol=1e-6)


def test_every_scene_frame_has_a_key_and_what_was_not_seen_a_marker(tmp_path: Path) -> None:
    built(tmp_path, HeadMotion.read(motion_file(tmp_path)))
    scene = bpy.context.scene
    markers = {marker.name: marker.frame for marker in scene.timeline_markers}
    assert markers == {"no face": 6, "face again": 11, "cut": 13}
    turns = set()
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        turns.add(round(bpy.data.objects[EMPTY_NAME].rotation_quaternion.w, 3))
    assert {1.0, round(QUARTER, 3)} <= turns


def test_without_motion_or_sound_the_face_stands_alone(tmp_path: Path) -> None:
    face = built(tmp_path, None)
    assert face.parent is None
    assert bpy.context.scene.sequence_editor is None or not bpy.context.scene.sequence_editor.strips_all
    assert not bpy.context.scene.timeline_markers
