"""Speech whose phone times are known exactly, from the flite synthesiser (Black and Lenzo, CMU)."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from training.articulation import PAUSE, Phone


@dataclass(frozen=True)
class Speech:
    """Samples float32 ``[S]``, 16 kHz mono, and the phones spoken in them, from 0 to the end."""

    samples: NDArray[np.float32]
    phones: tuple[Phone, ...]

    @property
    def seconds(self) -> float:
        """The duration of the sound."""
        return len(self.samples) / SAMPLE_RATE


_SEGMENT = re.compile(r"([a-z@#_]+):([0-9.]+)")
_TIMEOUT = 60.0


def speak(text: str, voice: str, stretch: float) -> Speech:
    """Say ``text`` with one of flite's voices (slt, rms, awb, kal16), ``stretch`` times as long as usual.

    Raises:
        UserError: flite is not installed or cannot say it.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "speech.wav")
        command = ["flite", "-voice", voice, "-psdur", "--setf", f"duration_stretch={stretch:.3f}"]
        command += ["-t", text, "-o", str(path)]
        try:
            printed = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=True).stdout
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except FileNotFoundError as error:
            raise UserError("flite is not installed: install the system package flite.") from error
        except (subprocess.SubprocessError, soundfile.SoundFileError) as error:
            raise UserError(f"flite could not say {text!r} with voice {voice}: {error}.") from error
    mono = np.asarray(soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE), np.float32)
    return Speech(mono, phones_of_listing(printed, len(mono) / SAMPLE_RATE))


def phones_of_listing(listing: str, seconds: float) -> tuple[Phone, ...]:
    """Phones of flite's ``-psdur`` output, a list of ``name:end``, closed with a pause at ``seconds``.

    flite starts again at 0 for every sentence it speaks; the listing becomes one timeline.
    """
    phones: list[Phone] = []
    offset, start = 0.0, 0.0
    for name, end_text in _SEGMENT.findall(listing):
        end = offset + float(end_text)
        if end <= start:
            offset = start
            end = offset + float(end_text)
        phones.append(Phone(name, start, end))
        start = end
    if start < seconds:
        phones.append(Phone(PAUSE, start, seconds))
    return tuple(phones)
