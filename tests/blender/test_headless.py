"""A record stream becomes a .blend that opens complete, and pictures of it."""

import io
import json
import math
from pathlib import Path
from typing import cast

import bpy
import numpy as np
import pytest
import soundfile
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from blender_addon import headless, pictures, stage
from blender_addon.records import BackendError, StreamError
from facetalk.clip import Clip
from facetalk.service import stream
from facetalk.take import TakeSettings
from tests.service.fake_animator import FakeAnimator, frame_vertices, grid_hair

FPS = 30000 / 1001
SIDE = 4
CLIP = Clip(np.zeros(16000, np.float32))


@pytest.fixture
def records() -> bytes:
    out = io.BytesIO()
    animator = cast(stream.TakeSource, FakeAnimator(side=SIDE))
    stream.write_take(out.write, animator, CLIP, TakeSettings(fps=FPS))
    return out.getvalue()


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "line.flac"
    soundfile.write(path, np.sin(np.arange(16000) / 10) * 0.5, 16000)
    return path


@pytest.fixture
def blend(records: bytes, sound: Path, tmp_path: Path) -> Path:
    path = tmp_path / "line.blend"
    headless.build(io.BytesIO(records), sound, path)
    sound.unlink()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return path


def test_the_saved_file_holds_the_whole_take(blend: Path) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene = bpy.context.scene
    face = bpy.data.objects[headless.FACE_NAME]
    frame_count = scene.frame_end - scene.frame_start + 1
    assert scene.frame_start == headless.FIRST_FRAME
    assert frame_count == math.ceil(FPS)
    assert math.isclose(scene.render.fps / scene.render.fps_base, FPS, rel_tol=1e-6)
    assert len(face.data.shape_keys.key_blocks) == frame_count + 1
    assert scene.camera is not None
    assert len([light for light in scene.objects if light.type == "LIGHT"]) == 3
    assert json.loads(face["facetalk"])["models"] == ["fake-head", "fake-motion"]
    for index in (0, 3, frame_count - 1):
        scene.frame_set(headless.FIRST_FRAME + index)
        mesh = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        shown = np.array([vertex.co for vertex in mesh.vertices])
        np.testing.assert_allclose(shown, frame_vertices(SIDE, index, 0), atol=1e-6)


def test_a_point_cache_plays_the_whole_take(records: bytes, tmp_path: Path) -> None:
    path, cache = tmp_path / "line.blend", tmp_path / "line.pc2"
    headless.build(io.BytesIO(records), None, path, cache=cache)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    scene, face = bpy.context.scene, bpy.data.objects[headless.FACE_NAME]
    assert face.data.shape_keys is None
    assert [modifier.type for modifier in face.modifiers] == ["MESH_CACHE", "SUBSURF"]
    for index in (0, 3, math.ceil(FPS) - 1):
        scene.frame_set(headless.FIRST_FRAME + index)
        mesh = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        shown = np.array([vertex.co for vertex in mesh.vertices])
        np.testing.assert_allclose(shown, frame_vertices(SIDE, index, 0), atol=1e-6)


