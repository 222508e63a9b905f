"""Build the corpus that motion training reads: speech features and the rig weights of a face saying the same.

    python -m training.corpora --output work/corpus --minutes 40

The speech is synthetic, so every phone's time is known; `training.articulation` moves the face for it. A run
that was interrupted goes on where it stopped; the same seed gives the same corpus. `docs/training.md` has the
format.
"""

import argparse
import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk import presets
from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from facetalk.speech.whisper_encoder import FEATURE_SIZE, WhisperEncoder
from training import augmentation
from training.articulation import FRAME_RATE, PAUSE, VOWELS, Phone, SpeakingStyle, articulate
from training.flite import Speech, speak
from training.rig import RIG_CONTROLS
from training.sentences import draw_sentence

log = logging.getLogger(__name__)

FORMAT = 1
VOICES = {"slt": 0.37, "rms": 0.37, "kal16": 0.14, "awb": 0.12}
HELD_OUT_VOICE = "awb"
NON_SPEECH_SHARE = 0.08
UTTERANCES_PER_PART = 16
SOURCES = [
    "flite 2.2 voices slt, rms, awb, kal16: Copyright (c) 1999-2016 Language Technologies Institute, "
    "Carnegie Mellon University, CMU Flite licence (BSD-like, notice kept)",
    "text: written for this project (training/sentences.py), MIT",
    "noise, hum, music and breath: computed (training/augmentation.py), MIT",
]

Speak = Callable[[str, str, float], Speech]


class Encoder(Protocol):
    """What turns samples into speech features, such as `WhisperEncoder`."""

    def encode(self, samples: NDArray[np.float32]) -> torch.Tensor:
        """Features ``[ceil(S / 320), 768]`` of samples ``[S]``."""


@dataclass(frozen=True)
class Utterance:
    """A stretch of sound, what is spoken in it and when, and where it came from."""

    speech: Speech
    voice: str
    text: str
    source: str
    split: str
    recording: dict[str, float | str]


def build_corpus(output: Path, minutes: float, seed: int, speak: Speak, encoder: Encoder) -> None:
    """Write a corpus of ``minutes`` of sound, a little more in the end, to the folder ``output``.

    Args:
        output: gets ``features.npy``, ``rig_weights.npy`` and, last, ``manifest.json``.
        minutes: how much sound.
        seed: of every draw.
        speak: text, voice and stretch to speech with known phone times.
        encoder: samples to features.

    Raises:
        UserError: ``minutes`` is not positive, or the folder holds another corpus.
    """
    if not minutes > 0:
        raise UserError(f"The corpus cannot last {minutes} minutes: give a positive number.")
    settings = {"format": FORMAT, "seed": seed, "minutes": minutes, "controls": list(RIG_CONTROLS)}
    if _is_complete(output, settings):
        log.info("%s is complete", output)
        return
    parts = _parts_folder(output, settings)
    seconds, number = 0.0, 0
    while seconds < 60 * minutes:
        path = parts / f"{number:05d}.npz"
        if not path.exists():
            _write_part(path, number, seed, speak, encoder)
        seconds += sum(entry["frames"] for entry in _entries(path)) / FRAME_RATE
        number += 1
        log.info("%.1f of %.0f minutes", seconds / 60, minutes)
    _assemble(output, [parts / f"{index:05d}.npz" for index in range(number)], settings)
    shutil.rmtree(parts)


def compose(index: int, seed: int, speak: Speak) -> Utterance:
    """Utterance ``index`` of the corpus of ``seed``: some sentences of one voice, or sound without speech."""
    rng = np.random.default_rng([seed, index])
    if rng.random() < NON_SPEECH_SHARE:
        return _non_speech(rng)
    voice = str(rng.choice(list(VOICES), p=list(VOICES.values())))
    split = "held_out" if voice == HELD_OUT_VOICE else "train"
    tract = float(np.exp(rng.normal(0.0, 0.11)))
    # A faster playback shortens everything; the voice is asked to speak slower by as much.
    stretch = float(np.clip(np.exp(rng.normal(0.02, 0.14)), 0.75, 1.4)) * tract
    sentences = [draw_sentence(rng) for _ in range(rng.integers(1, 5))]
    pieces = [speak(sentence, voice, stretch) for sentence in sentences]
    clean = _with_vocal_tract(_join(pieces, rng), tract)
    samples, recording = augmentation.record(clean.samples, rng)
    phones = tuple(_with_prominence(clean))
    recording |= {"vocal_tract": tract, "stretch": stretch}
    return Utterance(Speech(samples, phones), voice, " ".join(sentences), f"flite {voice}", split, recording)


