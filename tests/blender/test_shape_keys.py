"""Frames in, the same vertices out at every frame of the timeline."""

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

from blender_addon.records import Frame
from blender_addon.shape_keys import FrameWriter

FIRST, COUNT, VERTICES = 17, 120, 60
MICROMETRE = 1e-6


def _object(name: str = "Face") -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(np.random.default_rng(1).normal(size=(VERTICES, 3)).tolist(), [], [])
    face = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(face)
    return face


def _frames() -> NDArray[np.float32]:
    """Noise of a centimetre or two about a head-sized cloud: faster than any face moves."""
    random = np.random.default_rng(2)
    rest = random.uniform(-0.1, 0.1, size=(VERTICES, 3))
    return (rest + random.normal(scale=0.01, size=(COUNT, VERTICES, 3))).astype(np.float32)


def _write(face: bpy.types.Object, frames: NDArray[np.float32]) -> None:
    writer = FrameWriter(face, bpy.context.scene, FIRST, len(frames))
    for index, vertices in enumerate(frames):
        writer.write(Frame(index, vertices))
    writer.finish()


def _shown(face: bpy.types.Object, frame: int, subframe: float = 0.0) -> NDArray[np.float32]:
    bpy.context.scene.frame_set(frame, subframe=subframe)
    mesh = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    out = np.empty(VERTICES * 3, dtype=np.float32)
    mesh.vertices.foreach_get("co", out)
    return out.reshape(-1, 3)


def test_every_frame_is_exact_and_the_ends_hold() -> None:
    face, frames = _object(), _frames()
    _write(face, frames)
    for index in range(COUNT):
        np.testing.assert_allclose(_shown(face, FIRST + index), frames[index], rtol=0, atol=MICROMETRE)
    np.testing.assert_allclose(_shown(face, FIRST - 10), frames[0], rtol=0, atol=MICROMETRE)
    np.testing.assert_allclose(_shown(face, FIRST + COUNT + 10), frames[-1], rtol=0, atol=MICROMETRE)


def test_between_frames_the_face_moves_straight() -> None:
    face, frames = _object(), _frames()
    _write(face, frames)
    np.testing.assert_allclose(_shown(face, FIRST + 40, 0.25), 0.75 * frames[40] + 0.25 * frames[41], atol=MICROMETRE)


def test_one_named_curve_plays_one_key_a_frame() -> None:
    face = _object("Take 3")
    _write(face, _frames())
    keys = face.data.shape_keys
    assert [key.name for key in keys.key_blocks][:3] == ["Neutral", "Frame 0017", "Frame 0018"]
    assert len(keys.key_blocks) == COUNT + 1
    assert keys.animation_data.action.name == "Take 3 playback"


def test_the_current_frame_is_shown_at_once() -> None:
    face, frames = _object(), _frames()
    bpy.context.scene.frame_set(FIRST + 5)
    _write(face, frames)
    mesh = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    np.testing.assert_allclose([tuple(v.co) for v in mesh.vertices], frames[5], rtol=0, atol=MICROMETRE)


def test_keyframes_of_other_objects_stay() -> None:
    other = _object("Other")
    other.keyframe_insert("location", frame=3)
    before = other.animation_data.action
    _write(_object(), _frames())
    assert other.animation_data.action == before
    assert tuple(before.frame_range) == (3.0, 3.0)


def test_a_single_frame_is_a_take() -> None:
    face, frames = _object(), _frames()[:1]
    _write(face, frames)
    np.testing.assert_allclose(_shown(face, 1), frames[0], rtol=0, atol=MICROMETRE)


def test_frames_out_of_order_are_refused() -> None:
    writer = FrameWriter(_object(), bpy.context.scene, 1, 2)
    with pytest.raises(ValueError, match="does not follow"):
        writer.write(Frame(1, _frames()[1]))
    with pytest.raises(ValueError, match="shape"):
        writer.write(Frame(0, _frames()[0][:5]))
    with pytest.raises(ValueError, match="0 of 2"):
        writer.finish()


def test_existing_shape_keys_are_not_touched() -> None:
    face = _object()
    face.shape_key_add(name="Mine")
    with pytest.raises(ValueError, match="already"):
        FrameWriter(face, bpy.context.scene, 1, 2)
    assert [key.name for key in face.data.shape_keys.key_blocks] == ["Mine"]