def test_a_cut_stream_leaves_no_blend_behind(records: bytes, tmp_path: Path) -> None:
    path = tmp_path / "line.blend"
    with pytest.raises(StreamError):
        headless.build(io.BytesIO(records[: len(records) // 2]), None, path, cache=tmp_path / "line.pc2")
    assert not path.exists()


def test_a_point_cache_that_cannot_be_written_is_said(records: bytes, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="point cache cannot be written"):
        headless.build(io.BytesIO(records), None, tmp_path / "line.blend", cache=tmp_path / "nowhere/line.pc2")


def test_the_sound_is_packed_and_starts_with_the_face(blend: Path) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    (strip,) = bpy.context.scene.sequence_editor.strips
    assert strip.frame_final_start == headless.FIRST_FRAME
    packed = bytes(strip.sound.packed_file.data)
    samples, rate = soundfile.read(io.BytesIO(packed))
    assert (len(samples), rate) == (16000, 16000)
    assert strip.sound.filepath == "//line.flac"


def test_pictures_show_a_face_before_the_backdrop(blend: Path, tmp_path: Path) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y = 96, 64
    front, side = tmp_path / "front.png", tmp_path / "side.png"
    frames = tmp_path / "frames"
    frames.mkdir()
    report = io.StringIO()
    pictures.render_frames(frames, 2, 4, report)
    pictures.render_stills(
        bpy.data.objects[headless.FACE_NAME],
        [pictures.Still(2, "front", front), pictures.Still(2, "side", side)],
        report,
    )
    assert [json.loads(line)["done"] for line in report.getvalue().splitlines()] == [1, 2, 3, 1, 2]
    assert sorted(path.name for path in frames.iterdir()) == ["00002.png", "00003.png", "00004.png"]
    pixels = _pixels(front)
    assert pixels.shape == (64, 96, 4)
    center, corner = pixels[32, 48, :3], pixels[2, 2, :3]
    assert np.abs(center - corner).max() > 0.2, "the grid fills the middle and not the corner"
    # the grid has no depth, so from the side there is next to nothing
    assert np.abs(_pixels(side)[32, 30, :3] - corner).max() < 0.05


def test_hair_is_in_the_file_and_in_the_pictures(sound: Path, tmp_path: Path) -> None:
    out = io.BytesIO()
    animator = cast(stream.TakeSource, FakeAnimator(side=SIDE))
    stream.write_take(out.write, animator, CLIP, TakeSettings(fps=FPS, hair="bob"))
    blend = tmp_path / "line.blend"
    headless.build(io.BytesIO(out.getvalue()), sound, blend)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene, face = bpy.context.scene, bpy.data.objects[headless.FACE_NAME]
    (hair,) = face.children
    assert json.loads(face["facetalk"])["settings"]["hair"] == hair["facetalk_hair_style"] == "bob"
    assert hair.name in scene.objects
    np.testing.assert_array_equal(
        np.array([v.co for v in hair.data.vertices], np.float32), grid_hair(3, "bob").vertices
    )
    assert [modifier.type for modifier in hair.modifiers] == ["SUBSURF"]
    # the hair reaches 5 cm above the face, and the picture goes as far
    top = world_to_camera_view(scene, scene.camera, Vector((0.0, 0.08, 0.15)))
    assert 0.9 < top.y < 1.0
    picture = tmp_path / "picture.png"
    scene.render.resolution_x = scene.render.resolution_y = 64
    pictures.render_stills(bpy.data.objects[headless.FACE_NAME], [pictures.Still(2, "front", picture)], io.StringIO())
    with_hair = _pixels(picture)
    hair.hide_render = True
    pictures.render_stills(
        bpy.data.objects[headless.FACE_NAME], [pictures.Still(2, "front", tmp_path / "bald.png")], io.StringIO()
    )
    assert np.abs(with_hair - _pixels(tmp_path / "bald.png"))[46:58, 32, :3].max() > 0.1


def test_a_picture_does_not_follow_hair_below_the_neck(sound: Path, tmp_path: Path) -> None:
    out = io.BytesIO()
    stream.write_take(out.write, cast(stream.TakeSource, FakeAnimator()), CLIP, TakeSettings(fps=FPS, hair="bob"))
    headless.build(io.BytesIO(out.getvalue()), sound, tmp_path / "line.blend")
    scene, (hair,) = bpy.context.scene, bpy.data.objects[headless.FACE_NAME].children
    long = np.array([v.co for v in hair.data.vertices], np.float32)
    long[:, 2] -= 0.25
    hair.data.vertices.foreach_set("co", long.ravel())
    pictures.render_stills(
        bpy.data.objects[headless.FACE_NAME], [pictures.Still(2, "front", tmp_path / "picture.png")], io.StringIO()
    )
    assert world_to_camera_view(scene, scene.camera, Vector((0.0, 0.0, 0.1))).y > 0.9
    assert world_to_camera_view(scene, scene.camera, Vector((0.0, 0.08, -0.2))).y < 0.0


def test_a_cut_stream_leaves_no_file(records: bytes, sound: Path, tmp_path: Path) -> None:
    blend = tmp_path / "line.blend"
    with pytest.raises(StreamError, match="stopped in the middle"):
        headless.build(io.BytesIO(records[:-100]), sound, blend)
    assert not blend.exists()


@pytest.mark.parametrize("fps", [12.0, 23.976, 24.0, 25.0, 29.97, 30000 / 1001, 59.94, 240.0])
def test_every_frame_rate_is_met(fps: float) -> None:
    scene = bpy.context.scene
    stage.set_frame_rate(scene, fps)
    assert math.isclose(scene.render.fps / scene.render.fps_base, fps, rel_tol=1e-6)


def test_an_impossible_frame_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="frame rate"):
        stage.set_frame_rate(bpy.context.scene, math.nan)


def _pixels(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    image = bpy.data.images.load(str(path))
    pixels = np.empty(4 * image.size[0] * image.size[1], np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(image.size[1], image.size[0], 4)