def _non_speech(rng: np.random.Generator) -> Utterance:
    """Silence, noise, hum, music or breath, in which the face rests."""
    sounds = augmentation.NOISES | {"breath": augmentation.breath}
    kind = str(rng.choice([*sounds, "silence"]))
    samples = np.zeros(int(rng.uniform(3.0, 12.0) * SAMPLE_RATE), np.float32)
    recording: dict[str, float | str] = {}
    if kind != "silence":
        samples, recording = augmentation.record(sounds[kind](len(samples), rng), rng)
    phones = (Phone(PAUSE, 0.0, len(samples) / SAMPLE_RATE),)
    return Utterance(Speech(samples, phones), "none", "", kind, "train", recording)


def _join(pieces: list[Speech], rng: np.random.Generator) -> Speech:
    """The pieces one after another, with 0.2 to 2 s of silence before, between and after them."""
    samples, phones, now = [], [], 0.0
    for piece in [None, *pieces]:
        if piece is not None:
            samples.append(piece.samples)
            phones += [replace(p, start=p.start + now, end=p.end + now) for p in piece.phones]
            now += piece.seconds
        pause = np.zeros(int(min(0.05 + rng.gamma(1.0, 0.3), 2.0) * SAMPLE_RATE), np.float32)
        samples.append(pause)
        phones.append(Phone(PAUSE, now, now + len(pause) / SAMPLE_RATE))
        now += len(pause) / SAMPLE_RATE
    return Speech(np.concatenate(samples), tuple(_merge_pauses(phones)))


def _merge_pauses(phones: list[Phone]) -> Iterator[Phone]:
    """Phones with neighbouring pauses made one, so that a long pause has a middle of its own."""
    pending: Phone | None = None
    for phone in phones:
        if pending and pending.name == phone.name == PAUSE:
            pending = replace(pending, end=phone.end)
            continue
        if pending:
            yield pending
        pending = phone
    if pending:
        yield pending


def _with_vocal_tract(speech: Speech, factor: float) -> Speech:
    phones = (replace(p, start=p.start / factor, end=p.end / factor) for p in speech.phones)
    return Speech(augmentation.change_vocal_tract(speech.samples, factor), tuple(phones))


def _with_prominence(speech: Speech) -> Iterator[Phone]:
    """Phones with their loudness in the sound, and stress from how loud and long a vowel is among vowels."""
    levels = np.array([_level(speech.samples, phone) for phone in speech.phones])
    is_vowel = np.array([phone.name in VOWELS for phone in speech.phones])
    if not is_vowel.any():
        yield from speech.phones
        return
    loudness = levels - np.median(levels[is_vowel])
    length = np.log([phone.end - phone.start for phone in speech.phones])
    length -= np.median(length[is_vowel])
    stress = np.clip(0.4 + 0.04 * loudness + 0.5 * length, 0.0, 1.0)
    for phone, decibels, accent in zip(speech.phones, loudness, stress, strict=True):
        reduced = phone.name in ("ax", "axr")
        yield replace(phone, loudness=float(decibels), stress=0.1 if reduced else float(accent))


def _level(samples: NDArray[np.float32], phone: Phone) -> float:
    part = samples[int(phone.start * SAMPLE_RATE) : int(phone.end * SAMPLE_RATE)]
    return 10.0 * float(np.log10(np.mean(part**2) + 1e-10)) if len(part) else -100.0


