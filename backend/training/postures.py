"""What a phone asks of jaw, lips and tongue, and how strongly it insists: derived from its features.

Lips and jaw are calibrated: what a feature asks for, and how single phones differ from their features, were fitted to
tracked lips by ``python -m training.calibration`` and are read from ``articulation_table.json``. Phones that the
calibration never heard, those of other languages, have what their features say. The tongue, which no camera sees,
follows the phone's place by rule.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from facetalk.errors import UserError
from training.phones import PAUSE, Phone
from training.phonetics import Consonant, Vowel, base_symbol, describe

TABLE = Path(__file__).with_name("articulation_table.json")

# Inner-lip height, mouth width, and drop of the chin: changes from rest, over the distance of the outer eye corners.
CHANNELS = ("lip_height", "mouth_width", "chin_drop")
PARAMETERS = ("target", "log_strength", "log_ahead", "log_after")

FEATURES = (
    *("pause", "ready", "vowel", "openness", "openness_squared", "backness", "rounded_vowel", "rhotic", "nasal_vowel"),
    *("bilabial", "labiodental", "dental", "alveolar", "postalveolar", "dorsal", "glottal"),
    *("stop", "nasal", "fricative", "liquid", "glide", "voiced", "rounded"),
)
# The end of a pause, in which the mouth takes breath and gets ready: as a phone of its own, for it is unlike rest.
READY = "‖→"
READY_SECONDS = 0.3
QUIETEST, LOUDEST = -12.0, 9.0  # dB over the median vowel: beyond, the face does no more
# Phones that the recordings lack, and those that they have and whose lips look the same: front vowels are rounded as
# back ones are, hushing sounds as affricates, where the tongue curls no lip can tell, and what is made in the throat
# leaves lips to the vowels about it (the only h that was recorded is that of "white").
LIPS_LIKE = {
    **{"y": "u", "ʏ": "u", "ʉ": "u", "ᵿ": "u", "ø": "o", "ɵ": "o", "œ": "ɔ", "ɞ": "ɔ", "ɶ": "ɔ", "ɒ": "ɔ"},
    **{"ɐ": "ʌ", "ɜ": "ʌ", "ɫ": "l", "ɥ": "w", "ʍ": "w", "pf": "f", "bv": "v", "ʋ": "v", "ɱ": "v"},
    **{"ʃ": "tʃ", "ʂ": "tʃ", "ɕ": "tʃ", "tɕ": "tʃ", "ʈʂ": "tʃ", "ʒ": "dʒ", "ʐ": "dʒ", "ʑ": "dʒ", "dʑ": "dʒ"},
    **{"ɖʐ": "dʒ", "ʈ": "t", "ɖ": "d", "ɳ": "n", "ɲ": "n", "ɭ": "l", "ʎ": "l", "c": "k", "ɟ": "ɡ", "q": "k"},
    **{"ɢ": "ɡ", "ɽ": "ɾ", "ɻ": "ɹ", "ts": "s", "dz": "z"},
    **{"h": "ə", "ɦ": "ə", "ʔ": "ə"},
}
_PLACE_FEATURE = {"retroflex": "postalveolar", "palatal": "dorsal", "velar": "dorsal", "uvular": "dorsal"}
_MANNER_FEATURE = {
    "affricate": "fricative",
    "lateral": "liquid",
    "tap": "stop",
    "trill": "liquid",
    "approximant": "glide",
}


def prepared(phones: Sequence[Phone]) -> list[Phone]:
    """Phones with the last part of every pause before speech as `READY`."""
    result = []
    for place, phone in enumerate(phones):
        if phone.name == PAUSE and place + 1 < len(phones):
            turn = max(phone.end - READY_SECONDS, (phone.start + phone.end) / 2)
            result += [replace(phone, end=turn), replace(phone, name=READY, start=turn)]
        else:
            result.append(phone)
    return result


class Dominance(NamedTuple):
    """What phones ask of one channel and how: tensors ``[P]`` as `training.coarticulation.shares` takes them."""

    target: Tensor
    log_strength: Tensor
    ahead: Tensor
    after: Tensor


class Channel(NamedTuple):
    """The calibrated table of one channel.

    Attributes:
        exponent: shape of the dominance.
        lead: seconds by which the face runs ahead of the sound.
        loudness_gain: how much more a vowel moves, per dB over the utterance's median vowel.
        features: what each feature adds to the four ``PARAMETERS``.
        phones: what single phones add to what their features say.
    """

    exponent: float
    lead: float
    loudness_gain: float
    features: Mapping[str, Sequence[float]]
    phones: Mapping[str, Sequence[float]]

    def dominance(self, names: Sequence[str]) -> Dominance:
        """What the phones ``names`` ask.

        Raises:
            UserError: a phone is not known.
        """
        alike = [lips_like(name) for name in names]
        own = torch.tensor([self.phones.get(name, (0.0,) * len(PARAMETERS)) for name in alike], dtype=torch.float64)
        shared = torch.tensor([self.features[feature] for feature in FEATURES], dtype=torch.float64)
        target, strength, ahead, after = (feature_matrix(alike) @ shared + own).T
        return Dominance(target, strength, ahead.exp(), after.exp())


class Tongue(NamedTuple):
    """How far the tongue is raised at its tip, lifted to the teeth, raised at its back, put forward: 0 to 1."""

    tip: float = 0.0
    between: float = 0.0
    back: float = 0.0
    forward: float = 0.0


@cache
def calibrated() -> dict[str, Channel]:
    """The calibrated channels by name.

    Raises:
        UserError: the table is missing or damaged.
    """
    return read_table(TABLE)


def read_table(table: Path) -> dict[str, Channel]:
    """The channels of a table that `training.calibration` wrote.

    Raises:
        UserError: the table is missing or damaged.
    """
    try:
        channels = json.loads(table.read_text(encoding="utf-8"))["channels"]
        return {name: Channel(**channels[name]) for name in CHANNELS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{table} is no articulation table: run python -m training.calibration again.") from error


def feature_matrix(names: Sequence[str]) -> Tensor:
    """Features ``[P, len(FEATURES)]`` of phones, 0 to 1.

    Raises:
        UserError: a phone is not known.
    """
    return torch.tensor([_features(name) for name in names], dtype=torch.float64).reshape(len(names), len(FEATURES))


@cache
def lips_like(name: str) -> str:
    """The phone, without its length and other marks that no lip shows, whose lips this one's look like.

    Raises:
        UserError: the phone is not known.
    """
    if name in (PAUSE, READY):
        return name
    return LIPS_LIKE.get(base_symbol(name), base_symbol(name))


@cache
def protrusion(name: str) -> float:
    """How far the lips are turned out beside what their width tells, as a weight of mouthFunnel.

    Hushing sounds are turned out without being narrow; a camera from the front hardly sees it.
    """
    if name in (PAUSE, READY):
        return 0.0
    sound = describe(name)
    if isinstance(sound, Vowel) or sound.palatalised or sound.manner not in ("fricative", "affricate"):
        return 0.0
    return 0.2 if sound.place in ("postalveolar", "retroflex") else 0.0


@cache
def _features(name: str) -> tuple[float, ...]:
    values = {"pause": 1.0} if name == PAUSE else {"ready": 1.0} if name == READY else _visible(describe(name))
    return tuple(values.get(feature, 0.0) for feature in FEATURES)


def _visible(sound: Consonant | Vowel) -> dict[str, float]:
    if isinstance(sound, Vowel):
        return {
            "vowel": 1.0,
            "openness": sound.openness,
            "openness_squared": sound.openness**2,
            "backness": sound.backness,
            "rounded_vowel": float(sound.rounded),
            "rhotic": float(sound.rhotic),
            "nasal_vowel": float(sound.nasal),
        }
    return {
        _PLACE_FEATURE.get(sound.place, sound.place): 1.0,
        _MANNER_FEATURE.get(sound.manner, sound.manner): 1.0,
        "voiced": float(sound.voiced),
        "rounded": float(sound.rounded),
    }


@cache
def tongue(name: str) -> Tongue:
    """Where a phone holds the tongue.

    Raises:
        UserError: the phone is not known.
    """
    if name == PAUSE:
        return Tongue()
    sound = describe(name)
    if isinstance(sound, Vowel):
        return Tongue(tip=0.35 if sound.rhotic else 0.0, back=0.5 * sound.backness * (1.0 - 0.7 * sound.openness))
    touching = sound.manner in ("stop", "nasal", "lateral", "tap", "trill")
    match sound.place:
        case "dental":
            # Put forward by this much, the tip is seen between the edges of the incisors.
            return Tongue(between=1.0, forward=0.8)
        case "alveolar":
            tip = 1.0 if touching else 0.85 if sound.manner == "affricate" else 0.5
            return Tongue(tip=tip, forward=0.45 if touching else 0.25)
        case "postalveolar" | "retroflex":
            tip = 1.0 if touching else 0.75 if sound.manner == "affricate" else 0.45
            return Tongue(tip=tip, back=0.2, forward=0.1)
        case "palatal":
            return Tongue(tip=0.3, back=0.6)
        case "velar" | "uvular":
            return Tongue(back=0.4 if sound.manner == "approximant" else 1.0)
        case _:
            return Tongue(back=0.3 if sound.palatalised else 0.0)


def vowel_loudness(phone: Phone) -> float:
    """By how many dB a vowel's loudness moves the face; 0 for what is no vowel."""
    if phone.name in (PAUSE, READY) or not isinstance(describe(phone.name), Vowel):
        return 0.0
    return min(max(phone.loudness, QUIETEST), LOUDEST)


def is_bilabial(name: str) -> bool:
    """Whether the lips must meet: p, b, m and their kin, not the open β of Spanish."""
    if name == PAUSE:
        return False
    sound = describe(name)
    return isinstance(sound, Consonant) and sound.place == "bilabial" and sound.manner in ("stop", "nasal")


def is_labiodental(name: str) -> bool:
    """Whether the lower lip must touch the upper teeth."""
    return name != PAUSE and isinstance(sound := describe(name), Consonant) and sound.place == "labiodental"
