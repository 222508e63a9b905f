"""Lips further apart than they are, by what a mouth does for it: less shut, then lifted and lowered, on a lower jaw."""

import numpy as np
from numpy.typing import NDArray

from training.lip_geometry import RESPONSE, Curve, mouth_size
from training.rig import RIG_CONTROLS

FloatArray = NDArray[np.float64]

PARTING = ("mouthUpperUp", "mouthLowerDown")


def lip_height(weights: FloatArray) -> Curve:
    """Inner-lip height ``[T]`` of rig weights ``[T, R]``, over the distance of the outer eye corners."""
    return mouth_size({name: weights[:, column] for column, name in enumerate(RIG_CONTROLS)}).height


def part_lips(weights: FloatArray, further: Curve, jaw_share: float) -> FloatArray:
    """Rig weights ``[T, R]`` with lips ``further`` apart.

    Args:
        weights: ``[T, R]``.
        further: ``[T]``, inner-lip height over the distance of the outer eye corners, not below 0.
        jaw_share: how much of it the jaw does.
    """
    result = weights.copy()
    by_jaw = jaw_share * further
    result[:, RIG_CONTROLS.index("jawOpen")] += by_jaw / RESPONSE["jawOpen"].height
    closing = -RESPONSE["mouthClose"].height
    opened = np.minimum(weights[:, RIG_CONTROLS.index("mouthClose")], (further - by_jaw) / closing)
    result[:, RIG_CONTROLS.index("mouthClose")] -= opened
    apart = (further - by_jaw - closing * opened) / sum(RESPONSE[name].height for name in PARTING)
    for column, name in enumerate(RIG_CONTROLS):
        if name.startswith(PARTING):
            result[:, column] += apart
    return result
