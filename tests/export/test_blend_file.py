"""From an animator to a .blend and a video, whole or not at all."""

import io
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from PIL import Image

from facetalk.clip import load_clip
from facetalk.errors import Cancelled, UserError
from facetalk.export import ExportReport, write_take
from facetalk.export.blender_process import BlenderProcess
from facetalk.export.preview import encode_video, extract_sound
from facetalk.service.stream import TakeSource
from facetalk.take import CACHE, FRAMES, TakeSettings, frame_bytes
from tests.service.fake_animator import FakeAnimator, grid_mesh

RATE = 22050
FPS = 10.0
STAGES = ("prepare", "speech", "motion", "decode", "save", "preview")


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    path = tmp_path / "my line.wav"
    soundfile.write(path, 0.5 * np.sin(np.arange(RATE // 2) / 7), RATE)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def _write(
    speech: Path, out: Path, progress: Callable[[str, float], None], animator: FakeAnimator | None = None
) -> ExportReport:
    return write_take(
        cast(TakeSource, animator or FakeAnimator()),
        load_clip(speech),
        TakeSettings(fps=FPS),
        sound=speech,
        blend=out / "line.blend",
        video=out / "line.mp4",
        progress=progress,
    )


def _describe(video: Path) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(video), "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def test_a_take_becomes_two_files(speech: Path, out: Path) -> None:
    told: list[tuple[str, float]] = []
    report = _write(speech, out, lambda stage, fraction: told.append((stage, fraction)))
    assert report.frames == 5
    assert report.device == "cpu"
    assert set(report.seconds) == {"animate", "save", "preview"}
    assert sorted(path.name for path in out.iterdir()) == ["line.blend", "line.mp4"]
    assert list(dict.fromkeys(stage for stage, _ in told)) == list(STAGES)
    assert ("preview", 1.0) in told
    description = _describe(out / "line.mp4")
    assert "h264" in description
    assert "yuv420p" in description
    assert "aac" in description
    assert "10 fps" in description
    assert "frame=    5" in description


def test_hair_that_does_not_exist_is_said_before_any_work(speech: Path, out: Path) -> None:
    animator = FakeAnimator()
    with pytest.raises(UserError, match="no hair style mohawk"):
        write_take(
            cast(TakeSource, animator),
            load_clip(speech),
            TakeSettings(hair="mohawk"),
            sound=speech,
            blend=out / "line.blend",
            video=None,
            progress=lambda stage, fraction: None,
        )
    assert animator.seen == []
    assert list(out.iterdir()) == []


def test_only_a_video(speech: Path, out: Path) -> None:
    report = write_take(
        cast(TakeSource, FakeAnimator()),
        load_clip(speech),
        TakeSettings(fps=4.0),
        sound=speech,
        blend=None,
        video=out / "line.mp4",
        progress=lambda stage, fraction: None,
    )
    assert report.blend is None
    assert [path.name for path in out.iterdir()] == ["line.mp4"]


def test_a_point_cache_lies_beside_its_blend(speech: Path, out: Path) -> None:
    def write(form: str, name: str) -> ExportReport:
        return write_take(
            cast(TakeSource, FakeAnimator()),
            load_clip(speech),
            TakeSettings(fps=FPS, form=form),
            sound=speech,
            blend=out / f"{name}.blend",
            video=out / f"{name}.mp4",
            progress=lambda stage, fraction: None,
        )

    report = write(CACHE, "cached")
    assert report.cache == out / "cached.pc2"
    assert sorted(path.name for path in out.iterdir()) == ["cached.blend", "cached.mp4", "cached.pc2"]
    assert report.cache.stat().st_size == 32 + frame_bytes(5, len(grid_mesh(4).vertices))
    assert write(FRAMES, "keyed").cache is None
    # the preview is rendered while the cache is not in its place yet
    assert (out / "cached.mp4").read_bytes() == (out / "keyed.mp4").read_bytes()


def test_a_take_too_long_for_shape_keys_is_refused(speech: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facetalk.take.LARGEST_KEYS", frame_bytes(4, len(grid_mesh(4).vertices)))
    animator = FakeAnimator()
    with pytest.raises(UserError, match="ask for the compact form, for a point cache"):
        _write(speech, out, lambda stage, fraction: None, animator)
    assert animator.seen == []
    assert list(out.iterdir()) == []


def test_a_disk_too_full_for_a_point_cache_is_said_before_any_work(
    speech: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    animator = FakeAnimator()
    with pytest.raises(UserError, match="make room"):
        write_take(
            cast(TakeSource, animator),
            load_clip(speech),
            TakeSettings(fps=FPS, form=CACHE),
            sound=speech,
            blend=out / "line.blend",
            video=None,
            progress=lambda stage, fraction: None,
        )
    assert animator.seen == []
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("stage", STAGES)
def test_cancelling_leaves_nothing(speech: Path, out: Path, stage: str) -> None:
    def cancel(at: str, fraction: float) -> None:
        if at == stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        _write(speech, out, cancel)
    assert list(out.iterdir()) == []


def test_a_failing_animator_leaves_nothing_and_keeps_the_old_file(speech: Path, out: Path) -> None:
    (out / "line.blend").write_bytes(b"the take of yesterday")
    animator = FakeAnimator(fail=UserError("The speech is of no use: record it again."))
    with pytest.raises(UserError, match="of no use"):
        _write(speech, out, lambda stage, fraction: None, animator)
    assert [path.name for path in out.iterdir()] == ["line.blend"]
    assert (out / "line.blend").read_bytes() == b"the take of yesterday"


def test_blender_says_what_is_wrong_with_the_stream(speech: Path, tmp_path: Path) -> None:
    with (
        BlenderProcess(["build", "--sound", speech, "--blend", tmp_path / "x.blend"]) as blender,
        pytest.raises(UserError, match="cannot read"),
    ):
        blender.send(b"this is no record" * 1_000_000)


def test_blenders_death_is_told_with_its_last_words(tmp_path: Path) -> None:
    with (
        BlenderProcess(["render", "--blend", tmp_path / "missing.blend"]) as blender,
        pytest.raises(RuntimeError, match=r"missing\.blend"),
    ):
        list(blender.finish())


def test_missing_blender_is_said_before_any_work(speech: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    animator = FakeAnimator()
    with pytest.raises(UserError, match="pip install bpy"):
        _write(speech, out, lambda stage, fraction: None, animator)
    assert animator.seen == []


def test_the_sound_is_copied_without_loss(speech: Path, out: Path) -> None:
    sound = extract_sound(speech, out)
    samples, rate = soundfile.read(sound, dtype="int16")
    original, _ = soundfile.read(speech, dtype="int16")
    assert rate == RATE
    np.testing.assert_array_equal(samples, original)


def test_sound_that_cannot_be_decoded_is_an_error(tmp_path: Path, out: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF and nothing behind it")
    with pytest.raises(UserError, match=r"broken\.wav cannot be decoded"):
        extract_sound(broken, out)


def test_pictures_and_sound_are_in_step(out: Path) -> None:
    """A white frame 12 and a click at its time must come out of the video at the same time."""
    fps, flash, rate = 25.0, 12, 16000
    for index in range(25):
        shade = 255 if index == flash else 0
        Image.new("RGB", (64, 64), (shade,) * 3).save(out / f"{index + 1:05d}.png")
    samples = np.zeros(rate)
    samples[int(flash / fps * rate) :][:200] = 0.9
    soundfile.write(out / "click.flac", samples, rate)
    encode_video(out, out / "click.flac", out / "x.mp4", fps)

    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(out / "x.mp4")]
    raw = subprocess.run([*ffmpeg, "-f", "rawvideo", "-pix_fmt", "gray", "-"], capture_output=True, check=True).stdout
    brightness = np.frombuffer(raw, np.uint8).reshape(-1, 64 * 64).mean(axis=1)
    assert int(brightness.argmax()) == flash
    heard = subprocess.run([*ffmpeg, "-f", "wav", "-"], capture_output=True, check=True).stdout
    decoded, rate = soundfile.read(io.BytesIO(heard))
    first_sound = int(np.flatnonzero(np.abs(decoded) > 0.3)[0]) / rate
    assert abs(first_sound - flash / fps) < 0.005
