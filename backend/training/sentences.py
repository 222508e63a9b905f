"""Sentences for synthetic speech in eight languages: written for this project, varied by rules.

The text is our own and carries the project's licence, so no one else's terms reach the corpus. A grammar is a text file
in ``sentences_by_language``: sections of words or phrases, separated by commas or ends of line, and a section
``[SENTENCES]``, one sentence a line, in which ``{NAME}`` is a phrase of the section of that name.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from facetalk.errors import UserError

FOLDER = Path(__file__).parent / "sentences_by_language"
SOURCE = "written for this project (training/sentences_by_language), MIT"
_SENTENCES = "SENTENCES"
_SECTION = re.compile(r"^\[([A-Z]+)\]$")
_SLOT = re.compile(r"\{([A-Z]+)\}")


@dataclass(frozen=True)
class Grammar:
    """Sentences with slots, and the phrases that fill each."""

    sentences: tuple[str, ...]
    phrases: dict[str, tuple[str, ...]]

    def draw(self, rng: np.random.Generator) -> str:
        """One sentence, every slot filled; the more slots, the likelier, so that fixed sentences stay rare."""

        def phrase(slot: re.Match[str]) -> str:
            choices = self.phrases[slot[1]]
            return choices[rng.integers(len(choices))]

        varieties = np.array([1 + len(_SLOT.findall(sentence)) for sentence in self.sentences])
        chosen = rng.choice(len(self.sentences), p=varieties / varieties.sum())
        sentence = _SLOT.sub(phrase, self.sentences[chosen])
        return sentence[0].upper() + sentence[1:]


@cache
def grammar(language: str) -> Grammar:
    """The grammar of a language by its ISO 639-1 code.

    Raises:
        UserError: there is none for this language, or its file is not as the module describes.
    """
    path = FOLDER / f"{language}.txt"
    try:
        return read_grammar(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(each.stem for each in FOLDER.glob("*.txt")))
        raise UserError(f"There are no sentences in {language!r}: choose from {known}.") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def read_grammar(text: str) -> Grammar:
    """The grammar that a file's text describes; lines that begin with ``#`` are comments.

    Raises:
        UserError: a line stands before the first section, or a sentence has a slot without phrases.
    """
    sections: dict[str, list[str]] = {}
    name = ""
    for line in (each.strip() for each in text.splitlines()):
        heading = _SECTION.match(line)
        if heading:
            name = heading[1]
            sections[name] = []
        elif line and not line.startswith("#"):
            if not name:
                raise UserError(f"the line {line!r} belongs to no section: put a heading such as [WHO] before it.")
            sections[name].append(line)
    sentences = tuple(sections.pop(_SENTENCES, ()))
    phrases = {name: _phrases(" ".join(lines)) for name, lines in sections.items()}
    empty = [slot for sentence in sentences for slot in _SLOT.findall(sentence) if not phrases.get(slot)]
    if empty or not sentences:
        raise UserError(f"no phrases for {{{empty[0]}}}." if empty else f"the section [{_SENTENCES}] is missing.")
    return Grammar(sentences, phrases)


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split(",") if phrase.strip())
