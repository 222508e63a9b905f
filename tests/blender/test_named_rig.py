"""A named rig in a .blend: relative keys under ARKit's names that play the take, written by a Blender of its own."""

import json
from pathlib import Path
from typing import cast

import bpy
import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from blender_addon import headless
from blender_addon.named_rig import BASIS, add_named_rig
from blender_addon.named_rig import NamedRig as RigInBlender
from facetalk.animate import Animator
from facetalk.capture.captured_take import CapturedTake
from facetalk.export.head_motion import HeadMotion
from facetalk.export.rig_file import write_rig_file
from facetalk.export.rigged_take import RiggedTake
from facetalk.take import TakeSettings
from facetalk.topology.named_rig import NamedRig
from facetalk.topology.template import AnyMesh
from tests.service.fake_animator import FakeAnimator, grid_mesh

SIDE, FRAMES, FPS = 4, 12, 30.0
NAMES = ("jawOpen", "mouthSmileLeft", "cheekPuff")


def take() -> RiggedTake:
    """Two keys that play, one that never does, and a corrective."""
    mesh = grid_mesh(SIDE)
    generator = np.random.default_rng(0)
    offsets = generator.normal(0.0, 0.01, (4, *mesh.vertices.shape)).astype(np.float32)
    weights = generator.uniform(0.0, 1.0, (FRAMES, 4)) * np.array([1.0, 1.0, 0.0, -1.0])
    rig = NamedRig(mesh.vertices, NAMES, offsets[:3], offsets[3:])
    return RiggedTake(cast(AnyMesh, mesh), rig, weights, FPS, {})


def shown(face: bpy.types.Object) -> NDArray[np.float64]:
    mesh = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    return np.array([vertex.co for vertex in mesh.vertices])


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "line.wav"
    soundfile.write(path, np.sin(np.arange(8000) / 10) * 0.5, 16000)
    return path


def test_the_file_plays_the_take(tmp_path: Path, sound: Path) -> None:
    blend, rigged = tmp_path / "line.blend", take()
    rotations = np.tile(np.array([1.0, 0.0, 0.0, 0.0], np.float32), (20, 1))
    captured = CapturedTake("head", "clip", torch.zeros(20, 2), rotations, np.zeros(20, bool))
    animator = cast(Animator, FakeAnimator(side=SIDE))
    write_rig_file(rigged, animator, TakeSettings(fps=FPS), blend, sound, HeadMotion.of(captured))
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene, face = bpy.context.scene, bpy.data.objects[headless.FACE_NAME]
    keys = face.data.shape_keys
    assert keys.use_relative
    assert [key.name for key in keys.key_blocks] == [BASIS, *NAMES, "corrective_01"]
    assert (scene.frame_start, scene.frame_end) == (headless.FIRST_FRAME, headless.FIRST_FRAME + FRAMES - 1)
    assert json.loads(face["facetalk"])["frame_count"] == FRAMES
    assert len(scene.sequence_editor.strips) == 1
    assert face.parent is not None
    wanted = rigged.rig.pose(rigged.weights)
    for frame in (0, 5, FRAMES - 1):
        scene.frame_set(headless.FIRST_FRAME + frame)
        np.testing.assert_allclose(shown(face), wanted[frame], atol=2e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line.blend", "line.wav"]


def test_a_key_that_is_not_played_is_free(tmp_path: Path) -> None:
    rigged = take()
    face = bpy.data.objects.new("Face", bpy.data.meshes.new("Face"))
    face.data.from_pydata(rigged.rig.neutral.tolist(), [], [])
    bpy.context.collection.objects.link(face)
    weights = rigged.weights.astype(np.float32)
    add_named_rig(face, RigInBlender(rigged.rig.key_names, rigged.rig.key_offsets, 1, weights), first_frame=1)
    keys = face.data.shape_keys
    played = {curve.data_path for curve in keys.animation_data.action.fcurves}
    assert played == {f'key_blocks["{name}"].value' for name in ("jawOpen", "mouthSmileLeft", "corrective_01")}
    keys.key_blocks["cheekPuff"].value = 1.0
    assert keys.key_blocks["corrective_01"].slider_min == -1.0
    assert keys.key_blocks["jawOpen"].slider_min == 0.0
    bpy.context.scene.frame_set(3)
    np.testing.assert_allclose(shown(face), rigged.rig.pose(rigged.weights)[2] + rigged.rig.offsets[2], atol=2e-6)
