"""Recorded sentences with tracked lips, cut into phones."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from training.alignment import align
from training.phones import PAUSE, Phone, from_arpabet, is_vowel, joined
from training.postures import CHANNELS
from training.tracked_recordings import Recordings, load_recordings, mouth_targets
from training.voices import Segment, UnspeakableError

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

# Words of the CMU dictionary that sound as a Briton says these letters and numbers.
BRITISH = {"r": "ah", "z": "zed", "four": "faw", "a": "ay"}
SPEECH_MARGIN = 0.08  # seconds of silence left around the words, where the aligner would find phones in the noise
QUIET, LOUD = -25.0, 9.0  # dB over the median vowel: what lies beyond is no way of speaking
# Of the tracked measures in `mouth_targets`, and the sign that makes them grow with the movement.
MEASURED = {"lip_height": (0, 1.0), "mouth_width": (1, 1.0), "chin_drop": (5, -1.0)}


@dataclass(frozen=True)
class AlignedSentence:
    """One sentence.

    Attributes:
        name: of the recording.
        samples: ``[S]``, 16 kHz.
        phones: from 0 to the end, with their loudness.
        tracked: ``[frames, len(CHANNELS)]``, changes from rest over the distance of the outer eye corners.
        fps: of ``tracked``; frame i is time i / fps.
    """

    name: str
    samples: NDArray[np.float32]
    phones: tuple[Phone, ...]
    tracked: FloatArray
    fps: float


def load_sentences(folder: Path, first: int = 0, last: int | None = None) -> list[AlignedSentence]:
    """Read recordings (as `training.tracked_recordings` does) and align those from ``first`` to ``last``.

    Sentences that the aligner does not find in their sound are left out.

    Raises:
        UserError: the recordings cannot be read, or pocketsphinx is missing.
    """
    recordings = load_recordings(folder)
    tracked = _tracked(recordings)
    chosen = range(len(recordings.names))[first:last]
    sentences = []
    for clip in chosen:
        phones = _phones(recordings, clip)
        if phones is not None:
            samples = recordings.samples[clip]
            heard = tuple(with_loudness(phones, samples))
            sentences.append(AlignedSentence(recordings.names[clip], samples, heard, tracked[clip], recordings.fps))
    log.info("%d of %d sentences aligned", len(sentences), len(chosen))
    return sentences


def with_loudness(phones: Sequence[Phone], samples: NDArray[np.float32]) -> list[Phone]:
    """Phones with their loudness in the sound, in dB over the median vowel's."""
    levels = np.array([_level(samples, phone) for phone in phones])
    vowels = np.array([is_vowel(phone.name) for phone in phones])
    reference = float(np.median(levels[vowels])) if vowels.any() else 0.0
    loudness = np.clip(levels - reference, QUIET, LOUD)
    return [replace(phone, loudness=float(decibels)) for phone, decibels in zip(phones, loudness, strict=True)]


def _tracked(recordings: Recordings) -> FloatArray:
    times = np.arange(recordings.face.measures.shape[1]) / recordings.fps
    silent = np.array([(times < start) | (times > end) for start, end in recordings.speech])
    targets = mouth_targets(recordings.face, silent)
    return np.stack([sign * targets[..., place] for place, sign in (MEASURED[name] for name in CHANNELS)], axis=-1)


def _phones(recordings: Recordings, clip: int) -> list[Phone] | None:
    """The phones of one recording; what is spoken lies where its words are known to lie."""
    samples, (start, end) = recordings.samples[clip], recordings.speech[clip]
    seconds = len(samples) / SAMPLE_RATE
    start, end = max(0.0, start - SPEECH_MARGIN), min(seconds, end + SPEECH_MARGIN)
    words = [BRITISH.get(word, word) for word in recordings.texts[clip].split() if word != "sp"]
    try:
        segments = align(samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)], " ".join(words))
    except UnspeakableError:
        return None
    spoken = [phone for segment in segments for phone in _timed(segment, start)]
    return joined([Phone(PAUSE, 0.0, spoken[0].start), *spoken, Phone(PAUSE, spoken[-1].end, seconds)])


def _timed(segment: Segment, offset: float) -> list[Phone]:
    return from_arpabet(segment.symbol).timed(segment.start + offset, segment.end + offset)


def _level(samples: NDArray[np.float32], phone: Phone) -> float:
    first, last = int(phone.start * SAMPLE_RATE), int(phone.end * SAMPLE_RATE)
    part = samples[first : max(last, first + 1)]
    return 10.0 * float(np.log10(np.mean(part**2) + 1e-10)) if len(part) else QUIET
