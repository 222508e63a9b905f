"""Recorded sentences of one speaker with tracked landmarks: sound, landmarks, words, and what the mouth does."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from facetalk.capture.landmarks import TrackedLandmarks, read_landmarks
from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from training.tracked_face import TrackedFace, measure_face, without_drift

FloatArray = NDArray[np.float64]

MOST_MISSING = 5  # frames of a sentence without a face

# Tracked lips that are shut measure 0.005 to 0.015 on this speaker and hardly ever 0.02 to 0.03: the contour
# under-reads narrow openings. From OPEN on it is taken at its word.
SHUT, OPEN = 0.017, 0.030
# Shut in speech, lips press a little on each other, so that the blur of what learns from them leaves them shut.
PRESSED = -0.008
DRIFT = 20.0  # frames of 50 Hz; sentences come at a word in 15


class Recordings(NamedTuple):
    """Sentences of one speaker.

    Attributes:
        samples: ``[clips, S]``, 16 kHz.
        face: measured at ``fps``.
        landmarks: as they were tracked.
        speech: start and end in seconds of what is spoken in each clip.
    """

    samples: NDArray[np.float32]
    face: TrackedFace
    landmarks: list[TrackedLandmarks]
    fps: float
    speech: list[tuple[float, float]]
    names: list[str]
    texts: list[str]


def load_recordings(folder: Path) -> Recordings:
    """Read a folder of ``audio.flac``, ``landmarks.npz`` and ``words.json``.

    Raises:
        UserError: a part is missing or damaged, or they do not fit together.
    """
    clips = read_landmarks(folder / "landmarks.npz")
    try:
        samples, rate = soundfile.read(folder / "audio.flac", dtype="float32")
        words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, soundfile.LibsndfileError) as error:
        raise UserError(f"{folder} holds no tracked recordings that can be read: {error}") from error
    if rate != SAMPLE_RATE or samples.ndim != 1 or len(samples) % len(clips):
        raise UserError(f"{folder / 'audio.flac'} is not {len(clips)} mono clips of one length at 16 kHz.")
    kept = [place for place, clip in enumerate(clips) if (~clip.seen).sum() <= MOST_MISSING]
    chosen = [clips[place] for place in kept]
    names = [clip.name for clip in chosen]
    return Recordings(
        samples.reshape(len(clips), -1)[kept],
        measure_face(
            np.stack([clip.points for clip in chosen]).astype(np.float64),
            list(chosen[0].index),
            ~np.stack([clip.seen for clip in chosen]),
        ),
        chosen,
        1.0 / float(chosen[0].times[1]),
        [_speech_span(words[name]) for name in names],
        names,
        [" ".join(word for *_, word in words[name] if word != "sil") for name in names],
    )


def _speech_span(words: list[tuple[float, float, str]]) -> tuple[float, float]:
    """Start and end in seconds of what is spoken; the whole line where nothing is."""
    spoken = [(start, end) for start, end, word in words if word != "sil"] or [(words[0][0], words[-1][1])]
    return spoken[0][0], spoken[-1][1]


def mouth_targets(face: TrackedFace, silent: NDArray[np.bool_]) -> FloatArray:
    """What the head's mouth shall do: ``[clips, frames, len(IMPORTANCE)]``, changes from the neutral face.

    Args:
        face: at 50 Hz.
        silent: ``[clips, frames]``, where nobody speaks: the speaker's rest is the median of shut lips there.
    """
    tracked = face.curve("lip_height")
    resting = silent & (tracked < SHUT)
    if not resting.any():
        raise UserError("The recordings show no silent frame with shut lips: there is no rest to start from.")
    height = opening(tracked, silent)
    width = face.curve("mouth_width") - np.median(face.curve("mouth_width")[resting])
    drivers = np.stack([height, width], axis=-1)
    heights = []
    for name in ("upper_lip", "lower_lip", "corners", "chin"):
        curve = without_drift(face.curve(name), drivers, DRIFT)
        heights.append(curve - np.median(curve[resting]))
    return np.stack([height, width, *heights], axis=-1)


def opening(tracked: FloatArray, silent: NDArray[np.bool_]) -> FloatArray:
    """Inner-lip height as it was, from the tracked one, which is never quite shut; below 0: pressed."""
    grown = np.interp(tracked, [0.0, SHUT, OPEN], [0.0, 0.0, OPEN])
    lips = np.where(tracked > OPEN, tracked, grown)
    return np.where((tracked < SHUT) & ~silent, PRESSED, lips)
