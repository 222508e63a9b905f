"""What speech sounds are made of: IPA symbols to place, manner, height, backness, rounding.

Features are those of the chart of the International Phonetic Association (2020). They are coarse on purpose: they hold
what a face shows and leave out what only the ear can tell, such as tone.
"""

import re
import unicodedata
from typing import Literal, NamedTuple

from facetalk.errors import UserError

Place = Literal[
    "bilabial",
    "labiodental",
    "dental",
    "alveolar",
    "postalveolar",
    "retroflex",
    "palatal",
    "velar",
    "uvular",
    "glottal",
]
Manner = Literal["stop", "nasal", "fricative", "affricate", "approximant", "lateral", "tap", "trill"]


class Consonant(NamedTuple):
    """A consonant; ``rounded``, ``palatalised`` and ``aspirated`` are secondary to its place."""

    place: Place
    manner: Manner
    voiced: bool
    rounded: bool = False
    palatalised: bool = False
    aspirated: bool = False
    syllabic: bool = False


class Vowel(NamedTuple):
    """A vowel; ``openness`` runs from 0 (close) to 1 (open), ``backness`` from 0 (front) to 1 (back)."""

    openness: float
    backness: float
    rounded: bool
    rhotic: bool = False
    nasal: bool = False
    long: bool = False


# Voiceless and voiced symbols of every place and manner; "-" where there is none.
_CONSONANTS: dict[tuple[Place, Manner], str] = {
    ("bilabial", "stop"): "p b",
    ("bilabial", "nasal"): "- m",
    ("bilabial", "fricative"): "ɸ β",
    ("labiodental", "affricate"): "pf bv",
    ("labiodental", "nasal"): "- ɱ",
    ("labiodental", "fricative"): "f v",
    ("labiodental", "approximant"): "- ʋ",
    ("dental", "fricative"): "θ ð",
    ("alveolar", "stop"): "t d",
    ("alveolar", "nasal"): "- n",
    ("alveolar", "fricative"): "s z",
    ("alveolar", "affricate"): "ts dz",
    ("alveolar", "lateral"): "ɬ l",
    ("alveolar", "tap"): "- ɾ",
    ("alveolar", "trill"): "- r",
    ("postalveolar", "fricative"): "ʃ ʒ",
    ("postalveolar", "affricate"): "tʃ dʒ",
    ("postalveolar", "approximant"): "- ɹ",
    ("retroflex", "stop"): "ʈ ɖ",
    ("retroflex", "nasal"): "- ɳ",
    ("retroflex", "fricative"): "ʂ ʐ",
    ("retroflex", "affricate"): "ʈʂ ɖʐ",
    ("retroflex", "approximant"): "- ɻ",
    ("retroflex", "lateral"): "- ɭ",
    ("retroflex", "tap"): "- ɽ",
    ("palatal", "stop"): "c ɟ",
    ("palatal", "nasal"): "- ɲ",
    ("palatal", "fricative"): "ç ʝ",
    ("palatal", "approximant"): "- j",
    ("palatal", "lateral"): "- ʎ",
    ("velar", "stop"): "k ɡ",
    ("velar", "nasal"): "- ŋ",
    ("velar", "fricative"): "x ɣ",
    ("velar", "approximant"): "- ɰ",
    ("velar", "lateral"): "- ɫ",
    ("uvular", "stop"): "q ɢ",
    ("uvular", "fricative"): "χ ʁ",
    ("uvular", "trill"): "- ʀ",
    ("glottal", "stop"): "ʔ -",
    ("glottal", "fricative"): "h ɦ",
}
_SPECIAL: dict[str, Consonant] = {
    "w": Consonant("velar", "approximant", voiced=True, rounded=True),
    "ʍ": Consonant("velar", "fricative", voiced=False, rounded=True),
    "ɥ": Consonant("palatal", "approximant", voiced=True, rounded=True),
    "ɕ": Consonant("postalveolar", "fricative", voiced=False, palatalised=True),
    "ʑ": Consonant("postalveolar", "fricative", voiced=True, palatalised=True),
    "tɕ": Consonant("postalveolar", "affricate", voiced=False, palatalised=True),
    "dʑ": Consonant("postalveolar", "affricate", voiced=True, palatalised=True),
}
# Unrounded and rounded symbols of every openness and backness.
_VOWELS: dict[tuple[float, float], str] = {
    (0.0, 0.0): "i y",
    (0.0, 0.5): "ɨ ʉ",
    (0.0, 1.0): "ɯ u",
    (0.17, 0.2): "ɪ ʏ",
    (0.17, 0.5): "ᵻ ᵿ",
    (0.17, 0.8): "- ʊ",
    (0.33, 0.0): "e ø",
    (0.33, 0.5): "ɘ ɵ",
    (0.33, 1.0): "ɤ o",
    (0.5, 0.5): "ə -",
    (0.67, 0.0): "ɛ œ",
    (0.67, 0.5): "ɜ ɞ",
    (0.67, 1.0): "ʌ ɔ",
    (0.83, 0.1): "æ -",
    (0.83, 0.5): "ɐ -",
    (1.0, 0.3): "a ɶ",
    (1.0, 1.0): "ɑ ɒ",
}
_RHOTIC: dict[str, Vowel] = {"ɚ": Vowel(0.5, 0.5, False, rhotic=True), "ɝ": Vowel(0.67, 0.5, False, rhotic=True)}

