"""What is in a corpus: a table by engine and language, and how it is spoken, as Markdown."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facetalk.speech.feature_kind import FeatureKind
from training.feature_layer import FACE_RATE, read_lines
from training.files import read_json
from training.lines import NO_SPEECH
from training.phone_prominence import spelling
from training.phones import PAUSE
from training.speech_layer import is_held_out, part_seconds, parts
from training.voices import SILENCE, VoiceDescription

_HEAD = (
    "| speech | language | voices (*held out*) | rendered, h | in lines, h | of it phones, h | phones |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass
class _Group:
    """What one engine says in one language: voices, seconds, and the names of its phones."""

    voices: set[str] = field(default_factory=set)
    rendered: float = 0.0
    sound: float = 0.0
    spoken: float = 0.0
    phones: set[str] = field(default_factory=set)

    def row(self, title: str, language: str, voices: str) -> str:
        """The table's row."""
        hours = " | ".join(f"{seconds / 3600:.2f}" for seconds in (self.rendered, self.sound, self.spoken))
        return f"| {title} | {language} | {voices} | {hours} | {len(self.phones)} |"


def corpus_table(folder: Path) -> str:
    """The tables of an assembled corpus: who speaks, in what manner, and under which licence.

    Raises:
        UserError: the folder holds no corpus, or one that is damaged.
    """
    manifest = read_json(folder / "manifest.json")
    voices = {name: VoiceDescription(**fields) for name, fields in manifest["voices"].items()}
    groups: dict[tuple[str, str], _Group] = defaultdict(_Group)
    for name, voice in voices.items():
        _add_speech(groups[voice.engine, voice.language], folder / "speech" / name)
    for name, number, copy in manifest["parts"]:
        voice = voices[name]
        _add_lines(groups[voice.engine, voice.language], read_lines(folder / "features" / name, number, copy), voice)
    rows = [
        group.row(engine, language, ", ".join(sorted(group.voices, key=lambda name: name.strip("*"))))
        for (engine, language), group in sorted(groups.items())
    ]
    speech = FeatureKind.read(manifest.get("speech"), folder / "manifest.json")
    manners = _manners(manifest["utterances"], speech.rate)
    return "\n".join([_HEAD, *rows, _total(groups.values()), "", *manners, "", *_licences(voices.values())])


def _add_speech(group: _Group, speech: Path) -> None:
    # Of a voice that is held out as a whole even the first part is.
    group.voices.add(f"*{speech.name}*" if is_held_out(speech, 0) else speech.name)
    group.rendered += sum(part_seconds(speech, number) for number in parts(speech))


def _add_lines(group: _Group, lines: Iterable[dict[str, Any]], voice: VoiceDescription) -> None:
    for line in lines:
        if line["manner"] == NO_SPEECH:
            continue
        group.sound += line["frames"] / FACE_RATE
        for symbol, start, end, _ in line["segments"]:
            if symbol != SILENCE:
                group.spoken += end - start
                group.phones |= {name for name in spelling(symbol, voice.alphabet).names if name != PAUSE}


def _total(groups: Iterable[_Group]) -> str:
    total = _Group()
    for group in groups:
        total.voices |= group.voices
        total.phones |= group.phones
        total.rendered += group.rendered
        total.sound += group.sound
        total.spoken += group.spoken
    return total.row("all", "", f"{len(total.voices)} voices")


def _manners(utterances: Sequence[dict[str, Any]], rate: int) -> list[str]:
    """Hours by manner of speaking, of further copies, and by split."""
    hours: dict[str, float] = defaultdict(float)
    for entry in utterances:
        kinds = [entry["manner"], "held out" if entry["split"] == "held_out" else "for training"]
        kinds += ["further copies of the same speech"] if entry["copy"] else []
        for kind in kinds:
            hours[kind] += entry["frames"] / rate / 3600
    rows = [f"| {kind} | {amount:.2f} |" for kind, amount in sorted(hours.items())]
    return ["| of these lines, and of silence and noise | h |", "| --- | --- |", *rows]


def _licences(voices: Iterable[VoiceDescription]) -> list[str]:
    rows = dict.fromkeys(f"| {voice.engine} | {voice.licence} | {voice.times} |" for voice in voices)
    return ["| speech | licence and attribution | phone times |", "| --- | --- | --- |", *rows]
