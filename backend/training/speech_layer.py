"""The corpus' first layer: what every voice said, clean, with phone times. Slow to make, hence made once.

``speech/<voice>/`` holds ``voice.json`` (who, which licence, which seed), and parts of `PART` utterances each:
``00000.npy``, int16 samples at 16 kHz of one utterance after the other, and ``00000.json``, written last. More minutes
add parts; what is there stays.
"""

import logging
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from training.files import read_json, write_array, write_json
from training.sentences import SOURCE, grammar
from training.voices import Segment, Speech, UnspeakableError, Voice, VoiceDescription

log = logging.getLogger(__name__)

FORMAT = 1
PART = 32
TRIES = 12
# Logarithm of how much longer than usual a synthesiser takes: mean, deviation.
STRETCH = (0.0, 0.13)


@dataclass(frozen=True)
class SpokenText:
    """One utterance: the text, how many times longer than usual it took, and the sound."""

    text: str
    stretch: float
    speech: Speech


@dataclass(frozen=True)
class Share:
    """How much of a voice goes into the corpus.

    Attributes:
        voice: who speaks.
        minutes: how much; a recorded voice ends when all of it is in.
        held_out_parts: every so manieth part of its speech is held out of training: 1 all, 0 none.
    """

    voice: Voice
    minutes: float
    held_out_parts: int = 0


def add_speech(folder: Path, share: Share, seed: int) -> None:
    """Let the voice of ``share`` speak until ``folder`` holds its minutes, or everything that was recorded.

    Raises:
        UserError: what the voice needs is missing, or the folder holds another voice, engine version or seed.
    """
    voice, minutes = share.voice, share.minutes
    _claim(folder, share, seed)
    seconds = sum(part_seconds(folder, number) for number in parts(folder))
    available = None if voice.prompts is None else -(-len(voice.prompts) // PART)
    for number in count(len(parts(folder))):
        if seconds >= 60 * minutes or number == available:
            return
        _write_part(folder, number, list(_utterances(voice, number, seed)))
        seconds += part_seconds(folder, number)
        log.info("%s: %.1f of %.0f minutes of speech", folder.name, seconds / 60, minutes)


def parts(folder: Path) -> list[int]:
    """The numbers of the finished parts of a voice's folder, from 0 on."""
    found = {int(path.stem) for path in folder.glob("[0-9]*.json")}
    return list(range(next(number for number in count() if number not in found)))


def first_parts(folder: Path, minutes: float) -> list[int]:
    """The first finished parts that hold ``minutes`` together, or all."""
    chosen: list[int] = []
    seconds = 0.0
    for number in parts(folder):
        if seconds >= 60 * minutes:
            break
        chosen.append(number)
        seconds += part_seconds(folder, number)
    return chosen


def part_seconds(folder: Path, number: int) -> float:
    """How much sound a part holds."""
    return float(sum(entry["count"] for entry in _entries(folder, number))) / SAMPLE_RATE


def read_voice(folder: Path) -> VoiceDescription:
    """Whose speech a folder holds."""
    return VoiceDescription(**read_json(folder / "voice.json")["voice"])


def is_held_out(folder: Path, number: int) -> bool:
    """Whether no training sees a part of a voice's folder."""
    every = int(read_json(folder / "voice.json")["held_out_parts"])
    return every > 0 and number % every == every - 1


def read_part(folder: Path, number: int) -> list[SpokenText]:
    """The utterances of a part.

    Raises:
        UserError: it is missing or damaged.
    """
    path = _sound(folder, number)
    try:
        samples: NDArray[np.int16] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        raise UserError(f"{path} cannot be read: delete its folder and build the corpus again.") from None
    result, start = [], 0
    for entry in _entries(folder, number):
        piece = samples[start : start + entry["count"]].astype(np.float32) / 32767.0
        start += entry["count"]
        segments = tuple(Segment(*fields) for fields in entry["segments"])
        result.append(SpokenText(entry["text"], entry["stretch"], Speech(piece, segments)))
    if start != len(samples):
        raise UserError(f"{path} and its listing differ in length: delete its folder and build the corpus again.")
    return result


def _utterances(voice: Voice, number: int, seed: int) -> Iterator[SpokenText]:
    """The utterances of a part: the recorded prompts in their order, or drawn sentences."""
    indices = range(number * PART, (number + 1) * PART)
    if voice.prompts is not None:
        for prompt in voice.prompts[indices.start : indices.stop]:
            try:
                yield SpokenText(prompt, 1.0, voice.speak(prompt, 1.0))
            except UnspeakableError as error:
                log.warning("%s", error)
        return
    name = zlib.crc32(voice.description.name.encode())
    for index in indices:
        yield _drawn(voice, np.random.default_rng([seed, name, index]))


def _drawn(voice: Voice, rng: np.random.Generator) -> SpokenText:
    sentences = grammar(voice.description.language)
    failed: list[str] = []
    while len(failed) < TRIES:
        text, stretch = sentences.draw(rng), float(np.exp(rng.normal(*STRETCH)))
        try:
            return SpokenText(text, stretch, voice.speak(text, stretch))
        except UnspeakableError as error:
            failed.append(str(error))
    raise UserError(f"{voice.description.name} failed at {TRIES} texts in a row; the last: {failed[-1]}")


def _write_part(folder: Path, number: int, spoken: list[SpokenText]) -> None:
    pieces = [(np.clip(each.speech.samples, -1.0, 1.0) * 32767.0).astype(np.int16) for each in spoken]
    listing = [
        {
            "text": each.text,
            "stretch": round(each.stretch, 4),
            "count": len(piece),
            "segments": [[s.symbol, round(s.start, 5), round(s.end, 5)] for s in each.speech.segments],
        }
        for each, piece in zip(spoken, pieces, strict=True)
    ]
    write_array(_sound(folder, number), np.concatenate([np.zeros(0, np.int16), *pieces]))
    write_json(_listing(folder, number), {"utterances": listing})


def _claim(folder: Path, share: Share, seed: int) -> None:
    """Make the folder this share's, or find that it is."""
    content = {
        "format": FORMAT,
        "seed": seed,
        "text": SOURCE if share.voice.prompts is None else "with the recordings",
        "held_out_parts": share.held_out_parts,
        "voice": asdict(share.voice.description),
    }
    path = folder / "voice.json"
    if not path.exists():
        write_json(path, content)
    elif read_json(path) != content:
        raise UserError(f"{folder} was made by another version or seed: delete it or choose another folder.")


def _entries(folder: Path, number: int) -> list[dict[str, Any]]:
    return list(read_json(_listing(folder, number))["utterances"])


def _sound(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.npy"


def _listing(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.json"
