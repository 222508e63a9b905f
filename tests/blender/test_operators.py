"""``facetalk.generate`` in Blender, against the real service around a fake animator."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import blender_addon
from blender_addon import backend_process, generation, stepped_operator, takes, timeline, work
from blender_addon.records import BackendError
from blender_addon.strip_sound import StripSound
from tests.service.fake_animator import frame_vertices
from tests.service.fake_backend import UseBackend

RATE = 48000

KINDS_OF_DATA = ("objects", "meshes", "shape_keys", "actions", "materials", "collections")


pytestmark = pytest.mark.usefixtures("addon")


def tone(path: Path, seconds: float = 2.0) -> Path:
    """A rising ramp, so that every sample tells where in the file it stood."""
    soundfile.write(path, np.linspace(0, 1, round(seconds * RATE), dtype=np.float32), RATE, subtype="FLOAT")
    return path


def add_strip(path: Path, frame: int = 11, fps: int = 25, fps_base: float = 1.0) -> "bpy.types.SoundStrip":
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, fps_base
    strips = scene.sequence_editor_create().strips
    strip = strips.new_sound("line", str(path), 1, frame)
    strip.select = True
    return strip


def add_backdrop(channel: int) -> None:
    """A selected strip that has no sound."""
    strips = bpy.context.scene.sequence_editor_create().strips
    parameters = strips.bl_rna.functions["new_effect"].parameters
    length = {"length": 20} if "length" in parameters else {"frame_end": 21}
    strips.new_effect("backdrop", "COLOR", channel, 1, **length).select = True


def shape_at(face: "bpy.types.Object", frame: int) -> NDArray[np.float32]:
    bpy.context.scene.frame_set(frame)
    mesh = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    vertices = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", vertices)
    return vertices.reshape(-1, 3)


def faces() -> list["bpy.types.Object"]:
    return takes.takes_of(bpy.context.scene)


def growing() -> list["bpy.types.Object"]:
    """The objects of unfinished takes."""
    return [thing for thing in bpy.data.objects if thing.facetalk.number and not thing.facetalk.is_take]


def data_counts() -> dict[str, int]:
    return {name: len(getattr(bpy.data, name)) for name in KINDS_OF_DATA}


def test_a_strip_becomes_a_head_in_step_with_it(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    add_strip(tone(tmp_path / "line.wav"), frame=11)
    assert bpy.ops.facetalk.generate() == {"FINISHED"}
    (face,) = faces()
    assert bpy.context.view_layer.objects.active == face
    for frame in (11, 12, 35, 60):  # the strip plays frames 11 to 60
        assert np.allclose(shape_at(face, frame), frame_vertices(4, frame - 11, seed=0), atol=2e-6), frame
    assert len(face.data.shape_keys.key_blocks) >= 50
    assert work.current is None


@pytest.mark.parametrize(("fps", "fps_base", "frames"), [(24, 1.0, 48), (30, 1.001, 60), (60, 1.0, 120)])
def test_the_scenes_true_rate_is_used(
    tmp_path: Path, use_backend: UseBackend, fps: int, fps_base: float, frames: int
) -> None:
    use_backend()
    strip = add_strip(tone(tmp_path / "line.wav"), fps=fps, fps_base=fps_base)
    bpy.ops.facetalk.generate()
    take = faces()[0].facetalk
    assert take.frame_count == strip.frame_final_duration == frames
    assert take.fps == pytest.approx(fps / fps_base)


def test_trim_and_offset_are_honoured(tmp_path: Path) -> None:
    strip = add_strip(tone(tmp_path / "line.wav"), frame=101)
    strip.frame_offset_start = 10  # 0.4 s
    strip.frame_offset_end = 5
    sound = timeline.selected_sound(bpy.context)
    assert (sound.first_frame, sound.frame_count) == (111, 35)
    samples = sound.samples()
    assert len(samples) == pytest.approx(35 / 25 * 16000, abs=1)
    expected = np.linspace(0.4 / 2, 1.8 / 2, len(samples))
    assert np.abs(samples[100:-100] - expected[100:-100]).max() < 1e-3


def test_the_sound_offset_delays_the_sound(tmp_path: Path) -> None:
    strip = add_strip(tone(tmp_path / "line.wav"))
    strip.sound_offset = 0.5
    samples = timeline.selected_sound(bpy.context).samples()
    assert not samples[:7900].any()
    assert samples[16000] == pytest.approx(0.25, abs=1e-3)


def test_a_retimed_strip_plays_faster(tmp_path: Path) -> None:
    path = tone(tmp_path / "line.wav", seconds=2.0)
    whole = StripSound("line", path, 0.0, first_frame=1, frame_count=25, fps=25.0, retimed_frames=25)
    samples = whole.samples()  # twice the speed
    assert len(samples) == pytest.approx(16000, abs=1)
    assert np.abs(samples[100:-100] - np.linspace(0, 1, len(samples))[100:-100]).max() < 2e-3
    trimmed = StripSound("line", path, 0.5, first_frame=1, frame_count=5, fps=25.0, retimed_frames=25)
    assert trimmed.samples()[1600] == pytest.approx(0.6, abs=2e-3)


def test_a_packed_sound_needs_no_file(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    path = tone(tmp_path / "line.wav")
    strip = add_strip(path)
    expected = timeline.selected_sound(bpy.context).samples()
    strip.sound.pack()
    path.unlink()
    assert np.array_equal(timeline.selected_sound(bpy.context).samples(), expected)
    assert bpy.ops.facetalk.generate() == {"FINISHED"}


def test_stereo_is_mixed_to_one(tmp_path: Path) -> None:
    left_only = np.stack([np.full(RATE, 0.5), np.zeros(RATE)], axis=1)
    soundfile.write(tmp_path / "stereo.wav", left_only, RATE)
    add_strip(tmp_path / "stereo.wav")
    samples = timeline.selected_sound(bpy.context).samples()
    assert samples.ndim == 1
    assert samples[8000] > 0.2


def refused() -> str:
    before = data_counts()
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.facetalk.generate()
    assert data_counts() == before
    assert work.current is None
    message = str(caught.value).strip()
    assert "Traceback" not in message
    return message


def test_no_strip_at_all(use_backend: UseBackend) -> None:
    use_backend()
    assert "No strip is selected: select the sound strip" in refused()


def test_no_strip_selected(tmp_path: Path) -> None:
    add_strip(tone(tmp_path / "line.wav")).select = False
    assert "No strip is selected" in refused()


def test_a_strip_without_sound() -> None:
    add_backdrop(channel=1)
    assert "'backdrop' has no sound, it is a color strip" in refused()


def test_the_sound_of_a_movie_and_its_sound_is_taken(tmp_path: Path) -> None:
    add_strip(tone(tmp_path / "line.wav"))
    add_backdrop(channel=2)
    assert timeline.selected_sound(bpy.context).strip_name == "line"


def test_of_several_sounds_the_active_one_is_taken(tmp_path: Path) -> None:
    add_strip(tone(tmp_path / "line.wav"))
    editor = bpy.context.scene.sequence_editor
    other = editor.strips.new_sound("other", str(tmp_path / "line.wav"), 2, 1)
    other.select = True
    assert "2 sound strips are selected" in refused()
    editor.active_strip = other
    assert timeline.selected_sound(bpy.context).strip_name == "other"


def test_a_muted_strip(tmp_path: Path) -> None:
    add_strip(tone(tmp_path / "line.wav")).mute = True
    assert "'line' is muted" in refused()


def test_a_muted_channel(tmp_path: Path) -> None:
    strip = add_strip(tone(tmp_path / "line.wav"))
    bpy.context.scene.sequence_editor.channels[strip.channel].mute = True
    assert "channel of the strip 'line' is muted" in refused()


def test_a_strip_whose_file_is_gone(tmp_path: Path) -> None:
    path = tone(tmp_path / "line.wav")
    add_strip(path)
    path.unlink()
    message = refused()
    assert "'line' is gone" in message
    assert str(path) in message


@pytest.mark.parametrize("content", [b"", b"RIFFxxxx", b"not a sound\n" * 100])
def test_a_strip_whose_file_is_broken(tmp_path: Path, use_backend: UseBackend, content: bytes) -> None:
    use_backend()
    path = tone(tmp_path / "line.wav")
    add_strip(path)
    path.write_bytes(content)
    assert "'line' cannot be read" in refused()


def test_a_strip_past_the_end_of_its_sound(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    strip = add_strip(tone(tmp_path / "line.wav"))
    strip.sound_offset = 100.0
    assert "plays only silence" in refused()


def test_no_python_at_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACETALK_PYTHON", str(tmp_path / "nowhere" / "python"))
    add_strip(tone(tmp_path / "line.wav"))
    message = refused()
    assert "There is no Python at" in message
    assert "FaceTalk preferences" in message


def write_script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'python: No module named facetalk' >&2; exit 1", "facetalk is not installed for"),
        ("echo 'libtorch.so is broken' >&2; exit 3", "ended at once (status 3, libtorch.so is broken)"),
        ("echo hello; exec cat > /dev/null", "starts no FaceTalk backend"),
        (
            'echo \'{"port": 1, "protocol": 9, "version": "7.0"}\'; exec cat > /dev/null',
            "7.0 speaks protocol version 9",
        ),
        ('echo \'{"port": 1, "protocol": 4, "version": "7.0"}\'; exec cat > /dev/null', "does not answer"),
    ],
)
def test_a_python_without_a_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str) -> None:
    monkeypatch.setenv("FACETALK_PYTHON", str(write_script(tmp_path / "python", script)))
    add_strip(tone(tmp_path / "line.wav"))
    assert said in refused()
    backend_process.stop_shared_backend()


def test_a_file_that_cannot_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tmp_path / "python"
    plain.write_text("not a program")
    monkeypatch.setenv("FACETALK_PYTHON", str(plain))
    add_strip(tone(tmp_path / "line.wav"))
    assert "cannot be run" in refused()


def test_another_protocol_version_in_the_stream(
    tmp_path: Path, use_backend: UseBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_backend(protocol=1)
    add_strip(tone(tmp_path / "line.wav"))
    assert "speaks protocol version 1, this add-on version 4" in refused()
    assert "speaks protocol version 1, this add-on version 4" in refused()  # asked again, the same at once


def test_models_that_cannot_be_loaded(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend(load_failure="The bundle heads/x is missing: restore it.")
    add_strip(tone(tmp_path / "line.wav"))
    assert "The bundle heads/x is missing: restore it." in refused()
    use_backend()
    assert bpy.ops.facetalk.generate() == {"FINISHED"}  # mended, with no restart of Blender


def test_an_identity_that_does_not_exist(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    add_strip(tone(tmp_path / "line.wav"))
    bpy.context.scene.facetalk.identity = "nobody"
    assert "no identity nobody: choose one of average, second" in refused()


def test_a_backend_killed_in_the_middle_leaves_the_file_as_it_was(tmp_path: Path, use_backend: UseBackend) -> None:
    python = use_backend(batch_seconds=0.1)
    add_strip(tone(tmp_path / "line.wav"))
    bpy.ops.facetalk.check_backend()
    process = backend_process.shared_backend(python)._process
    killed: list[int] = []

    def kill_in_the_middle(running: generation.Generation) -> None:
        if running.stage == "decode" and not killed:
            assert growing()
            killed.append(process.pid)
            os.kill(process.pid, signal.SIGKILL)

    before = data_counts()
    with pytest.raises(BackendError, match="stopped"):
        run_stepwise(kill_in_the_middle)
    assert killed
    assert data_counts() == before
    use_backend()
    assert bpy.ops.facetalk.generate() == {"FINISHED"}  # a new one is started


def run_stepwise(
    look: Callable[[generation.Generation], None], ticks: list[float] | None = None
) -> generation.Generation:
    """What the modal operator does, tick by tick.

    Args:
        look: called after every tick.
        ticks: receives the processor seconds this thread spent in each tick (not the wall's, in which other
            processes have a share).
    """
    context = bpy.context
    sound = timeline.selected_sound(context)
    python = backend_process.find_python("")
    running = generation.Generation(context.scene, python, sound, {"fps": sound.fps})
    deadline = time.monotonic() + 30
    more = True
    while more and not running.cancelled:
        assert time.monotonic() < deadline
        began = time.thread_time()
        more = running.step(stepped_operator.STEP_SECONDS)
        if ticks is not None:
            ticks.append(time.thread_time() - began)
        if more:
            look(running)
            time.sleep(0.002)
    return running


def test_cancel_in_the_middle_leaves_nothing_and_is_quick(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend(motion_steps=1000, motion_step_seconds=0.05)
    add_strip(tone(tmp_path / "line.wav"))
    before = data_counts()
    took = []

    def cancel_while_sampling(running: generation.Generation) -> None:
        if running.stage == "motion" and running.fraction > 0:
            began = time.perf_counter()
            assert bpy.ops.facetalk.cancel() == {"FINISHED"}
            took.append(time.perf_counter() - began)
            running.join()
            took.append(time.perf_counter() - began)

    running = run_stepwise(cancel_while_sampling)
    assert running.cancelled
    assert took[0] < 0.05  # the button
    assert took[1] < 1.0  # until the backend, too, has stopped
    assert data_counts() == before
    assert work.current is None


def test_no_tick_takes_longer_than_ten_milliseconds(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend(side=64)  # 4225 vertices
    add_strip(tone(tmp_path / "line.wav", seconds=10.0))
    worst: list[float] = []
    for _ in range(3):  # the quietest counts: other processes slow this one by way of the caches
        ticks: list[float] = []
        running = run_stepwise(lambda _: None, ticks)
        assert running.face.facetalk.frame_count == 250
        worst.append(max(ticks))
    assert min(worst) < 0.010


def test_while_one_take_is_made_no_other_starts(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend(motion_steps=1000, motion_step_seconds=0.02)
    add_strip(tone(tmp_path / "line.wav"))
    said = []

    def try_another(running: generation.Generation) -> None:
        with pytest.raises(RuntimeError) as caught:
            bpy.ops.facetalk.generate()
        said.append(str(caught.value))
        running.cancel()

    run_stepwise(try_another)
    assert "FaceTalk is at work" in said[0]


def test_a_face_deleted_while_it_is_made_is_an_error_not_a_crash(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend(batch_seconds=0.05)
    add_strip(tone(tmp_path / "line.wav"))

    def delete(running: generation.Generation) -> None:
        for face in growing():
            bpy.data.objects.remove(face)

    with pytest.raises(BackendError, match="removed, renamed or undone"):
        run_stepwise(delete)


def test_a_new_seed_is_a_new_take_and_the_old_one_is_kept(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    add_strip(tone(tmp_path / "line.wav"))
    bpy.ops.facetalk.generate()
    bpy.ops.facetalk.generate(new_seed=True)
    first, second = faces()
    assert [face.name for face in (first, second)] == ["line take 1", "line take 2"]
    assert (first.facetalk.seed, second.facetalk.seed) == (0, 1)
    assert (first.hide_viewport, first.hide_render) == (True, True)
    assert (second.hide_viewport, second.hide_render) == (False, False)
    assert [collection.name for collection in second.users_collection] == ["FaceTalk"]
    assert first.users_collection == second.users_collection
    bpy.ops.facetalk.show_take(name=first.name)
    assert (first.hide_render, second.hide_render) == (False, True)
    assert np.allclose(shape_at(first, 20), frame_vertices(4, 9, seed=0), atol=2e-6)
    bpy.ops.facetalk.show_take(name=second.name)
    assert np.allclose(shape_at(second, 20), frame_vertices(4, 9, seed=1), atol=2e-6)


def test_provenance_and_motion_survive_saving(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    add_strip(tone(tmp_path / "line.wav"))
    wanted = bpy.context.scene.facetalk
    wanted.seed, wanted.intensity, wanted.use_guidance, wanted.guidance = 5, 0.7, True, 3.2
    wanted.style = "lively"
    bpy.ops.facetalk.generate()
    digest = faces()[0].facetalk.sound_sha256
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "line.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "line.blend"))
    (face,) = faces()
    take = face.facetalk
    assert json.loads(take.settings) == {
        "identity": "average", "seed": 5, "fps": 25.0, "guidance": 3.2, "steps": None, "intensity": 0.7,
        "hair": None, "style": "lively", "template": None, "head": None, "form": "frames", "tolerance_mm": 0.1,
    }  # fmt: skip
    assert (take.strip, take.number, take.seed, take.models) == ("line", 1, 5, "fake-head, fake-motion")
    assert take.sound_sha256 == digest
    assert len(digest) == 64
    assert np.allclose(shape_at(face, 30), frame_vertices(4, 19, seed=5), atol=2e-6)
    assert bpy.context.scene.facetalk.seed == 5


def test_an_interrupted_script_leaves_nothing(
    tmp_path: Path, use_backend: UseBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_backend(motion_steps=1000, motion_step_seconds=0.02)
    add_strip(tone(tmp_path / "line.wav"))
    before = data_counts()

    def interrupt(*_: object) -> None:
        time.sleep(0.005)
        if growing():
            raise KeyboardInterrupt

    monkeypatch.setattr(stepped_operator, "time", SimpleNamespace(sleep=interrupt))
    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        bpy.ops.facetalk.generate()
    assert work.current is None
    assert data_counts() == before


def test_unexpected_errors_become_a_report(
    tmp_path: Path, use_backend: UseBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_backend()
    add_strip(tone(tmp_path / "line.wav"))

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a slip")

    monkeypatch.setattr(takes.TakeBuilder, "add", fail)
    message = refused()
    assert "ZeroDivisionError: a slip" in message
    assert bpy.app.version_string in message


def test_check_backend_reports_what_runs(use_backend: UseBackend, caplog: pytest.LogCaptureFixture) -> None:
    use_backend(load_seconds=0.3)
    assert bpy.ops.facetalk.check_backend() == {"FINISHED"}
    assert backend_process.last_health is not None
    assert backend_process.last_health.identities == ("average", "second")


def test_unregistering_in_the_middle_leaves_no_thread_and_no_process(tmp_path: Path, use_backend: UseBackend) -> None:
    python = use_backend(motion_steps=1000, motion_step_seconds=0.02)
    add_strip(tone(tmp_path / "line.wav"))
    processes = []

    def disable(running: generation.Generation) -> None:
        if running.stage == "motion":
            processes.append(backend_process.shared_backend(python)._process)
            blender_addon.unregister()

    run_stepwise(disable)
    assert processes[0].poll() is not None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("facetalk")]
    assert not hasattr(bpy.types.Scene, "facetalk")
    blender_addon.register()
