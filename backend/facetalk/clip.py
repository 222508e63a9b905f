"""The speech to be animated: any sound or video file, or raw samples, as 16 kHz mono."""

import mmap
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from facetalk.errors import UserError

SAMPLE_RATE = 16000
MIN_SECONDS = 0.1
MAX_SECONDS = 3 * 3600.0
SAMPLE_RATES = (8000, 192000)
MAX_CHANNELS = 64

# Float files may pass full scale a little; a thousandfold is 60 dB over it, which is damage or integers that
# were never scaled, and would make the features meaningless.
_LOUDEST = 1000.0

_BLOCK = 1 << 16  # samples of one channel
_LONG = 600 * SAMPLE_RATE  # samples from which on a clip is kept in a file

# What ffmpeg may open. Formats that point to other files or addresses, such as playlists, are not among them.
_FFMPEG_FORMATS = "mov,matroska,avi,mpegts,mpeg,flv,asf,aac,ac3,eac3,mxf,wav,mp3,ogg,flac,amr,caf"

_READABLE = "a WAV, FLAC, MP3, OGG, M4A or video file"


@dataclass(frozen=True)
class Clip:
    """A stretch of speech.

    Attributes:
        samples: ``[S]`` float32, mono, 16 kHz, full scale 1.
        mapped: the file without a name that a long clip's samples are in.
    """

    samples: NDArray[np.float32]
    mapped: mmap.mmap | None = field(default=None, repr=False, compare=False)

    def let_go(self) -> None:
        """Give back the memory of what was read of a long clip: what is needed once more is read once more."""
        if self.mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.mapped.madvise(mmap.MADV_DONTNEED)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / SAMPLE_RATE


def load_clip(path: Path) -> Clip:
    """Read a sound file, or the first sound track of a video file, of 0.1 s to 3 h.

    Decoded block by block: beside the clip itself, memory does not grow with the file.

    Raises:
        UserError: the file cannot be read, has no sound, is too short or too long, or is damaged.
    """
    _require_file(path)
    try:
        sound = soundfile.SoundFile(path)
    except soundfile.LibsndfileError:
        return _load_with_ffmpeg(path)
    with sound:
        _check_format(str(path), sound.samplerate, sound.channels)
        _check_length(str(path), sound.frames / sound.samplerate)
        return _assemble(str(path), _soundfile_blocks(path, sound), sound.samplerate)


def clip_from_pcm(samples: NDArray[np.float32], sample_rate: int) -> Clip:
    """Make a clip of samples at hand.

    Args:
        samples: ``[S]`` or ``[S, channels]`` float32, full scale 1.
        sample_rate: in Hz, 8000 to 192000.

    Raises:
        UserError: too short, too long, another sample rate, or values that are no sound.
    """
    name = "The sound"
    frames = samples if samples.ndim == 2 else samples[:, None]
    _check_format(name, sample_rate, frames.shape[1])
    _check_length(name, len(frames) / sample_rate)
    return _assemble(name, (frames[i : i + _BLOCK] for i in range(0, len(frames), _BLOCK)), sample_rate)


def _require_file(path: Path) -> None:
    if not path.exists():
        raise UserError(f"{path} does not exist: check the name.")
    if not path.is_file():
        raise UserError(f"{path} is a folder, not a file: choose {_READABLE}.")
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}): check its permissions.") from error
    if is_empty:
        raise UserError(f"{path} is empty: record or export the sound again.")


def _check_format(name: str, sample_rate: int, channels: int) -> None:
    low, high = SAMPLE_RATES
    if not low <= sample_rate <= high:
        raise UserError(f"{name} has a sample rate of {sample_rate} Hz: convert it to between {low} and {high} Hz.")
    if not 1 <= channels <= MAX_CHANNELS:
        raise UserError(f"{name} has {channels} channels: export it with one or two.")


def _check_length(name: str, seconds: float) -> None:
    if seconds < MIN_SECONDS:
        raise UserError(f"{name} lasts {seconds:.4f} s: at least {MIN_SECONDS} s of sound are needed.")
    if seconds > MAX_SECONDS:
        raise UserError(
            f"{name} lasts {seconds / 3600:.1f} h: cut it into parts of at most {MAX_SECONDS / 3600:.0f} h."
        )


