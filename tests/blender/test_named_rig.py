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
from blender_addon.curve_keys import BASIS
from facetalk.capture.captured_take import CapturedTake
from facetalk.export.head_motion import HeadMotion
from facetalk.export.rig_file import write_rig_file
from facetalk.rigged_take import RiggedTake
from facetalk.service.stream import TakeSource
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
    return RiggedTake(cast(AnyMesh, mesh), rig, weights, FPS, {}, 0.25)


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
    performer = cast(TakeSource, FakeAnimator(side=SIDE))
    write_rig_file(rigged, performer, TakeSettings(fps=FPS), blend, sound, HeadMotion.of(captured))
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene, face = bpy.context.scene, bpy.data.objects[headless.FACE_NAME]
    keys = face.data.shape_keys
    assert keys.use_relative
    assert [key.name for key in keys.key_blocks] == [BASIS, *NAMES, "corrective_01"]
    assert (scene.frame_start, scene.frame_end) == (headless.FIRST_FRAME, headless.FIRST_FRAME + FRAMES - 1)
    said = json.loads(face["facetalk"])
    assert (said["frame_count"], said["keys"]["error_mm"]) == (FRAMES, 0.25)
    assert len(scene.sequence_editor.strips) == 1
    assert face.parent is not None
    wanted = rigged.rig.pose(rigged.weights)
    for frame in (0, 5, FRAMES - 1):
        scene.frame_set(headless.FIRST_FRAME + frame)
        np.testing.assert_allclose(shown(face), wanted[frame], atol=2e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line.blend", "line.wav"]
