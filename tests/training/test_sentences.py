"""The grammars of all languages give many sentences, with every slot filled."""

import numpy as np
import pytest

from facetalk.errors import UserError
from training.sentences import FOLDER, grammar, read_grammar

LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.txt"))


def test_there_are_eight_languages() -> None:
    assert LANGUAGES == ["de", "en", "es", "fr", "hi", "it", "ru", "zh"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_many_and_fully_filled(language: str) -> None:
    rng = np.random.default_rng(0)
    sentences = [grammar(language).draw(rng) for _ in range(400)]
    assert len(set(sentences)) > 300
    assert not any("{" in sentence or "}" in sentence for sentence in sentences)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_is_used(language: str) -> None:
    text = (FOLDER / f"{language}.txt").read_text(encoding="utf-8")
    assert all(f"{{{name}}}" in text for name in grammar(language).phrases)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(UserError, match="choose from de, en, es"):
        grammar("tlh")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Hello.\n", "belongs to no section"),
        ("[WHO]\nAda\n", "SENTENCES.* is missing"),
        ("[SENTENCES]\n{WHO} sings.\n", "no phrases for {WHO}"),
        ("[WHO]\n[SENTENCES]\n{WHO} sings.\n", "no phrases for {WHO}"),
    ],
)
def test_a_broken_grammar_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_grammar(text)