LONG, ASPIRATED, PALATALISED, ROUNDED, NASAL, SYLLABIC, RHOTIC = "ː", "ʰ", "ʲ", "ʷ", "\u0303", "\u0329", "˞"
# Dental, half long, not syllabic, unreleased: nothing that shows.
_INVISIBLE = "\u032aˑ\u032f\u031a"
_MODIFIERS = LONG + ASPIRATED + PALATALISED + ROUNDED + NASAL + SYLLABIC + RHOTIC + _INVISIBLE


def _table() -> dict[str, Consonant | Vowel]:
    table: dict[str, Consonant | Vowel] = {**_SPECIAL, **_RHOTIC}
    for (place, manner), pair in _CONSONANTS.items():
        for voiced, symbol in enumerate(pair.split()):
            table[symbol] = Consonant(place, manner, bool(voiced))
    for (openness, backness), pair in _VOWELS.items():
        for rounded, symbol in enumerate(pair.split()):
            table[symbol] = Vowel(openness, backness, bool(rounded))
    del table["-"]
    return table


_SOUNDS = _table()
_BASES = "|".join(sorted(map(re.escape, _SOUNDS), key=len, reverse=True))
_PHONE = re.compile(f"({_BASES})([{_MODIFIERS}]*)")


def split_ipa(text: str) -> tuple[str, ...]:
    """Separate a string of IPA into phones: affricates are one, diphthongs two.

    Raises:
        UserError: a symbol is not in the table.
    """
    # Decomposed, all diacritics are alike; but c with a cedilla is a letter of its own.
    text = unicodedata.normalize("NFD", text).replace("c\u0327", "ç").replace("g", "ɡ").replace("\u0361", "")
    phones, place = [], 0
    while place < len(text):
        found = _PHONE.match(text, place)
        if found is None:
            raise UserError(f"The phone {text!r} is not known: add {text[place]!r} to training/phonetics.py.")
        phones.append(found.group())
        place = found.end()
    return tuple(phones)


def describe(phone: str) -> Consonant | Vowel:
    """The features of one IPA phone with its diacritics.

    Raises:
        UserError: it is not known, or not one phone.
    """
    found = _PHONE.fullmatch(phone)
    if found is None:
        raise UserError(f"The phone {phone!r} is not known: add it to training/phonetics.py or spell it in IPA.")
    sound, marks = _SOUNDS[found[1]], found[2]
    if isinstance(sound, Vowel):
        return sound._replace(
            rhotic=sound.rhotic or RHOTIC in marks,
            nasal=NASAL in marks,
            long=LONG in marks,
            rounded=sound.rounded or ROUNDED in marks,
        )
    return sound._replace(
        rounded=sound.rounded or ROUNDED in marks,
        palatalised=sound.palatalised or PALATALISED in marks,
        aspirated=ASPIRATED in marks,
        syllabic=SYLLABIC in marks,
    )


def base_symbol(phone: str) -> str:
    """The symbol of a phone without its diacritics.

    Raises:
        UserError: it is not known, or not one phone.
    """
    describe(phone)
    return phone.rstrip(_MODIFIERS)
