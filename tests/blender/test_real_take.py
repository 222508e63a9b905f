"""The whole way with the trained models: a strip of real speech in Blender becomes a face that speaks it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

import blender_addon
from blender_addon import takes

SAMPLE = next((Path(blender_addon.__file__).resolve().parents[1] / "presets" / "samples").glob("*.flac"))
FRAMES = 50


@pytest.fixture(scope="module", autouse=True)
def addon() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setenv("FACETALK_PYTHON", sys.executable)
    blender_addon.register()
    yield
    blender_addon.unregister()
    patch.undo()


def frames_of(face: bpy.types.Object) -> NDArray[np.float32]:
    """The vertices of all frames, float32 ``[F, V, 3]`` metres."""
    blocks = face.data.shape_keys.key_blocks[1:]
    frames = np.empty((len(blocks), 3 * len(face.data.vertices)), np.float32)
    for block, frame in zip(blocks, frames, strict=True):
        block.points.foreach_get("co", frame)
    return frames.reshape(len(blocks), -1, 3)


def in_group(face: bpy.types.Object, name: str) -> NDArray[np.bool_]:
    """Which vertices ``[V]`` are in a vertex group."""
    group = face.vertex_groups[name].index
    return np.array([any(each.group == group for each in vertex.groups) for vertex in face.data.vertices])


def test_real_speech_moves_the_lips_and_not_the_skull() -> None:
    scene = bpy.context.scene
    scene.render.fps = 25
    strip = scene.sequence_editor_create().strips.new_sound("line", str(SAMPLE), 1, 1)
    strip.frame_offset_start = 25
    strip.frame_final_duration = FRAMES
    strip.select = True
    assert bpy.ops.facetalk.generate() == {"FINISHED"}
    assert bpy.ops.facetalk.generate(new_seed=True) == {"FINISHED"}
    faces = takes.takes_of(scene)
    first, second = (frames_of(face) for face in faces)
    assert len(first) == FRAMES
    assert np.isfinite(first).all()
    assert 0.15 < np.ptp(first[0, :, 2]) < 0.45  # a human head in metres
    moved = np.linalg.norm(first - first.mean(axis=0), axis=2).max(axis=0)
    _, behind, height = first[0].T  # the face looks along -y
    skull = (behind > np.percentile(behind, 80)) & (height > 0.0)  # above the ears' middle: no jaw, no throat
    skull &= ~in_group(faces[0], "eyeballs")  # their backs turn
    assert skull.sum() > 50
    assert moved.max() > 0.003
    assert moved[skull].max() < 0.0005
    assert np.abs(first - second).max() > 0.0005  # another seed is another performance


def test_the_same_seed_gives_the_same_take() -> None:
    scene = bpy.context.scene
    scene.render.fps = 25
    strip = scene.sequence_editor_create().strips.new_sound("line", str(SAMPLE), 1, 1)
    strip.frame_final_duration = FRAMES
    strip.select = True
    bpy.ops.facetalk.generate()
    bpy.ops.facetalk.generate()
    first, second = (frames_of(face) for face in takes.takes_of(scene))
    assert np.array_equal(first, second)