def _write_part(path: Path, number: int, seed: int, speak: Speak, encoder: Encoder) -> None:
    """Compute one part of the corpus, features and weights of some utterances, and write it in one step."""
    first = number * UTTERANCES_PER_PART
    features, weights, entries = [], [], []
    with ThreadPoolExecutor(1) as ahead:
        indices = range(first, first + UTTERANCES_PER_PART)
        for index, utterance in zip(indices, ahead.map(partial(compose, seed=seed, speak=speak), indices), strict=True):
            heard = encoder.encode(utterance.speech.samples).cpu().numpy().astype(np.float16)
            features.append(heard)
            weights.append(_face(utterance, len(heard), np.random.default_rng([seed, index, 1])))
            entries.append(_entry(utterance, f"{index:06d}", len(heard)))
    temporary = path.with_suffix(".partial")
    with temporary.open("wb") as file:
        np.savez(
            file,
            features=np.concatenate(features),
            rig_weights=np.concatenate(weights),
            entries=np.array(json.dumps(entries)),
        )
    temporary.replace(path)


def _face(utterance: Utterance, frames: int, rng: np.random.Generator) -> NDArray[np.float16]:
    return articulate(utterance.speech.phones, frames, SpeakingStyle.draw(rng), rng).astype(np.float16)


def _entry(utterance: Utterance, name: str, frames: int) -> dict[str, Any]:
    details = asdict(replace(utterance, speech=Speech(np.zeros(0, np.float32), ())))
    del details["speech"]
    return {"name": name, "language": "en", "frames": frames, **details}


def _entries(path: Path) -> list[dict[str, Any]]:
    with np.load(path, allow_pickle=False) as part:
        return list(json.loads(str(part["entries"])))


def _assemble(output: Path, parts: list[Path], settings: dict[str, Any]) -> None:
    """Join the parts on disk, one in memory at a time, and write the manifest when all else is in place."""
    entries = [entry for path in parts for entry in _entries(path)]
    starts = np.concatenate([[0], np.cumsum([entry["frames"] for entry in entries])])
    for name, width in (("features", FEATURE_SIZE), ("rig_weights", len(RIG_CONTROLS))):
        temporary = output / f"{name}.partial"
        shape = (int(starts[-1]), width)
        array = np.lib.format.open_memmap(temporary, "w+", np.float16, shape)  # type: ignore[no-untyped-call]
        now = 0
        for path in parts:
            with np.load(path, allow_pickle=False) as part:
                piece = part[name]
            array[now : now + len(piece)] = piece
            now += len(piece)
        array.flush()
        temporary.replace(output / f"{name}.npy")
    utterances = [{**entry, "start": int(start)} for entry, start in zip(entries, starts, strict=False)]
    manifest = {
        **settings,
        "feature_size": FEATURE_SIZE,
        "rate": FRAME_RATE,
        "sources": SOURCES,
        "utterances": utterances,
    }
    temporary = output / "manifest.partial"
    temporary.write_text(json.dumps(manifest, indent=1))
    temporary.replace(output / "manifest.json")


def _is_complete(output: Path, settings: dict[str, Any]) -> bool:
    path = output / "manifest.json"
    if not path.exists():
        return False
    manifest = json.loads(path.read_text())
    if any(manifest.get(name) != value for name, value in settings.items()):
        raise UserError(f"{output} already holds another corpus: delete it or choose another folder.")
    return True


def _parts_folder(output: Path, settings: dict[str, Any]) -> Path:
    """The folder of finished parts, tied to the settings they were made with."""
    parts = output / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    path = parts / "settings.json"
    made_with = {name: value for name, value in settings.items() if name != "minutes"}
    if path.exists() and json.loads(path.read_text()) != made_with:
        raise UserError(f"{output} holds an unfinished corpus of other settings: delete it or choose another folder.")
    path.write_text(json.dumps(made_with))
    return parts


def main() -> None:
    """Build a corpus from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.corpora", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for the corpus")
    parser.add_argument("--minutes", type=float, default=40.0, help="how much sound (default 40)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another corpus (default 0)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        encoder = WhisperEncoder.load(presets.preset(presets.SPEECH_ENCODER), torch.device("cpu"))
        build_corpus(arguments.output, arguments.minutes, arguments.seed, speak, encoder)
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
