"""A preview video: a .blend's frames rendered without a window or a GPU, and its sound, in step."""

import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import imageio_ffmpeg

from facetalk.errors import UserError
from facetalk.export.blender_process import BlenderProcess

CRF = 18  # constant rate factor of x264: visually without loss


def extract_sound(source: Path, folder: Path) -> Path:
    """Copy the first sound track of any sound or video file, losslessly and with its own sample rate.

    What Blender packs is then always a sound file of a kind that every version reads.

    Args:
        source: a file that ``load_clip`` has accepted.
        folder: where the FLAC file goes, under the source's name.

    Raises:
        UserError: it cannot be decoded.
    """
    sound = folder / f"{source.stem}.flac"
    # FLAC holds up to 8 channels, a Blender strip plays two
    channels = ["-af", "aformat=channel_layouts=mono|stereo"]
    _run_ffmpeg(
        ["-i", f"file:{source}", "-map", "0:a:0", *channels, sound],
        f"The sound of {source} cannot be decoded",
    )
    return sound


def write_preview(
    blend: Path,
    sound: Path | None,
    video: Path,
    fps: float,
    progress: Callable[[str, float], None],
    cache: Path | None = None,
) -> None:
    """Render every frame of a .blend and write them with the sound as an H.264 / AAC video.

    Frame ``i`` is shown from ``i / fps`` seconds on, the sound starts with frame 0.

    Args:
        blend: a file that ``blender_addon/headless.py`` has built.
        sound: the speech; None for a silent video.
        video: the .mp4 to write; a caller who may stop half way gives a temporary place.
        fps: frames per second.
        progress: is told "preview" and the fraction done.
        cache: where the take's point cache is, if it has one and that is not beside it yet.

    Raises:
        UserError: the video cannot be encoded.
    """
    played: list[str | Path] = [] if cache is None else ["--cache", cache]
    with TemporaryDirectory(prefix="facetalk-frames-") as folder:
        with BlenderProcess(["render", "--blend", blend, "--frames", folder, *played]) as blender:
            for fraction in blender.finish():
                progress("preview", 0.97 * fraction)
        encode_video(Path(folder), sound, video, fps)
    progress("preview", 1.0)


def encode_video(frames: Path, sound: Path | None, video: Path, fps: float) -> None:
    """Encode ``frames/00001.png`` and on with a sound, if there is one, for players of every kind.

    Raises:
        UserError: ffmpeg cannot do it.
    """
    rate = str(Fraction(fps).limit_denominator(100_000))
    pictures: list[str | Path] = ["-framerate", rate, "-start_number", "1", "-i", frames / "%05d.png"]
    # yuv420p and the index in front: browsers and phones play nothing else
    codecs = ["-c:v", "libx264", "-preset", "fast", "-crf", str(CRF), "-pix_fmt", "yuv420p"]
    codecs += ["-c:a", "aac", "-b:a", "160k", "-movflags", "+faststart"]
    heard: list[str | Path] = [] if sound is None else ["-i", sound]
    _run_ffmpeg([*pictures, *heard, *codecs, video], f"The video {video.name} cannot be encoded")


def _run_ffmpeg(arguments: Sequence[str | Path], failure: str) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    result = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"{failure}: ffmpeg says {reason!r}.")
