"""Every kind of sound file an animator may hand over, good and bad."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE, clip_from_pcm, load_clip
from facetalk.errors import UserError

TONE_HZ = 440.0


def tone(sample_rate: int, seconds: float = 0.5) -> NDArray[np.float32]:
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return np.asarray(0.5 * np.sin(2 * np.pi * TONE_HZ * time), np.float32)


def loudest_frequency(samples: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 16))
    return float(spectrum.argmax() * SAMPLE_RATE / (1 << 16))


def ffmpeg(*arguments: str) -> None:
    subprocess.run([get_ffmpeg_exe(), "-v", "error", "-y", *arguments], check=True)


def assert_is_tone(samples: NDArray[np.float32], seconds: float = 0.5, tolerance: float = 0.0) -> None:
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) / SAMPLE_RATE == pytest.approx(seconds, abs=tolerance + 1.5 / SAMPLE_RATE)
    assert loudest_frequency(samples) == pytest.approx(TONE_HZ, abs=2)
    assert np.abs(samples[2000:6000]).max() == pytest.approx(0.5, abs=0.05)


def refusal(path: Path) -> str:
    """The message with which a file is refused: one sentence that names it."""
    with pytest.raises(UserError) as caught:
        load_clip(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert message.endswith(".")
    return message.replace(str(path), "FILE")


@pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_reads_wav_of_any_rate_and_depth(tmp_path: Path, sample_rate: int, subtype: str) -> None:
    path = tmp_path / "line.wav"
    soundfile.write(path, tone(sample_rate), sample_rate, subtype)
    assert_is_tone(load_clip(path).samples)


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "flac", "aiff", "caf"])
def test_reads_other_sound_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"line.{suffix}"
    soundfile.write(path, tone(44100), 44100)
    assert_is_tone(load_clip(path).samples, tolerance=0.06)  # mp3 pads to whole frames


@pytest.mark.parametrize("name", ["line.m4a", "line.aac", "shot.mp4", "shot.mkv", "shot.mov", "http:shot.mp4"])
def test_reads_what_only_ffmpeg_can(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("tone.wav", np.stack([tone(48000)] * 2, axis=1), 48000)
    picture = ["-f", "lavfi", "-i", "color=black:s=64x64:d=0.5", "-c:v", "mpeg4"] if "shot" in name else []
    ffmpeg("-i", "tone.wav", *picture, "-c:a", "aac", f"file:{name}")
    assert_is_tone(load_clip(Path(name)).samples, tolerance=0.15)  # AAC adds its priming samples


def test_mixes_stereo_to_mono(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    one = tone(SAMPLE_RATE)
    soundfile.write(path, np.stack([one, 0.5 * one], axis=1), SAMPLE_RATE, "FLOAT")
    np.testing.assert_allclose(load_clip(path).samples, 0.75 * one, atol=1e-6)


def test_blocks_leave_no_seams(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    sound = tone(48000, seconds=6.0)
    soundfile.write(path, sound, 48000, "FLOAT")
    samples = load_clip(path).samples
    assert len(samples) == 6 * SAMPLE_RATE
    inner = slice(100, -100)
    np.testing.assert_allclose(samples[inner], tone(SAMPLE_RATE, seconds=6.0)[inner], atol=1e-3)


def test_silence_is_a_clip(tmp_path: Path) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(16000), 16000)
    clip = load_clip(path)
    assert clip.seconds == 1.0
    assert not clip.samples.any()


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.wav") == "FILE does not exist: check the name."


def test_refuses_a_folder(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


def test_refuses_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    assert "is empty" in refusal(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_refuses_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "locked.wav"
    soundfile.write(path, tone(16000), 16000)
    path.chmod(0)
    assert "Permission denied" in refusal(path)


@pytest.mark.parametrize("suffix", ["wav", "mp3", "mp4", "flac"])
@pytest.mark.parametrize("content", [b"He was not an ill disposed young man.\n" * 200, bytes(range(256)) * 64])
def test_refuses_what_is_no_sound(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"letter.{suffix}"
    path.write_bytes(content)
    assert "is damaged or not a sound file" in refusal(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_refuses_a_corrupt_header(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"corrupt.{suffix}"
    soundfile.write(path, tone(16000), 16000)
    content = path.read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, 200, dtype=np.uint8)
    path.write_bytes(noise.tobytes() + content[200:])
    assert "is damaged" in refusal(path)


def test_refuses_a_flac_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "half.flac"
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * 16000)
    soundfile.write(path, noise, 16000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "is damaged" in refusal(path)


def test_refuses_a_video_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "half.mp4"
    soundfile.write(tmp_path / "tone.wav", tone(48000), 48000)
    ffmpeg("-i", str(tmp_path / "tone.wav"), "-c:a", "aac", str(path))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "is damaged" in refusal(path)


def test_refuses_a_video_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "mute.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=black:s=64x64:d=0.5", "-c:v", "mpeg4", str(path))
    assert "has no sound track" in refusal(path)


def test_refuses_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    ffmpeg("-f", "lavfi", "-i", "color=black:s=64x64:d=0.1", "-frames:v", "1", str(path))
    assert "is damaged or not a sound file" in refusal(path)


def test_refuses_a_playlist_that_points_elsewhere(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", tone(16000), 16000)
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ntone.wav\n#EXT-X-ENDLIST\n")
    assert "is damaged or not a sound file" in refusal(path)


@pytest.mark.parametrize("samples", [0, 3, 1599])
def test_refuses_a_clip_that_is_too_short(tmp_path: Path, samples: int) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, np.zeros(samples), 16000)
    assert "at least 0.1 s of sound are needed" in refusal(path)


def test_accepts_the_shortest_clip(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, np.zeros(1600), 16000)
    assert load_clip(path).seconds == pytest.approx(0.1)


def test_refuses_a_clip_that_is_too_long_from_its_header(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(16000), 16000)
    content = path.read_bytes()
    with path.open("wb") as file:  # four hours of zeros that take no room on the disk
        size = 4 * 3600 * 16000 * 2
        file.write(content[:4] + (size + 36).to_bytes(4, "little") + content[8:40] + size.to_bytes(4, "little"))
        file.truncate(44 + size)
    assert refusal(path) == "FILE lasts 4.0 h: cut it into parts of at most 3 h."


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 32767.0])
def test_refuses_samples_that_are_no_sound(tmp_path: Path, value: float) -> None:
    path = tmp_path / "broken.wav"
    samples = tone(16000)
    samples[4000] = value
    soundfile.write(path, samples, 16000, "FLOAT")
    assert "not numbers or far beyond full scale" in refusal(path)


@pytest.mark.parametrize("sample_rate", [4000, 384000])
def test_refuses_other_sample_rates(tmp_path: Path, sample_rate: int) -> None:
    path = tmp_path / "odd.wav"
    soundfile.write(path, tone(sample_rate), sample_rate)
    assert f"{sample_rate} Hz" in refusal(path)


def test_samples_at_hand() -> None:
    stereo = np.stack([tone(48000)] * 2, axis=1)
    assert_is_tone(clip_from_pcm(stereo, 48000).samples)
    np.testing.assert_array_equal(clip_from_pcm(tone(16000), 16000).samples, tone(16000))


@pytest.mark.parametrize(
    ("samples", "sample_rate", "reason"),
    [
        (np.zeros(3, np.float32), 16000, "lasts"),
        (np.zeros(0, np.float32), 16000, "lasts"),
        (np.full(16000, np.nan, np.float32), 16000, "not numbers"),
        (np.zeros(16000, np.float32), 0, "sample rate"),
        (np.zeros((16000, 0), np.float32), 16000, "channels"),
    ],
)
def test_refuses_bad_samples_at_hand(samples: NDArray[np.float32], sample_rate: int, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        clip_from_pcm(samples, sample_rate)


def test_a_long_clip_is_the_same_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 200_000).astype(np.float32)
    path = tmp_path / "long.wav"
    soundfile.write(path, sound, 16000, subtype="FLOAT")
    held = load_clip(path)
    assert held.mapped is None
    monkeypatch.setattr("facetalk.clip._LONG", 70_000)
    mapped = load_clip(path)
    assert mapped.mapped is not None
    np.testing.assert_array_equal(mapped.samples, held.samples)
    mapped.let_go()
    np.testing.assert_array_equal(mapped.samples, held.samples)


def test_a_long_clip_of_nonsense_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facetalk.clip._LONG", 70_000)
    sound = np.zeros(200_000, np.float32)
    sound[-5] = np.nan
    path = tmp_path / "long.wav"
    soundfile.write(path, sound, 16000, subtype="FLOAT")
    with pytest.raises(UserError, match="not numbers"):
        load_clip(path)
