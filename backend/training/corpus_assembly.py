"""The layers of a corpus joined into what training maps into memory: two arrays and a manifest."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from facetalk.errors import UserError
from training.face_layer import articulation_version, is_current
from training.feature_layer import FACE_RATE, finished_parts, layer_speech, listing, read_lines
from training.files import read_json, write_json, write_whole
from training.lines import NO_SPEECH
from training.resampling import at_rate
from training.rig import RIG_CONTROLS
from training.sentences import SOURCE
from training.speech_layer import is_held_out, read_voice

log = logging.getLogger(__name__)

FORMAT = 1
OWN_SOURCES = (
    f"text: {SOURCE}",
    "noise, hum, music and breath: computed (training/augmentation.py), MIT",
)


@dataclass(frozen=True)
class Part:
    """A part of the assembled corpus: of which voice, which part of its speech, which copy."""

    voice: str
    number: int
    copy: int


def assemble(folder: Path, seed: int) -> None:
    """Write ``features.npy``, ``rig_weights.npy`` and, last, ``manifest.json`` of all parts with features and faces.

    Raises:
        UserError: no part is ready, or a part is damaged.
    """
    voices = {path.parent.name: read_voice(path.parent) for path in sorted(folder.glob("speech/*/voice.json"))}
    parts = [
        Part(voice, number, copy)
        for voice in voices
        for number, copy in finished_parts(folder / "features" / voice)
        if is_current(folder / "faces" / voice, number, copy)
    ]
    if not parts:
        raise UserError(f"{folder} has no part with features and faces: build these layers first.")
    manifest = folder / "manifest.json"
    names = [[part.voice, part.number, part.copy] for part in parts]
    same_parts = manifest.exists() and read_json(manifest)["parts"] == names
    # Without a manifest nobody reads arrays that are being replaced.
    manifest.unlink(missing_ok=True)
    speech = layer_speech(folder / "features")
    frames = sum(len(_array(folder / "features", part)) for part in parts)
    if not (same_parts and (folder / "features.npy").exists()):
        heard = (_array(folder / "features", part) for part in parts)
        _join(folder / "features.npy", heard, (frames, speech.size))
    faces = (_faces(folder, part, speech.rate) for part in parts)
    _join(folder / "rig_weights.npy", faces, (frames, len(RIG_CONTROLS)))
    sources = [f"{voice.engine}: {voice.licence}" for voice in voices.values()]
    content = {
        "format": FORMAT,
        "seed": seed,
        "articulation": articulation_version(),
        "controls": list(RIG_CONTROLS),
        "speech": asdict(speech),
        "sources": [*dict.fromkeys(sources), *OWN_SOURCES],
        "voices": {name: asdict(voice) for name, voice in voices.items()},
        "parts": names,
        "utterances": list(_utterances(folder, parts)),
    }
    write_json(manifest, content)
    log.info("%s: %.2f hours", folder, frames / speech.rate / 3600)


def _utterances(folder: Path, parts: Sequence[Part]) -> Iterator[dict[str, Any]]:
    """What the manifest says of every line; its segments stay in the second layer's listing."""
    start = 0
    for part in parts:
        voice = read_voice(folder / "speech" / part.voice)
        split = "held_out" if is_held_out(folder / "speech" / part.voice, part.number) else "train"
        styles = read_json(listing(folder / "faces" / part.voice, part.number, part.copy))["styles"]
        lines = read_lines(folder / "features" / part.voice, part.number, part.copy)
        for line, style in zip(lines, styles, strict=True):
            spoken = line["manner"] != NO_SPEECH
            yield {
                "name": line["name"],
                "voice": part.voice if spoken else "none",
                "language": voice.language if spoken else "none",
                "split": split,
                "copy": part.copy,
                "start": start,
                "frames": line["features"],
                **{key: line[key] for key in ("text", "manner", "emotion", "strength", "treatment")},
                "style": style,
            }
            start += line["features"]


def _faces(folder: Path, part: Part, rate: int) -> NDArray[np.float16]:
    """The rig weights of a part in step with its features."""
    weights = _array(folder / "faces", part)
    if rate == FACE_RATE:
        return weights
    lines = read_lines(folder / "features" / part.voice, part.number, part.copy)
    ends = np.cumsum([line["frames"] for line in lines])
    faces = np.split(weights, ends[:-1])
    return np.concatenate(
        [at_rate(face, FACE_RATE, rate, line["features"]) for face, line in zip(faces, lines, strict=True)]
    )


def _join(path: Path, arrays: Iterable[NDArray[np.float16]], shape: tuple[int, int]) -> None:
    """Copy arrays one after another into one float16 array of ``shape``, one in memory at a time.

    Raises:
        UserError: they do not add up to it.
    """
    header = {"descr": "<f2", "fortran_order": False, "shape": shape}

    def write(file: BinaryIO) -> None:
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
        rows = 0
        for array in arrays:
            rows += len(array)
            if array.shape[1] != shape[1]:
                raise UserError(f"The parts of {path} differ in width: delete the folder and build the corpus again.")
            file.write(np.ascontiguousarray(array).tobytes())
        if rows != shape[0]:
            raise UserError(f"The parts of {path} differ in length: delete the folder and build the corpus again.")

    write_whole(path, write)


def _array(layer: Path, part: Part) -> NDArray[np.float16]:
    path = layer / part.voice / f"{part.number:05d}-{part.copy}.npy"
    try:
        array: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        raise UserError(f"{path} cannot be read: delete its folder and build the corpus again.") from None
    return array
