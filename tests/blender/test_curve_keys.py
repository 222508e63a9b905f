"""Keys with curves: read back in Blender they are the take, and what people expect of shape keys."""

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

from blender_addon.curve_keys import BASIS, KeyWriter, bends
from blender_addon.motion_writer import MotionWriter
from blender_addon.records import Key, Keys

Floats = NDArray[np.float32]

FIRST, FRAMES, VERTICES = 17, 12, 30
KEYS = Keys(("jawOpen", "mouthSmileLeft", "cheekPuff", 'a "corrective"'), (0.0, 0.0, 0.0, -1.0), 0.1)


def neutral() -> Floats:
    return np.random.default_rng(1).uniform(-0.1, 0.1, (VERTICES, 3)).astype(np.float32)


def offsets() -> Floats:
    return np.random.default_rng(0).normal(0.0, 0.01, (4, VERTICES, 3)).astype(np.float32)


def curves() -> Floats:
    """Two keys that play, one that never does, and one that goes both ways."""
    weights = np.random.default_rng(2).uniform(0.0, 1.0, (FRAMES, 4))
    return (weights * np.array([1.0, 1.3, 0.0, -1.0])).astype(np.float32)


def new_face() -> bpy.types.Object:
    mesh = bpy.data.meshes.new("Face")
    mesh.from_pydata(neutral().tolist(), [], [])
    face = bpy.data.objects.new("Face", mesh)
    bpy.context.collection.objects.link(face)
    return face


def written() -> bpy.types.Object:
    face = new_face()
    writer = MotionWriter(face, bpy.context.scene, FIRST, FRAMES)
    writer.write(KEYS)
    for index, (offset, curve) in enumerate(zip(offsets(), curves().T, strict=True)):
        writer.write(Key(index, offset, np.ascontiguousarray(curve)))
    writer.finish()
    return face


def shown(face: bpy.types.Object, frame: int) -> Floats:
    bpy.context.scene.frame_set(frame)
    mesh = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    out = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", out)
    return out.reshape(-1, 3)


def test_every_frame_is_the_sum_of_its_keys() -> None:
    face = written()
    for frame in range(FRAMES):
        wanted = neutral() + np.einsum("k,kvc->vc", curves()[frame], offsets())
        np.testing.assert_allclose(shown(face, FIRST + frame), wanted, atol=2e-6)


def test_a_curve_has_points_only_where_it_bends() -> None:
    frames = np.arange(400, dtype=np.float32)
    slow = (1e-6 * (frames - 200.0) ** 2).astype(np.float32)  # bends a little everywhere
    for curve, most in (
        (np.interp(frames, [0, 100, 130, 399], [0.0, 1.0, 0.2, 0.2]).astype(np.float32), 12),
        (np.zeros(400, np.float32), 2),
        (slow, 400),
    ):
        kept = bends(frames, curve)
        assert {0, 399} <= set(kept.tolist())
        assert len(kept) <= most
        np.testing.assert_allclose(np.interp(frames, frames[kept], curve[kept]), curve, atol=1.1e-6)


def test_keys_have_their_names_and_sliders_that_let_them_play() -> None:
    keys = written().data.shape_keys
    assert keys.use_relative
    assert [key.name for key in keys.key_blocks] == [BASIS, *KEYS.names]
    sliders = [(key.slider_min, key.slider_max) for key in keys.key_blocks[1:]]
    assert sliders[0] == sliders[2] == (0.0, 1.0)
    assert sliders[1] == (0.0, pytest.approx(float(curves()[:, 1].max())))
    assert sliders[3] == (-1.0, 1.0)


def test_a_key_that_is_not_played_is_free() -> None:
    face = written()
    keys = face.data.shape_keys
    (bag,) = keys.animation_data.action.layers[0].strips[0].channelbags
    assert len(bag.fcurves) == 3
    assert not any("cheekPuff" in curve.data_path for curve in bag.fcurves)
    keys.key_blocks["cheekPuff"].value = 1.0
    wanted = neutral() + np.einsum("k,kvc->vc", curves()[2], offsets()) + offsets()[2]
    np.testing.assert_allclose(shown(face, FIRST + 2), wanted, atol=2e-6)


def test_it_shows_the_present_frame_at_once() -> None:
    bpy.context.scene.frame_set(FIRST + 3)
    assert written().data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(curves()[3, 0])


def test_what_does_not_follow_is_refused() -> None:
    writer = KeyWriter(new_face(), bpy.context.scene, FIRST, FRAMES, KEYS)
    offset, curve = offsets()[0], np.ascontiguousarray(curves()[:, 0])
    with pytest.raises(ValueError, match="does not follow"):
        writer.write(Key(1, offset, curve))
    with pytest.raises(ValueError, match="shapes"):
        writer.write(Key(0, offset[:5], curve))
    with pytest.raises(ValueError, match="shapes"):
        writer.write(Key(0, offset, curve[:5]))
    with pytest.raises(ValueError, match="0 of 4 keys"):
        writer.finish()
    with pytest.raises(ValueError, match="before it is said which"):
        MotionWriter(new_face(), bpy.context.scene, FIRST, FRAMES).write(Key(0, offset, curve))
    face = new_face()
    face.shape_key_add(name="Own")
    with pytest.raises(ValueError, match="already"):
        KeyWriter(face, bpy.context.scene, FIRST, FRAMES, KEYS)


def test_a_take_without_keys_is_a_still_face() -> None:
    face = new_face()
    writer = MotionWriter(face, bpy.context.scene, FIRST, FRAMES)
    writer.write(Keys((), (), 0.0))
    writer.finish()
    np.testing.assert_array_equal(shown(face, FIRST), neutral())
