"""Phones in time, their names in IPA, and how aligners and synthesisers spell them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from facetalk.errors import UserError
from training.phonetics import Vowel, describe, split_ipa

PAUSE = "‖"
REDUCED, SECONDARY, PRIMARY = 0.1, 0.4, 0.6


@dataclass(frozen=True)
class Phone:
    """One phone: its name in IPA (or `PAUSE`), start and end in seconds.

    ``stress`` runs from 0 (reduced) to 1 (accented); ``loudness`` is in dB over the utterance's median vowel.
    """

    name: str
    start: float
    end: float
    stress: float = 0.3
    loudness: float = 0.0


class Spelling(NamedTuple):
    """What one symbol of another alphabet stands for: IPA phones in their order, and stress where it says."""

    names: tuple[str, ...]
    stress: float | None = None

    def timed(self, start: float, end: float, stress: float | None = None, loudness: float = 0.0) -> list[Phone]:
        """The phones one after another from ``start`` to ``end`` seconds, each as long as the others.

        ``stress`` replaces the spelling's own.
        """
        chosen = next(value for value in (stress, self.stress, Phone.stress) if value is not None)
        step = (end - start) / max(len(self.names), 1)
        edges = [start + step * index for index in range(len(self.names))] + [end]
        return [
            Phone(name, first, last, chosen, loudness)
            for name, first, last in zip(self.names, edges[:-1], edges[1:], strict=True)
        ]


# Phones by language (ISO 639-1) that its synthesisers and aligners are known to give.
INVENTORY: dict[str, tuple[str, ...]] = {
    language: tuple(phone for word in phones.split() for phone in split_ipa(word))
    for language, phones in {
        "en": "p b t d k ɡ ʔ tʃ dʒ m n ŋ f v θ ð s z ʃ ʒ h ɦ l ɫ ɹ ɾ j w l̩ n̩ m̩ "
        "i iː ɪ e ɛ æ a ɑ ɑː ɒ ɔ ɔː o ʊ u uː ʌ ə ɐ ɜ ɜː ɚ ɝ ɨ ʉ",
        "es": "p b t d k ɡ tʃ m n ɲ ŋ f θ s x β ð ɣ ʝ l ʎ ɾ r j w i e ɛ a o u ɪ ʊ",
        "fr": "p b t d k ɡ m n ɲ ŋ f v s z dʒ ʃ ʒ ʁ l j w ɥ i e ɛ a ɑ ɑː ɔ o u y ø œ ə ɪ ɛ̃ ɑ̃ ɔ̃ œ̃",
        "de": "p b t d k ɡ ʔ pf ts tʃ dʒ m n ŋ f v s z ʃ ʒ ç x h l r ʁ ɾ j "
        "iː i ɪ yː y ʏ eː e ɛ ɛː øː ø œ a aː ɑ ɑː oː o ɔ uː u ʊ ə ɐ ɜ ɑ̃",
        "it": "p pː b bː t tː d dː k kː ɡ ɡː ts tsː dz dzː tʃ tʃː dʒ dʒː m mː n nː ɲ ɲː f fː v vː s sː z ʃ ʃː "
        "l lː ʎ ʎː r rː j w i e ɛ a o ɔ u ɪ ʊ",
        "ru": "p pʲ b bʲ t tʲ d dʲ k kʲ ɡ ɡʲ f fʲ v vʲ s sʲ z zʲ ʂ ʃ ʐ ʒ ɕ ɕː ʑ x xʲ ts tɕ tʃʲ m mʲ n nʲ l ɫ ɭ lʲ ɭʲ "
        "r rʲ j i ɨ y e ɛ a ɑ ɐ ʌ ə ɪ o ɵ ɔ u ʉ ʊ",
        "hi": "p pʰ b bʰ t tʰ d dʰ ʈ ʈʰ ɖ ɖʰ k kʰ ɡ ɡʰ q tʃ tʃʰ dʒ dʒʰ c cʰ ɟ ɟʰ m n ɳ ɲ ŋ f s z ʃ ʂ x ɣ h ɦ l r ɾ ɽ "
        "ɽʰ ʋ j iː i ɪ eː e ɛː ɛ æ aː a ə ʌ ɔː ɔ oː o uː u ʊ ĩ ẽ ɛ̃ ã õ ũ ɔ̃ ə̃",
        "zh": "p pʰ t tʰ k kʰ ts tsʰ tɕ tɕʰ ʈʂ ʈʂʰ f s ɕ ʂ ʐ x χ m n ŋ l ɻ j w ɥ i ɨ y u e ɛ ə ɤ o ɔ a ɑ æ ɚ",
    }.items()
}

_ARPABET = {
    **{"aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "axr": "ɚ", "ay": "aɪ", "b": "b", "ch": "tʃ"},
    **{"d": "d", "dh": "ð", "dx": "ɾ", "eh": "ɛ", "el": "l̩", "em": "m̩", "en": "n̩", "er": "ɝ", "ey": "eɪ", "f": "f"},
    **{"g": "ɡ", "hh": "h", "hv": "ɦ", "ih": "ɪ", "ix": "ɨ", "iy": "i", "jh": "dʒ", "k": "k", "l": "l", "m": "m"},
    **{"n": "n", "ng": "ŋ", "nx": "ɾ", "ow": "oʊ", "oy": "ɔɪ", "p": "p", "q": "ʔ", "r": "ɹ", "s": "s", "sh": "ʃ"},
    **{"t": "t", "th": "θ", "uh": "ʊ", "uw": "u", "ux": "ʉ", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ"},
}
_ARPABET_PAUSES = frozenset({"pau", "sil", "ssil", "h#", "sp", "<sil>", "<s>", "</s>", "+spn+", "+nsn+"})
_ARPABET_STRESS = {"0": REDUCED, "1": PRIMARY, "2": SECONDARY}

# Where espeak-ng's IPA is not the IPA; in this order.
_ESPEAK = (
    (re.compile(r"[ˈˌ\u200d\u0361|-]"), ""),  # stress, joiners, variants
    (re.compile(r"(?<=.)[1-7˥˦˧˨˩]+$"), ""),  # tones
    (re.compile(r"(?<=[a-zɡɑɛəæ\u032a.])ɜ$"), ""),  # Mandarin's third tone
    (re.compile(r"^ts\."), "ʈʂ"),
    (re.compile(r"s\."), "ʂ"),
    (re.compile(r"r\."), "ɽ"),
    (re.compile(r"i[.\u032a]"), "ɨ"),
    (re.compile(r"(?<=[ptkɽʂsɕ])h"), "ʰ"),
    (re.compile(r"n[gɡ]$"), "ŋ"),
    (re.compile(r"^ər$"), "ɚ"),
    (re.compile(r'u"'), "ʉ"),
    (re.compile(r"^ʲ$"), "j"),
    (re.compile(r"^([a-zɑɔɐ]ː?)\1$"), r"\1ː"),  # doubled is long
    (re.compile(r"ː+"), "ː"),
)


def is_vowel(name: str) -> bool:
    """Whether an IPA phone is a vowel; a pause is none.

    Raises:
        UserError: the phone is not known.
    """
    return name != PAUSE and isinstance(describe(name), Vowel)


def from_arpabet(symbol: str) -> Spelling:
    """One phone as flite, CMU's dictionary and pocketsphinx spell it, in any case, with a stress digit or without.

    Raises:
        UserError: the symbol is not known.
    """
    name = symbol.lower()
    stress = _ARPABET_STRESS.get(name[-1:])
    if stress is not None:
        name = name[:-1]
    if name in _ARPABET_PAUSES:
        return Spelling((PAUSE,))
    if name not in _ARPABET:
        raise UserError(f"The phone {symbol!r} is not ARPABET: check the aligner's or synthesiser's phone set.")
    if name == "ah" and stress == REDUCED:
        return Spelling(("ə",), stress)
    return Spelling(split_ipa(_ARPABET[name]), REDUCED if name in ("ax", "axr", "ix") else stress)


def from_espeak(symbol: str) -> Spelling:
    """One phoneme of espeak-ng's IPA output, as its phoneme events or ``--ipa --sep`` give it.

    Length, aspiration, palatalisation and nasality stay in the names, tones go; diphthongs become two phones.
    Pauses (``_``, ``_:`` or nothing) become `PAUSE`, marks of another language's words, ``(en)``, no phone at all.

    Raises:
        UserError: the symbol is not known.
    """
    if not symbol.strip("_:|! "):
        return Spelling((PAUSE,))
    if symbol.startswith("(") and symbol.endswith(")"):
        return Spelling(())
    stress = PRIMARY if "ˈ" in symbol else SECONDARY if "ˌ" in symbol else None
    ipa = symbol
    for pattern, replacement in _ESPEAK:
        ipa = pattern.sub(replacement, ipa)
    return Spelling(split_ipa(ipa), stress)


def joined(phones: Sequence[Phone]) -> list[Phone]:
    """Phones with neighbouring pauses made one, so that a long pause has a middle of its own."""
    result: list[Phone] = []
    for phone in phones:
        if result and result[-1].name == phone.name == PAUSE:
            result[-1] = Phone(PAUSE, result[-1].start, phone.end)
        else:
            result.append(phone)
    return result