def _assemble(name: str, blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> Clip:
    """Mix blocks ``[n, channels]`` down to mono, resample them, and check every value on the way."""
    clip = _held(_resampled(name, blocks, sample_rate))
    _check_length(name, clip.seconds)
    return clip


def _resampled(name: str, blocks: Iterable[NDArray[np.float32]], sample_rate: int) -> Iterator[NDArray[np.float32]]:
    resampler = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32")
    for block in blocks:
        # Written so that NaN fails it too.
        if not np.all(np.abs(block) <= _LOUDEST):
            raise UserError(f"{name} holds samples that are not numbers or far beyond full scale: export it again.")
        yield resampler.resample_chunk(block.mean(axis=1, dtype=np.float32))
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _held(pieces: Iterator[NDArray[np.float32]]) -> Clip:
    """Pieces of a clip, put together in memory, or in a file if they are many."""
    first: list[NDArray[np.float32]] = []
    count = 0
    for piece in pieces:
        first.append(piece)
        count += len(piece)
        if count > _LONG:
            break
    else:
        return Clip(np.concatenate(first))
    with TemporaryFile() as file:
        file.write(np.concatenate(first).tobytes())
        first.clear()
        for piece in pieces:
            file.write(piece.tobytes())
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return Clip(np.frombuffer(mapped, np.float32), mapped)


def _soundfile_blocks(path: Path, sound: soundfile.SoundFile) -> Iterator[NDArray[np.float32]]:
    expected = sound.frames
    try:
        while len(block := sound.read(_BLOCK, dtype="float32", always_2d=True)):
            expected -= len(block)
            yield block
    except soundfile.LibsndfileError as error:
        raise UserError(f"{path} is damaged: export the sound again.") from error
    if expected > 0:
        missing = expected / sound.samplerate
        raise UserError(f"{path} is damaged: its last {missing:.2f} s cannot be read; export the sound again.")


def _not_readable(path: Path) -> UserError:
    return UserError(f"{path} is damaged or not a sound file: choose {_READABLE}.")


def _load_with_ffmpeg(path: Path) -> Clip:
    """Read what libsndfile cannot: the sound of videos, AAC."""
    _probe_with_ffmpeg(path)
    return _assemble(str(path), _ffmpeg_blocks(path), SAMPLE_RATE)


def _ffmpeg_input(path: Path) -> list[str]:
    from imageio_ffmpeg import get_ffmpeg_exe

    # "file:" keeps a name such as "-y" or "http:..." from being anything but a file.
    restrictions = ["-protocol_whitelist", "file", "-format_whitelist", _FFMPEG_FORMATS]
    return [get_ffmpeg_exe(), "-nostdin", "-hide_banner", *restrictions, "-i", f"file:{path}"]


def _probe_with_ffmpeg(path: Path) -> None:
    """Check from the file's header that there is sound, and not too much of it."""
    # Without an output ffmpeg describes its input and ends with an error, whatever the input.
    description = subprocess.run(_ffmpeg_input(path), capture_output=True, check=False).stderr.decode(errors="replace")
    if not re.search(r"^\s*Stream #", description, re.MULTILINE):
        raise _not_readable(path)
    if not re.search(r"^\s*Stream #.*: Audio:", description, re.MULTILINE):
        raise UserError(f"{path} has no sound track: choose {_READABLE} with sound.")
    duration = re.search(r"Duration: (\d+):(\d\d):(\d\d\.\d+)", description)
    if duration:
        hours, minutes, seconds = (float(part) for part in duration.groups())
        _check_length(str(path), 3600 * hours + 60 * minutes + seconds)


def _ffmpeg_blocks(path: Path) -> Iterator[NDArray[np.float32]]:
    # Without rematrix_maxval ffmpeg makes the mono of a stereo sound 3 dB louder than its channels' mean.
    mono = f"aresample=osr={SAMPLE_RATE}:ochl=mono:rematrix_maxval=1"
    # A header may lie about the length: never decode more than a little past the longest clip.
    output = ["-map", "0:a:0", "-t", str(MAX_SECONDS + 1), "-af", mono, "-f", "f32le", "pipe:1"]
    command = [*_ffmpeg_input(path), "-xerror", *output]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        while content := process.stdout.read(_BLOCK * 4):
            yield np.frombuffer(content[: len(content) // 4 * 4], np.float32)[:, None]
    finally:
        process.stdout.close()
        status = process.wait()
    if status != 0:
        raise _not_readable(path)
