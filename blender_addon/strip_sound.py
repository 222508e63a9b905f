"""The stretch of sound that a strip plays, decoded with Blender's audio library. Free of bpy."""

import tempfile
from dataclasses import dataclass
from math import floor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000  # Hz, what the backend works with
RESAMPLING_QUALITY = 3  # the best aud offers


class SoundError(Exception):
    """The selected strip's sound cannot be used. The message is one sentence for the user."""


@dataclass(frozen=True)
class StripSound:
    """What a strip plays, taken out of Blender's data so that a thread may read it.

    Attributes:
        strip_name: of the strip.
        source: the sound file, or its packed bytes.
        content_start: seconds of the strip's content that were trimmed off; negative if silence comes first.
        first_frame: the scene frame of the strip's start.
        frame_count: scene frames it plays.
        fps: the scene's true rate, ``fps / fps_base``.
        retimed_frames: scene frames into which the whole source was retimed; ``None`` keeps its own speed.
    """

    strip_name: str
    source: Path | bytes
    content_start: float
    first_frame: int
    frame_count: int
    fps: float
    retimed_frames: int | None = None

    def samples(self) -> NDArray[np.float32]:
        """The sound, float32 ``[S]`` mono at ``SAMPLE_RATE``, just as long as the strip. Uses no bpy.

        Raises:
            SoundError: the file cannot be decoded, or has no sound where the strip plays.
        """
        if isinstance(self.source, Path):
            return self._decode(self.source)
        with tempfile.TemporaryDirectory(prefix="facetalk-") as folder:
            path = Path(folder) / "packed-sound"
            path.write_bytes(self.source)
            return self._decode(path)

    def _decode(self, path: Path) -> NDArray[np.float32]:
        try:
            import aud  # only here: not every build of Blender has it
        except ImportError as error:
            raise SoundError("This Blender was built without sound: use one from blender.org.") from error

        # Just short of the whole: one sample more, by rounding, would be one frame more.
        length = floor(self.frame_count / self.fps * SAMPLE_RATE - 1e-6)
        content_end = self.content_start + self.frame_count / self.fps
        try:
            sound = aud.Sound.file(str(path))
            source_rate = sound.specs[0]  # raises for a broken file, where data() would end the whole process
            speed = self._speed(sound.length / source_rate)
            part = sound.limit(max(self.content_start, 0.0) * speed, max(content_end, 0.0) * speed)
            heard = part.rechannel(1).resample(SAMPLE_RATE / speed, RESAMPLING_QUALITY).data()
        except aud.error as error:
            raise SoundError(
                f"The sound of the strip {self.strip_name!r} cannot be read ({error}): convert it to WAV."
            ) from error
        if not heard.size:
            raise SoundError(f"The strip {self.strip_name!r} plays only silence: move or trim it anew.")
        silence = round(max(-self.content_start, 0.0) * SAMPLE_RATE)
        samples = np.zeros(length, np.float32)
        heard = heard[: max(length - silence, 0), 0]
        samples[silence : silence + len(heard)] = heard
        return samples

    def _speed(self, source_seconds: float) -> float:
        return 1.0 if self.retimed_frames is None else source_seconds * self.fps / self.retimed_frames
