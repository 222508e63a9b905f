"""When lips must touch: with each other for p, b, m, and the lower one with the upper teeth for f, v."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from training.lip_geometry import Contact, Curve
from training.phones import Phone
from training.phonetics import Consonant, describe
from training.postures import is_bilabial, is_labiodental

# Lips stay shut for at least this long, hence for two frames of 50 Hz, and somewhat before the sound tells. All were
# chosen for correlation with tracked lips on sentences that the calibration does not report; the nasal is always shut.
HOLD = 0.050
LEAD = 0.016
MEETING, PARTING = 0.045, 0.035  # seconds in which lips meet and part
# The share of a phone, from its start, in which lips touch: a stop's last part is its burst, longest in voiceless ones.
VOICELESS_STOP, VOICED_STOP, NASAL, LABIODENTAL = 0.6, 0.8, 1.0, 0.6


def contact(phones: Sequence[Phone], times: NDArray[np.float64]) -> Contact:
    """Contact of the lips at ``times`` ``[T]``: the seal comes first, for a mouth that is shut cannot bite."""
    seal = _touching(phones, is_bilabial, times)
    return Contact(seal, _touching(phones, is_labiodental, times) * (1.0 - seal))


def _touching(phones: Sequence[Phone], touches: Callable[[str], bool], times: NDArray[np.float64]) -> Curve:
    result = np.zeros(len(times))
    for phone in phones:
        if not touches(phone.name):
            continue
        start = phone.start - LEAD
        end = start + _touched_share(phone.name) * (phone.end - phone.start)
        spare = max(HOLD - (end - start), 0.0) / 2
        before = np.clip((start - spare - times) / MEETING, 0.0, 1.0)
        after = np.clip((times - end - spare) / PARTING, 0.0, 1.0)
        outside = before + after
        result = np.maximum(result, 1.0 - outside * outside * (3.0 - 2.0 * outside))
    return result


def _touched_share(name: str) -> float:
    sound = describe(name)
    if is_labiodental(name):
        return LABIODENTAL
    if isinstance(sound, Consonant) and sound.manner == "stop":
        return VOICED_STOP if sound.voiced else VOICELESS_STOP
    return NASAL
