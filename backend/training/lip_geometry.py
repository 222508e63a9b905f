"""Rig weights of the lips that make a mouth as high and as wide as it shall be, on a jaw that is as open as it is.

Articulation speaks of what can be seen and tracked: inner-lip height and mouth width, changes from rest over the
distance of the outer eye corners. What a rig control does to both was measured on the mean head (it is linear there);
what the jaw leaves to be done is done by the lips: `mouthClose` or lifted and lowered lips in height, pucker and funnel
or stretched corners in width.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]


class Response(NamedTuple):
    """What a weight of 1 changes, left and right together, over the distance of the outer eye corners."""

    height: float
    width: float


# Measured on ICT-FaceKit's mean head, whose outer eye corners are 9.0 cm apart.
RESPONSE: dict[str, Response] = {
    "jawOpen": Response(0.367, -0.048),
    "mouthClose": Response(-0.437, 0.024),
    "mouthFunnel": Response(0.154, -0.077),
    "mouthPucker": Response(-0.006, -0.118),
    "mouthUpperUp": Response(0.080, -0.003),
    "mouthLowerDown": Response(0.076, 0.000),
    "mouthStretch": Response(-0.003, 0.157),
    "mouthSmile": Response(0.001, 0.156),
    "mouthRollLower": Response(-0.042, 0.012),
    "mouthRollUpper": Response(0.020, 0.020),
    "mouthPress": Response(-0.028, -0.007),
    "mouthShrugLower": Response(-0.077, 0.019),
}
# Opened mouths protrude by the funnel, narrow ones by the pucker.
WIDE_OPEN = 0.09
# Shut lips press on each other by this much, so that what blurs them leaves them shut.
PRESSED = -0.006
SEAL = {"mouthPress": 0.18, "mouthRollUpper": 0.05, "mouthRollLower": 0.06}
# The lower lip, rolled in, meets the edges of the upper teeth, which the lifted upper lip shows.
BITE = {"mouthRollLower": 0.6, "mouthUpperUp": 0.2}
BITE_HEIGHT = 0.012
# A spread mouth is half stretched, half smiling: stretch alone bares the lower teeth.
SMILE_SHARE = 0.35


class Contact(NamedTuple):
    """How far lips are in contact, 0 to 1, ``[T]``: with each other, and the lower one with the upper teeth."""

    seal: Curve
    bite: Curve


def mouth_size(weights: Mapping[str, Curve]) -> tuple[Curve, Curve]:
    """Inner-lip height and mouth width ``[T]`` that weights by rig control make; inverse of `lip_weights`."""
    height: Curve = np.zeros(())
    width: Curve = np.zeros(())
    for name, curve in weights.items():
        control, sides = (name[:-2], 2) if name.endswith(("_L", "_R")) else (name, 1)
        response = RESPONSE.get(control, Response(0.0, 0.0))
        height = height + curve * (response.height / sides)
        width = width + curve * (response.width / sides)
    return height, width


def lip_weights(
    height: Curve, width: Curve, jaw: Curve, contact: Contact, worn: Mapping[str, Curve]
) -> dict[str, Curve]:
    """Weights by control without sides.

    Args:
        height: ``[T]``, wanted where lips touch nothing.
        width: ``[T]``, likewise, without what is worn.
        jaw: ``[T]``, weight of `jawOpen`.
        contact: which overrules both.
        worn: weights of a smile and the like, beside the words; the height is reached with them.
    """
    seal, bite = contact
    height = np.maximum(height, 0.0) * (1.0 - seal) + PRESSED * seal
    height = height * (1.0 - bite) + BITE_HEIGHT * bite
    weights = _sum(
        {"jawOpen": jaw},
        {name: weight * bite for name, weight in BITE.items()},
        {name: weight * seal for name, weight in SEAL.items()},
        _widening(width * (1.0 - 0.7 * bite), jaw, height, seal),
        worn,
    )
    missing = height - mouth_size(weights)[0]
    apart = np.maximum(missing, 0.0) / (RESPONSE["mouthUpperUp"].height + RESPONSE["mouthLowerDown"].height)
    # A lower lip that touches the teeth stays there: what is missing is the upper lip's.
    close = np.maximum(-missing, 0.0) / -RESPONSE["mouthClose"].height
    return _sum(weights, {"mouthUpperUp": apart, "mouthLowerDown": apart * (1.0 - bite), "mouthClose": close})


def _sum(*parts: Mapping[str, Curve]) -> dict[str, Curve]:
    total: dict[str, Curve] = {}
    for part in parts:
        for name, curve in part.items():
            total[name] = total.get(name, 0.0) + curve
    return total


def _widening(width: Curve, jaw: Curve, height: Curve, seal: Curve) -> dict[str, Curve]:
    """Corners drawn in or apart as far as the jaw has not done it."""
    missing = width - jaw * RESPONSE["jawOpen"].width
    openness = np.clip(height / WIDE_OPEN, 0.0, 1.0) * (1.0 - seal)
    narrow, wide = np.maximum(-missing, 0.0), np.maximum(missing, 0.0)
    funnel_share = 0.25 + 0.5 * openness
    drawn = funnel_share * -RESPONSE["mouthFunnel"].width + (1.0 - funnel_share) * -RESPONSE["mouthPucker"].width
    rounding = narrow / drawn
    return {
        "mouthFunnel": rounding * funnel_share * (1.0 - seal),
        "mouthPucker": rounding * (1.0 - funnel_share * (1.0 - seal)),
        "mouthStretch": (1.0 - SMILE_SHARE) * wide / RESPONSE["mouthStretch"].width,
        "mouthSmile": SMILE_SHARE * wide / RESPONSE["mouthSmile"].width,
    }
