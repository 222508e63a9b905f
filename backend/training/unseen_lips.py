"""What lips do for a phone that is heard, where landmarks do not show it.

Trackers follow the lips' outlines. For f and v the lower lip is rolled in under the teeth, and what they see of it is
a narrow mouth like that of p: a fit shuts it. Where such a phone is heard the mouth is articulated anew on the jaw
and at the width that were seen. For θ and ð the tongue, which they do not see at all, lies between the teeth, where
lips must leave it room.
"""

import numpy as np
from numpy.typing import NDArray

from training.lip_geometry import RESPONSE, Contact, Curve, lip_weights, mouth_size
from training.parted_lips import lip_height, part_lips
from training.posture_limits import DENTAL_ROOM
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


def make_room(weights: FloatArray) -> FloatArray:
    """Rig weights ``[T, R]`` whose lips leave the tongue room where it is between the teeth: less shut, then parted."""
    between = weights[:, RIG_CONTROLS.index("tongueBetweenTeeth")]
    return part_lips(weights, between * np.maximum(DENTAL_ROOM - lip_height(weights), 0.0), jaw_share=0.0)
