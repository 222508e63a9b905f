"""Phones of every alphabet end in one inventory, and none is passed over in silence."""

import pytest

from facetalk.errors import UserError
from training.phones import (
    INVENTORY,
    PAUSE,
    PRIMARY,
    REDUCED,
    SECONDARY,
    Phone,
    from_arpabet,
    from_espeak,
    is_vowel,
    joined,
)
from training.phonetics import Consonant, Vowel, base_symbol, describe, split_ipa


@pytest.mark.parametrize("language", INVENTORY)
def test_every_phone_of_every_language_is_described(language: str) -> None:
    phones = INVENTORY[language]
    assert len(set(phones)) == len(phones) > 25
    assert {type(describe(phone)) for phone in phones} == {Consonant, Vowel}


def test_features_tell_sounds_apart() -> None:
    assert describe("p") == Consonant("bilabial", "stop", voiced=False)
    assert describe("bʰ") == Consonant("bilabial", "stop", voiced=True, aspirated=True)
    assert describe("ɕ") == Consonant("postalveolar", "fricative", voiced=False, palatalised=True)
    assert describe(split_ipa("ɛ̃ː")[0]) == Vowel(0.67, 0.0, False, nasal=True, long=True)
    assert base_symbol("tʃʰ") == "tʃ"
    assert is_vowel("yː")
    assert not is_vowel("j")
    assert not is_vowel(PAUSE)


@pytest.mark.parametrize(
    ("symbol", "names", "stress"),
    [
        ("AY1", ("a", "ɪ"), PRIMARY),
        ("ah0", ("ə",), REDUCED),
        ("ax", ("ə",), REDUCED),
        ("ER2", ("ɝ",), SECONDARY),
        ("hh", ("h",), None),
        ("jh", ("dʒ",), None),
        ("SIL", (PAUSE,), None),
    ],
)
def test_arpabet(symbol: str, names: tuple[str, ...], stress: float | None) -> None:
    assert from_arpabet(symbol) == (names, stress)


@pytest.mark.parametrize(
    ("symbol", "names"),
    [
        ("ˈaɪɚ", ("a", "ɪ", "ɚ")),
        ("ˈiː", ("iː",)),
        ("tʃː", ("tʃː",)),
        ("kː", ("kː",)),
        ("ss", ("sː",)),
        ("bʲ", ("bʲ",)),
        ('u"', ("ʉ",)),
        ("r.", ("ɽ",)),
        ("ɖʰ", ("ɖʰ",)),
        ("ts.h", ("ʈʂʰ",)),
        ("ˈi.5", ("ɨ",)),
        ("ˈuaɜ", ("u", "a")),
        ("ˈonɡ5", ("o", "ŋ")),
        ("ˈərɜ", ("ɚ",)),
        ("ɜ", ("ɜ",)),
        ("ˈɜː", ("ɜː",)),
        ("ˈɔ̃", split_ipa("ɔ̃")),
        ("ç", ("ç",)),
        ("_:", (PAUSE,)),
        ("(en)", ()),
    ],
)
def test_espeak(symbol: str, names: tuple[str, ...]) -> None:
    assert from_espeak(symbol).names == names


def test_spellings_fill_their_time() -> None:
    phones = from_arpabet("OW1").timed(0.2, 0.4)
    assert [phone.name for phone in phones] == ["o", "ʊ"]
    assert (phones[0].start, phones[0].end, phones[1].end) == pytest.approx((0.2, 0.3, 0.4))
    assert {phone.stress for phone in phones} == {PRIMARY}
    assert from_espeak("a").timed(0.0, 0.1)[0].stress == Phone.stress


@pytest.mark.parametrize("symbol", ["qq", "", "AA9"])
def test_unknown_arpabet_is_named(symbol: str) -> None:
    with pytest.raises(UserError, match=repr(symbol)):
        from_arpabet(symbol)


@pytest.mark.parametrize("symbol", ["ǃ", "a@", "ʘ"])
def test_unknown_ipa_is_named(symbol: str) -> None:
    with pytest.raises(UserError, match=r"training/phonetics\.py"):
        from_espeak(symbol)
    with pytest.raises(UserError, match=symbol):
        describe(symbol)


def test_neighbouring_pauses_are_one() -> None:
    phones = [Phone(PAUSE, 0.0, 0.1), Phone(PAUSE, 0.1, 0.3), Phone("a", 0.3, 0.4)]
    assert joined(phones) == [Phone(PAUSE, 0.0, 0.3), Phone("a", 0.3, 0.4)]
