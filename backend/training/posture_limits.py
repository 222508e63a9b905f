"""What postures are held to where the speaker of the calibration is not like other people.

GRID's s1 speaks 51 words, with an English accent, and hardly moves his lips. What his lips cannot teach is known of
speech at large: a close vowel opens the mouth less than an open one, lips round for sounds that they are rounded for
in most languages, and touch only for those that are made with them.
"""

from functools import cache

import numpy as np

from training.phones import PAUSE
from training.phonetics import Consonant, Vowel, describe
from training.postures import READY, tongue

# Inner-lip heights over the distance of the outer eye corners, changes from rest.
DENTAL_ROOM = 0.05
LINGUAL_ROOM = 0.02  # of what else the tongue makes: lips shut for none of it
# Approximants: his lips all but touch for w and r, so far that a tracker takes them for shut.
CURLED_ROOM, GLIDING_ROOM = 0.03, 0.015
# Mouth width: hushing sounds and most r have rounded lips beside their place, and r-coloured vowels with them
# (Ladefoged and Maddieson, "The sounds of the world's languages", 1996). He has no such vowel, and hushes in the names
# of letters alone.
LABIALISED = -0.05
# How far a vowel opens, over what he does: his i is as open as his ɑ. Close ones, and what openness adds.
CLOSE_VOWEL, OPENNESS = 0.65, 0.65


@cache
def limits(name: str, opens: bool) -> tuple[float, float]:
    """The least and the most that a phone may ask of a channel that ``opens``, as lips and chin do, or of the width."""
    if name in (PAUSE, READY):
        return -np.inf, np.inf
    sound = describe(name)
    return (_least_opening(name, sound), np.inf) if opens else (-np.inf, _most_width(sound))


@cache
def opening(name: str) -> float:
    """How far a vowel opens, times what the calibration has; 1 for rounded ones and for what is no vowel."""
    if name in (PAUSE, READY):
        return 1.0
    sound = describe(name)
    return CLOSE_VOWEL + OPENNESS * sound.openness if isinstance(sound, Vowel) and not sound.rounded else 1.0


def _least_opening(name: str, sound: Consonant | Vowel) -> float:
    if tongue(name).between > 0.0:
        return DENTAL_ROOM  # a tongue between the teeth is there to be seen
    if isinstance(sound, Vowel) or sound.place in ("bilabial", "labiodental", "glottal"):
        return -np.inf
    if sound.manner != "approximant":
        return LINGUAL_ROOM
    return CURLED_ROOM if _is_curled(sound) else GLIDING_ROOM


def _most_width(sound: Consonant | Vowel) -> float:
    if isinstance(sound, Vowel):
        return LABIALISED if sound.rhotic else np.inf
    rounded = sound.manner in ("fricative", "affricate", "approximant") and not sound.palatalised
    return LABIALISED if rounded and _is_curled(sound) else np.inf


def _is_curled(sound: Consonant) -> bool:
    return sound.place in ("postalveolar", "retroflex")
