"""When lips must touch: with each other for p, b, m, and the lower one with the upper teeth for f, v."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from training.lip_geometry import Contact, Curve
from training.phones import Phone
from training.postures import is_bilabial, is_labiodental

# Lips stay shut for at least this long, hence for two frames of 50 Hz; they part and meet over the ramp, as tracked
# lips do; and they meet just before a stop is heard and begin to part some 25 ms before its end.
HOLD = 0.056
RAMP = 0.065
LEAD = 0.012


def contact(phones: Sequence[Phone], times: NDArray[np.float64]) -> Contact:
    """Contact of the lips at ``times`` ``[T]``: the seal comes first, for a mouth that is shut cannot bite."""
    seal = _touching(phones, is_bilabial, times)
    return Contact(seal, _touching(phones, is_labiodental, times) * (1.0 - seal))


def _touching(phones: Sequence[Phone], touches: Callable[[str], bool], times: NDArray[np.float64]) -> Curve:
    result = np.zeros(len(times))
    for phone in phones:
        if not touches(phone.name):
            continue
        middle = (phone.start + phone.end) / 2 - LEAD
        half = max(phone.end - phone.start - LEAD, HOLD) / 2
        outside = np.clip((np.abs(times - middle) - half) / RAMP, 0.0, 1.0)
        result = np.maximum(result, 1.0 - outside * outside * (3.0 - 2.0 * outside))
    return result
