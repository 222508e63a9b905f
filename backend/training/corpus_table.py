"""What is in a corpus: a table by engine and language, and how it is spoken, as Markdown."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facetalk.speech.whisper_encoder import FEATURE_RATE
from training.feature_layer import read_lines
from training.files import read_json
from training.lines import NO_SPEECH
from training.phone_prominence import spelling
from training.phones import PAUSE
from training.speech_layer import is_held_out, part_seconds, parts
from training.voices import SILENCE, VoiceDescription

_HEAD = (
    "| speech | language | voices (*held out*) | rendered, h | in lines, h | of it phones, h | phones | licence |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass
class _Group:
    """What one engine says in one language."""

    voices: set[str] = field(default_factory=set)
    licences: set[str] = field(default_factory=set)
    rendered: float = 0.0
    sound: float = 0.0
    phones: float = 0.0
    names: set[str] = field(default_factory=set)


def corpus_table(folder: Path) -> str:
    """The tables of an assembled corpus.

    Raises:
        UserError: the folder holds no corpus, or one that is damaged.
    """
    manifest = read_json(folder / "manifest.json")
    voices = {name: VoiceDescription(**fields) for name, fields in manifest["voices"].items()}
    groups: dict[tuple[str, str], _Group] = defaultdict(_Group)
    for name, voice in voices.items():
        group = groups[voice.engine, voice.language]
        group.licences.add(voice.licence)
        speech = folder / "speech" / name
        # Of a voice that is held out as a whole even the first part is.
        group.voices.add(f"*{name}*" if is_held_out(speech, 0) else name)
        group.rendered += sum(part_seconds(speech, number) for number in parts(speech))
    for voice_name, number, copy in manifest["parts"]:
        voice = voices[voice_name]
        lines = read_lines(folder / "features" / voice_name, number, copy)
        _add_lines(groups[voice.engine, voice.language], lines, voice)
    rows = [_row(engine, language, group) for (engine, language), group in sorted(groups.items())]
    return "\n".join([_HEAD, *rows, _total(groups.values()), "", *_manners(manifest["utterances"])])


def _add_lines(group: _Group, lines: Iterable[dict[str, Any]], voice: VoiceDescription) -> None:
    for line in lines:
        if line["manner"] == NO_SPEECH:
            continue
        group.sound += line["frames"] / FEATURE_RATE
        for symbol, start, end, _ in line["segments"]:
            if symbol != SILENCE:
                group.phones += end - start
                group.names |= {name for name in spelling(symbol, voice.alphabet).names if name != PAUSE}


def _row(engine: str, language: str, group: _Group) -> str:
    hours = " | ".join(f"{seconds / 3600:.2f}" for seconds in (group.rendered, group.sound, group.phones))
    licences = "; ".join(sorted(group.licences))
    return f"| {engine} | {language} | {', '.join(sorted(group.voices, key=lambda name: name.strip('*')))} | {hours} | {len(group.names)} | {licences} |"


def _total(groups: Iterable[_Group]) -> str:
    groups = list(groups)
    sums = (sum(getattr(group, kind) for group in groups) for kind in ("rendered", "sound", "phones"))
    hours = " | ".join(f"{seconds / 3600:.2f}" for seconds in sums)
    names = set().union(*(group.names for group in groups))
    voices = len(set().union(*(group.voices for group in groups)))
    return f"| all | | {voices} voices | {hours} | {len(names)} | |"


def _manners(utterances: Sequence[dict[str, Any]]) -> list[str]:
    """Hours by manner of speaking, of copies, and held out."""
    hours: dict[str, float] = defaultdict(float)
    for entry in utterances:
        kinds = [entry["manner"], "held out" if entry["split"] == "held_out" else "for training"]
        kinds += ["further copies of the same speech"] if entry["copy"] else []
        for kind in kinds:
            hours[kind] += entry["frames"] / FEATURE_RATE / 3600
    return ["| of these lines | h |", "| --- | --- |", *(f"| {kind} | {hours[kind]:.2f} |" for kind in hours)]
