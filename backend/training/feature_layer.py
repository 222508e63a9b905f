"""The corpus' second layer: lines composed of the first layer's speech, and the speech features of their sound.

``features/<voice>/`` holds, for every part of the voice's speech and every copy of it, ``00000-0.npy``, float16
``[N, D]``, one line after the other, and ``00000-0.json``, written last: the lines with their segments, and what was
done to them. The sound itself is not kept: speech, seed, part and copy bring it back (`part_lines`). What kind the
features are of is in ``features/speech.json``.
"""

import logging
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from facetalk.speech.feature_kind import FeatureKind
from training.files import read_json, write_array, write_json
from training.lines import Line, compose_lines
from training.speech_layer import first_parts, read_part, read_voice

log = logging.getLogger(__name__)

FACE_RATE = 50  # of the third layer, whatever the features' is
SPEECH = "speech.json"


class Encoder(Protocol):
    """What turns samples into speech features: a `SpeechEncoder` that need not stream."""

    @property
    def kind(self) -> FeatureKind:
        """What kind of features."""

    def encode(self, samples: NDArray[np.float32]) -> torch.Tensor:
        """Features ``[kind.count(S), D]`` of samples ``[S]``."""


def settle_speech(layer: Path, kind: FeatureKind) -> None:
    """Note what kind of features a corpus has, before its first.

    Raises:
        UserError: it has features of another kind.
    """
    if not any(layer.glob("*/*.json")):
        write_json(layer / SPEECH, asdict(kind))
    settled = layer_speech(layer)
    if not settled.matches(kind):
        raise UserError(f"{layer} holds features of {settled}, not of {kind}: choose another folder for the corpus.")


def layer_speech(layer: Path) -> FeatureKind:
    """What kind of features a corpus has.

    Raises:
        UserError: the note is missing or damaged.
    """
    path = layer / SPEECH
    return FeatureKind.read(read_json(path) if path.exists() else None, path)


def add_features(
    speech: Path, features: Path, minutes: float, copies: int, seed: int, encoder: Callable[[], Encoder]
) -> None:
    """Make the features of the parts of a voice's ``speech`` that have none yet.

    Args:
        speech: a voice's folder of the first layer.
        features: its folder of the second.
        minutes: of its speech, from the first part on.
        copies: how often every sentence comes, each time in another line, manner and recording.
        seed: of every draw.
        encoder: called once, when there is something to encode.

    Raises:
        UserError: the speech is damaged, or a package is missing.
    """
    wanted = [(number, copy) for copy in range(copies) for number in first_parts(speech, minutes)]
    missing = [each for each in wanted if not listing(features, *each).exists()]
    if not missing:
        return
    loaded = encoder()
    # The next part's lines are composed while this one's are encoded.
    with ThreadPoolExecutor(1) as ahead:
        composed = ahead.map(lambda each: part_lines(speech, each[0], each[1], seed), missing)
        for done, ((number, copy), lines) in enumerate(zip(missing, composed, strict=True), 1):
            _write_part(features, number, copy, lines, loaded)
            log.info("%s: features of %d of %d parts", speech.name, done, len(missing))


def part_lines(speech: Path, number: int, copy: int, seed: int) -> list[Line]:
    """The lines of a copy of a part of a voice's speech; the same whenever asked."""
    rng = np.random.default_rng([seed, zlib.crc32(speech.name.encode()), number, copy])
    return compose_lines(read_part(speech, number), read_voice(speech).alphabet, rng)


def finished_parts(features: Path) -> list[tuple[int, int]]:
    """Part and copy of everything that has features, copy by copy."""
    names = (path.stem.split("-") for path in features.glob("*-*.json"))
    return sorted(((int(number), int(copy)) for number, copy in names), key=lambda each: each[::-1])


def read_lines(features: Path, number: int, copy: int) -> list[dict[str, Any]]:
    """The lines of a part as its listing describes them: see `_entry`."""
    return list(read_json(listing(features, number, copy))["lines"])


def listing(features: Path, number: int, copy: int) -> Path:
    """The file that tells what a part's features are of."""
    return features / f"{number:05d}-{copy}.json"


def feature_file(features: Path, number: int, copy: int) -> Path:
    """A part's features."""
    return features / f"{number:05d}-{copy}.npy"


def _write_part(features: Path, number: int, copy: int, lines: Sequence[Line], encoder: Encoder) -> None:
    heard = list(_encoded(lines, encoder))
    write_array(feature_file(features, number, copy), np.concatenate(heard))
    entries = [
        {**_entry(line, f"{features.name}-{number:05d}-{copy}-{index:02d}"), "features": len(each)}
        for index, (line, each) in enumerate(zip(lines, heard, strict=True))
    ]
    write_json(listing(features, number, copy), {"lines": entries})


def _encoded(lines: Sequence[Line], encoder: Encoder) -> Iterator[NDArray[np.float16]]:
    for line in lines:
        yield encoder.encode(line.samples).cpu().numpy().astype(np.float16)


def _entry(line: Line, name: str) -> dict[str, Any]:
    """What a listing says of a line; ``frames`` are its face's, at 50 Hz."""
    segments = [
        [each.symbol, round(each.start, 4), round(each.end, 4), round(level, 1)]
        for each, level in zip(line.segments, line.levels_db, strict=True)
    ]
    treatment = {key: round(value, 4) if isinstance(value, float) else value for key, value in line.treatment.items()}
    return {
        "name": name,
        "frames": -(-len(line.samples) * FACE_RATE // SAMPLE_RATE),
        "text": line.text,
        "manner": line.manner,
        "emotion": line.emotion.feeling,
        "strength": round(line.emotion.strength, 3),
        "treatment": treatment,
        "segments": segments,
    }
