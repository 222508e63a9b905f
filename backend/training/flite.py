"""Speech whose phone times are known exactly, from the flite synthesiser (Black and Lenzo, CMU)."""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from facetalk.clip import SAMPLE_RATE
from training.installed import missing_system_package, system_package_version
from training.voices import Segment, Speech, UnspeakableError, VoiceDescription, closed

_LICENCE = (
    "CMU Flite licence (BSD-like, notice kept): Copyright (c) 1999-2016 Language Technologies Institute, "
    "Carnegie Mellon University"
)
_SEGMENT = re.compile(r"([a-z@#_]+):([0-9.]+)")
_TIMEOUT = 60.0


@dataclass(frozen=True)
class FliteVoice:
    """One of flite's English voices: slt, rms, awb or kal16."""

    voice: str

    @property
    def description(self) -> VoiceDescription:
        """Who speaks; see `training.voices.Voice`."""
        engine = f"flite {system_package_version('flite')}"
        times = "the synthesiser's own, exact"
        return VoiceDescription(f"flite-{self.voice}", engine, "en", "arpabet", _LICENCE, times)

    @property
    def prompts(self) -> None:
        """Says any text."""

    def speak(self, text: str, stretch: float) -> Speech:
        """Say a text; see `training.voices.Voice`."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "speech.wav")
            command = ["flite", "-voice", self.voice, "-psdur", "--setf", f"duration_stretch={stretch:.3f}"]
            command += ["-t", text, "-o", str(path)]
            try:
                printed = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=True).stdout
                samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
            except FileNotFoundError:
                raise missing_system_package("flite") from None
            except (subprocess.SubprocessError, soundfile.SoundFileError) as error:
                raise UnspeakableError(f"flite could not say {text!r} with voice {self.voice}: {error}.") from error
        mono = np.asarray(soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE), np.float32)
        return Speech(mono, closed(segments_of_listing(printed), len(mono) / SAMPLE_RATE))


def segments_of_listing(listing: str) -> list[Segment]:
    """Segments of flite's ``-psdur`` output, a list of ``name:end``.

    flite starts again at 0 for every sentence it speaks; the listing becomes one timeline.
    """
    segments: list[Segment] = []
    offset, start = 0.0, 0.0
    for symbol, end_text in _SEGMENT.findall(listing):
        end = offset + float(end_text)
        if end <= start:
            offset = start
            end = offset + float(end_text)
        segments.append(Segment(symbol, start, end))
        start = end
    return segments
