"""Frames of a video with their times: upright, with square pixels, whatever the container, rotation or frame rate."""

import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import IO

import numpy as np
from numpy.typing import NDArray

from facetalk.errors import UserError

LONGEST_SIDE = 960  # pixels: the tracker looks at the face in 256 x 256
MOST_FPS = 60.0  # frames that follow faster are left out
MAX_SECONDS = 3 * 3600.0
MOST_PIXELS = 8192 * 8192
TIME_PATIENCE = 30.0  # seconds in which ffmpeg must tell the time of a frame it has delivered

# What ffmpeg may open: formats that point to other files or addresses, such as playlists, are not among them.
_FORMATS = "mov,matroska,avi,mpegts,mpeg,flv,asf,mxf,ogg,gif"
_UPRIGHT = (
    "scale=w='max(2,trunc(iw*sar*min(1,{side}/max(iw*sar,ih))))':h='max(2,trunc(ih*min(1,{side}/max(iw*sar,ih))))',"
    "setsar=1,showinfo"
)
_TIME = re.compile(rb"\bpts_time:\s*(-?[\d.]+)")
_MOST_HEADER = 64  # bytes of a PPM file's head

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class VideoFile:
    """What a video's header says.

    Attributes:
        path: of the file.
        seconds: how long it lasts; None if it does not say.
        has_sound: whether there is a sound track.
    """

    path: Path
    seconds: float | None
    has_sound: bool


def open_video(path: Path) -> VideoFile:
    """Look at a video's header.

    Raises:
        UserError: there is no such file, it is empty, no video, or longer than 3 h.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist: check the name.")
    if not path.is_file():
        raise UserError(f"{path} is a folder, not a file: choose a video.")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty: record or export the video again.")
    # Without an output ffmpeg describes its input and ends with an error, whatever the input.
    description = subprocess.run(_input(path), capture_output=True, check=False).stderr.decode(errors="replace")
    stream = re.search(r"^\s*Stream #.*: Video: (?!.*attached pic).*?(\d{2,5})x(\d{2,5})", description, re.MULTILINE)
    if stream is None:
        has_sound = re.search(r"^\s*Stream #.*: Audio:", description, re.MULTILINE)
        reason = "holds sound but no pictures" if has_sound else "is damaged or not a video"
        raise UserError(f"{path} {reason}: choose a video file such as .mp4, .mov, .mkv or .webm.")
    width, height = (int(side) for side in stream.groups())
    if width * height > MOST_PIXELS:
        raise UserError(f"{path} has pictures of {width} x {height} pixels: export it smaller, 1920 x 1080 will do.")
    duration = re.search(r"Duration: (\d+):(\d\d):(\d\d\.\d+)", description)
    seconds = None
    if duration:
        hours, minutes, rest = (float(part) for part in duration.groups())
        seconds = 3600 * hours + 60 * minutes + rest
        if seconds > MAX_SECONDS:
            raise UserError(f"{path} lasts {seconds / 3600:.1f} h: cut it into parts of at most 3 h.")
    return VideoFile(path, seconds, re.search(r"^\s*Stream #.*: Audio:", description, re.MULTILINE) is not None)


def read_frames(video: VideoFile) -> Iterator[tuple[float, Picture]]:
    """Decode a video frame by frame.

    Yields:
        Seconds from the start of the file, rising, and the upright picture ``[H, W, 3]`` RGB. Beside these, memory does
        not grow with the file.

    Raises:
        UserError: no frame can be decoded, or it is longer than 3 h.
    """
    shown = _UPRIGHT.format(side=LONGEST_SIDE)
    output = ["-map", "0:V:0", "-vf", shown, "-fps_mode", "passthrough", "-c:v", "ppm", "-f", "image2pipe", "pipe:1"]
    command = [*_input(video.path), "-loglevel", "info", "-nostats", *output]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    times: Queue[float] = Queue()
    listener = threading.Thread(target=_listen, args=(process.stderr, times), daemon=True)
    listener.start()
    last = -1.0
    try:
        while (picture := _picture(process.stdout)) is not None:
            try:
                time = times.get(timeout=TIME_PATIENCE)
            except Empty as error:
                raise UserError(f"{video.path} does not say when its frames are shown: export it again.") from error
            if time > MAX_SECONDS:
                raise UserError(f"{video.path} lasts more than 3 h: cut it into parts.")
            if time >= 0.0 and (last < 0.0 or time - last > 0.9 / MOST_FPS):
                last = time
                yield time, picture
    finally:
        process.kill()  # does nothing if it has ended
        process.wait()
        listener.join()
        process.stdout.close()
        process.stderr.close()
    if last < 0.0:
        raise UserError(f"{video.path} has no picture that can be decoded: export the video again.")


def _input(path: Path) -> list[str]:
    from imageio_ffmpeg import get_ffmpeg_exe

    # "file:" keeps a name such as "-y" or "http:..." from being anything but a file.
    restrictions = ["-protocol_whitelist", "file", "-format_whitelist", _FORMATS]
    return [get_ffmpeg_exe(), "-nostdin", "-hide_banner", *restrictions, "-i", f"file:{path}"]


def _listen(messages: IO[bytes], times: "Queue[float]") -> None:
    for line in messages:
        if b"showinfo" in line and (found := _TIME.search(line)):
            times.put(float(found[1]))


def _picture(source: IO[bytes]) -> Picture | None:
    """The next PPM picture of a stream, or None at its end."""
    fields: list[bytes] = []
    while len(fields) < 4:
        line = source.readline(_MOST_HEADER)
        if not line:
            return None
        fields += line.split()
    width, height = int(fields[1]), int(fields[2])
    content = source.read(width * height * 3)
    if len(content) < width * height * 3:
        return None
    return np.frombuffer(content, np.uint8).reshape(height, width, 3)
