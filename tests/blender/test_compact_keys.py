"""A take in few shape keys: read back in Blender, no vertex is farther off than was said."""

import io
import json
from pathlib import Path
from typing import cast

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

from blender_addon import headless
from blender_addon.compact_form import FrameSpan
from blender_addon.compact_keys import CompactWriter
from facetalk.clip import Clip
from facetalk.service import stream
from facetalk.take import TakeSettings
from tests.service.fake_animator import FakeAnimator, frame_vertices

Floats = NDArray[np.float32]

FIRST, COUNT, VERTICES = 17, 120, 400
TOLERANCE_MM = 0.1
RIM = list(range(40, 60))
BUMPS = 12


def _neutral() -> Floats:
    return np.random.default_rng(1).uniform(-0.1, 0.1, (VERTICES, 3)).astype(np.float32)


def _frames() -> Floats:
    """Bumps of a centimetre and of a tenth of a millimetre that come and go, and a lid that shuts for three frames."""
    random, neutral = np.random.default_rng(2), _neutral()
    time = np.linspace(0.0, 9.0, COUNT)
    frames = np.repeat(neutral[None], COUNT, axis=0).astype(np.float64)
    for bump in range(BUMPS):
        near = np.exp(-((neutral - neutral[bump]) ** 2).sum(axis=1) / 0.003)
        size = 0.01 * 0.6**bump
        rise = np.sin(time * (1.0 + bump) + bump)[:, None, None]
        frames += size * rise * near[:, None] * random.normal(size=3)
    frames[70:73, RIM, 2] -= 0.004
    return frames.astype(np.float32)


def _object() -> bpy.types.Object:
    mesh = bpy.data.meshes.new("Face")
    mesh.from_pydata(_neutral().tolist(), [], [])
    face = bpy.data.objects.new("Face", mesh)
    bpy.context.collection.objects.link(face)
    face.vertex_groups.new(name="lid_upper_left").add(RIM, 1.0, "REPLACE")
    return face


def _shown(face: bpy.types.Object, frame: int) -> Floats:
    bpy.context.scene.frame_set(frame)
    mesh = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    out = np.empty(len(mesh.vertices) * 3, dtype=np.float32)
    mesh.vertices.foreach_get("co", out)
    return out.reshape(-1, 3)


def _written(frames: Floats) -> tuple[bpy.types.Object, int, float]:
    face = _object()
    writer = CompactWriter(face, bpy.context.scene, FIRST, len(frames), TOLERANCE_MM)
    for index, vertices in enumerate(frames):
        writer.write(index, vertices)
    report = writer.finish()
    return face, report.keys, report.error_mm


def test_read_back_no_vertex_is_farther_off_than_was_said() -> None:
    frames = _frames()
    face, keys, error_mm = _written(frames)
    off = np.stack([_shown(face, FIRST + index) for index in range(COUNT)]) - frames
    millimetres = 1000.0 * np.linalg.norm(off, axis=2)
    assert millimetres.max() <= error_mm + 1e-3  # Blender adds in single precision
    assert error_mm <= TOLERANCE_MM
    assert millimetres[:, RIM].max() <= 0.5 * TOLERANCE_MM + 1e-3
    assert 2 <= keys <= BUMPS
    assert len(face.data.shape_keys.key_blocks) == keys + 1


def test_keys_are_relative_to_the_neutral_face_and_within_their_sliders() -> None:
    face, keys, _ = _written(_frames())
    blocks = face.data.shape_keys.key_blocks
    assert face.data.shape_keys.use_relative
    neutral = np.empty(3 * VERTICES, np.float32)
    blocks["Neutral"].points.foreach_get("co", neutral)
    np.testing.assert_array_equal(neutral.reshape(-1, 3), _neutral())
    bpy.context.scene.frame_set(FIRST)
    for number in range(1, keys + 1):
        curve = next(each for each in _curves(face) if f"Mode {number:02d}" in each.data_path)
        values = np.array([point.co[1] for point in curve.keyframe_points])
        assert len(values) == COUNT
        assert np.abs(values).max() == pytest.approx(1.0, abs=1e-6)
        assert (blocks[number].slider_min, blocks[number].slider_max) == (-1.0, 1.0)
        assert blocks[number].value == pytest.approx(values[0], abs=1e-6)


def _curves(face: bpy.types.Object) -> list[bpy.types.FCurve]:
    action = face.data.shape_keys.animation_data.action
    (bag,) = action.layers[0].strips[0].channelbags
    return list(bag.fcurves)


def test_a_face_that_never_moves_has_no_keys_but_its_own() -> None:
    still = np.repeat(_neutral()[None], 4, axis=0)
    face, keys, error_mm = _written(still)
    assert (keys, error_mm) == (0, 0.0)
    np.testing.assert_array_equal(_shown(face, FIRST + 2), _neutral())


def test_a_single_frame_is_one_key() -> None:
    frames = _frames()[70:71]
    face, keys, _ = _written(frames)
    assert keys == 1
    assert 1000.0 * np.abs(_shown(face, FIRST) - frames[0]).max() <= TOLERANCE_MM


def test_frames_out_of_order_are_refused() -> None:
    writer = CompactWriter(_object(), bpy.context.scene, 1, 2, TOLERANCE_MM)
    with pytest.raises(ValueError, match="does not follow"):
        writer.write(1, _frames()[1])
    with pytest.raises(ValueError, match="shape"):
        writer.write(0, _frames()[0][:5])
    with pytest.raises(ValueError, match="0 of 2"):
        writer.finish()


def test_it_does_not_matter_how_frames_come() -> None:
    frames, tolerances = _frames(), np.full(VERTICES, 1e-4, np.float32)
    errors = []
    for pieces in (1, 7, COUNT):
        span = FrameSpan(_neutral(), tolerances)
        for piece in np.array_split(frames, pieces):
            span.add(piece)
        form = span.fewest()
        shown = _neutral() + np.einsum("fk,kvc->fvc", form.curves, form.displacements)
        errors.append(float(np.linalg.norm(shown - frames, axis=2).max()))
        assert errors[-1] <= form.error <= 1e-4
    assert min(errors) > 0.0


def test_the_saved_file_says_how_far_off_it_is(tmp_path: Path) -> None:
    records, side = io.BytesIO(), 4
    animator = cast(stream.TakeSource, FakeAnimator(side=side))
    stream.write_take(records.write, animator, Clip(np.zeros(16000, np.float32)), TakeSettings(fps=25.0))
    blend = tmp_path / "line.blend"
    report = headless.build(io.BytesIO(records.getvalue()), None, blend, compact_mm=TOLERANCE_MM)
    assert report is not None
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    face = bpy.data.objects[headless.FACE_NAME]
    said = json.loads(face["facetalk"])["compact"]
    assert said == {"keys": report.keys, "error_mm": report.error_mm}
    assert len(face.data.shape_keys.key_blocks) == report.keys + 1 < 25
    for index in (0, 3, 24):
        off = _shown(face, headless.FIRST_FRAME + index) - frame_vertices(side, index, 0)
        assert 1000.0 * np.linalg.norm(off, axis=1).max() <= report.error_mm + 1e-3
