"""Videos of every awkward kind, made by ffmpeg from its own test pictures."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from facetalk.capture import video
from facetalk.capture.video import open_video, read_frames
from facetalk.errors import UserError


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run([get_ffmpeg_exe(), "-loglevel", "error", "-y", *map(str, arguments)], check=True)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """One second, 160 x 96 at 25 fps: red above, blue below; with a tone."""
    path = tmp_path / "clip.mp4"
    pictures = "color=red:size=160x48:rate=25[a];color=blue:size=160x48:rate=25[b];[a][b]vstack"
    ffmpeg("-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", "sine=300", "-t", "1", "-pix_fmt", "yuv420p", path)
    return path


def test_frames_come_with_their_times(clip: Path) -> None:
    file = open_video(clip)
    assert file.has_sound
    assert file.seconds == pytest.approx(1.0, abs=0.1)
    times, pictures = zip(*read_frames(file), strict=True)
    np.testing.assert_allclose(times, np.arange(25) / 25, atol=1e-3)
    assert pictures[0].shape == (96, 160, 3)
    assert pictures[0][10, 80, 0] > 200 > pictures[0][80, 80, 0] + 100


def test_a_portrait_flag_turns_the_pictures(clip: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", "90", "-i", clip, "-c", "copy", turned)
    _, picture = next(iter(read_frames(open_video(turned))))
    assert picture.shape == (160, 96, 3)
    assert picture[80, 10, 0] > 200 > picture[80, 90, 0] + 100  # what was above is on the left


def test_an_uneven_frame_rate_is_kept(clip: Path, tmp_path: Path) -> None:
    uneven = tmp_path / "uneven.mkv"
    ffmpeg("-i", clip, "-an", "-vf", "select='not(between(n,5,14))'", "-fps_mode", "vfr", uneven)
    times = [time for time, _ in read_frames(open_video(uneven))]
    assert len(times) == 15
    assert times[5] - times[4] == pytest.approx(11 / 25, abs=2e-3)


def test_large_pictures_are_made_smaller_and_fast_ones_thinned(tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=1920x1080:rate=120", "-t", "0.2", "-pix_fmt", "yuv420p", large)
    frames = list(read_frames(open_video(large)))
    assert frames[0][1].shape == (540, 960, 3)
    assert len(frames) == 12


def test_a_silent_video_says_so(clip: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    ffmpeg("-i", clip, "-an", "-c", "copy", silent)
    assert not open_video(silent).has_sound


def test_what_is_no_video_is_named(clip: Path, tmp_path: Path) -> None:
    empty, text, sound = tmp_path / "empty.mp4", tmp_path / "text.mp4", tmp_path / "sound.m4a"
    empty.touch()
    text.write_text("not a video at all")
    ffmpeg("-i", clip, "-vn", sound)
    for path, reason in (
        (tmp_path / "none.mp4", "does not exist"),
        (tmp_path, "is a folder"),
        (empty, "is empty"),
        (text, "is damaged or not a video"),
        (sound, "holds sound but no pictures"),
    ):
        with pytest.raises(UserError, match=reason):
            open_video(path)


def test_too_long_and_too_large_are_refused_before_work(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_SECONDS", 0.5)
    with pytest.raises(UserError, match="cut it into parts"):
        open_video(clip)
    monkeypatch.setattr(video, "MAX_SECONDS", 10.0)
    monkeypatch.setattr(video, "MOST_PIXELS", 100)
    with pytest.raises(UserError, match="export it smaller"):
        open_video(clip)


def test_a_video_cut_off_ends_where_it_is_cut_off(clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mkv"
    ffmpeg("-i", clip, "-an", "-c:v", "mjpeg", cut)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    assert 5 < len(list(read_frames(open_video(cut)))) < 20


def test_stopping_early_leaves_no_process(clip: Path) -> None:
    frames = read_frames(open_video(clip))
    next(frames)
    frames.close()  # type: ignore[attr-defined]
