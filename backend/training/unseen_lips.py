"""What lips do for a phone that is heard, where landmarks do not show it.

Trackers follow the lips' outlines. For f and v the lower lip is rolled in under the teeth, and what they see of it is
a narrow mouth like that of p: a fit shuts it. Where such a phone is heard the mouth is articulated anew on the jaw
and at the width that were seen. For θ and ð the tongue, which they do not see at all, lies between the teeth, where
lips must leave it room; and where lips of r and w are so near that they seem shut, they are held apart as those of
synthetic speakers are.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.articulation import channel_shares
from training.lip_contact import contact
from training.lip_geometry import RESPONSE, Contact, Curve, lip_weights, mouth_size
from training.parted_lips import lip_height, part_lips
from training.phones import Phone
from training.posture_limits import limits
from training.postures import calibrated, prepared
from training.rig import RIG_CONTROLS

FloatArray = NDArray[np.float64]

# Inner-lip heights over the eyes' distance between which a mouth is too far open to bite: the phone was misheard.
NEAR, FAR = 0.06, 0.12
WORN = ("mouthSmile", "mouthFrown")  # beside the words; they stay


def bite(weights: FloatArray, biting: Curve) -> FloatArray:
    """Rig weights ``[T, R]`` with the lower lip on the upper teeth as far as ``biting [T]``, from 0 to 1, says."""
    seen = {name: weights[:, column] for column, name in enumerate(RIG_CONTROLS)}
    size = mouth_size(seen)
    worn = {name: (seen[f"{name}_L"] + seen[f"{name}_R"]) / 2 for name in WORN}
    width = size.width - mouth_size(worn).width
    nothing, whole = np.zeros_like(biting), np.ones_like(biting)
    bitten = lip_weights(size.height, width, seen["jawOpen"], Contact(nothing, whole), worn)
    share = biting * np.clip((FAR - size.height) / (FAR - NEAR), 0.0, 1.0)
    result = weights.copy()
    for column, name in enumerate(RIG_CONTROLS):
        control = name[:-2] if name.endswith(("_L", "_R")) else name
        if control in RESPONSE and control not in WORN:
            result[:, column] += share * (np.clip(bitten.get(control, nothing), 0.0, 1.0) - weights[:, column])
    return result


def make_room(weights: FloatArray, phones: Sequence[Phone], times: Curve) -> FloatArray:
    """Rig weights ``[T, R]`` whose lips are as far apart as phones need them at least, where lips touch nothing.

    Args:
        weights: ``[T, R]``.
        phones: what is said, in order of time.
        times: ``[T]``, seconds.
    """
    touching = contact(phones, times)
    free = (1.0 - touching.seal) * (1.0 - touching.bite)
    return part_lips(weights, free * _missing_height(lip_height(weights), phones, times), jaw_share=0.0)


def _missing_height(height: Curve, phones: Sequence[Phone], times: Curve) -> Curve:
    """How much higher ``[T]`` a mouth would have to be for the phones that ask for some height, by their shares."""
    spoken = prepared(phones)
    least = np.array([limits(phone.name, opens=True)[0] for phone in spoken])
    shares = channel_shares(calibrated()["lip_height"], spoken, times)
    return np.asarray((shares * np.maximum(least - height[:, None], 0.0)).sum(axis=1))
