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
    """What a weight of 1 changes, left and right together, over the distance of the outer eye corners.

    ``rise`` is the height of the lower lip on the skull, and so on the upper teeth.
    """

    height: float
    width: float
    rise: float


# Measured on ICT-FaceKit's mean head, whose outer eye corners are 9.0 cm apart.
RESPONSE: dict[str, Response] = {
    "jawOpen": Response(0.367, -0.048, -0.395),
    "mouthClose": Response(-0.437, 0.024, 0.428),
    "mouthFunnel": Response(0.154, -0.077, -0.093),
    "mouthPucker": Response(-0.006, -0.118, 0.002),
    "mouthUpperUp": Response(0.080, -0.003, 0.006),
    "mouthLowerDown": Response(0.076, 0.000, -0.076),
    "mouthStretch": Response(-0.003, 0.157, 0.001),
    "mouthSmile": Response(0.001, 0.156, 0.042),
    "mouthFrown": Response(-0.003, 0.041, -0.006),
    "mouthRollLower": Response(-0.042, 0.012, 0.042),
    "mouthRollUpper": Response(0.020, 0.020, -0.001),
    "mouthPress": Response(-0.028, -0.007, 0.021),
    "mouthShrugLower": Response(-0.077, 0.019, 0.077),
}


class MouthSize(NamedTuple):
    """Curves ``[T]`` of what a `Response` holds."""

    height: Curve
    width: Curve
    rise: Curve


NOTHING = Response(0.0, 0.0, 0.0)
# Of speech, however loud; a yawn goes further.
FURTHEST_HEIGHT, FURTHEST_JAW = 0.3, 0.7
# Opened mouths protrude by the funnel, narrow ones by the pucker.
WIDE_OPEN = 0.12
# Shut lips press on each other by this much, so that what blurs them leaves them shut.
PRESSED = -0.006
SEAL = {"mouthPress": 0.18, "mouthRollUpper": 0.05, "mouthRollLower": 0.06}
# The lower lip, rolled in and pushed up by the chin, meets the edges of the upper teeth, which the upper lip shows.
# On the mean head 0.2 mm are between them at this rise.
BITE = {"mouthRollLower": 0.3, "mouthShrugLower": 0.22, "mouthUpperUp": 0.5}
BITE_RISE = 0.018
# Lips lifted and lowered further than this bare all teeth: beyond, the jaw opens.
COMFORTABLE_PARTING = 0.5
# A spread mouth is half stretched, half smiling: stretch alone bares the lower teeth.
SMILE_SHARE = 0.35


class Contact(NamedTuple):
    """How far lips are in contact, 0 to 1, ``[T]``: with each other, and the lower one with the upper teeth."""

    seal: Curve
    bite: Curve


def mouth_size(weights: Mapping[str, Curve]) -> MouthSize:
    """Inner-lip height, mouth width and rise of the lower lip ``[T]`` that weights by rig control make."""
    total = [np.zeros(()), np.zeros(()), np.zeros(())]
    for name, curve in weights.items():
        control, sides = (name[:-2], 2) if name.endswith(("_L", "_R")) else (name, 1)
        for place, response in enumerate(RESPONSE.get(control, NOTHING)):
            total[place] = total[place] + curve * (response / sides)
    return MouthSize(*total)


def lip_weights(
    height: Curve, width: Curve, jaw: Curve, contact: Contact, worn: Mapping[str, Curve]
) -> dict[str, Curve]:
    """Weights by control without sides.

    Args:
        height: ``[T]``, wanted where lips touch nothing.
        width: ``[T]``, likewise, without what is worn.
        jaw: ``[T]``, weight of `jawOpen`; it gets more where lips alone cannot part as far.
        contact: which overrules all.
        worn: weights of a smile and the like, beside the words; the height is reached with them.
    """
    seal, bite = contact
    lips = RESPONSE["mouthUpperUp"].height + RESPONSE["mouthLowerDown"].height
    height = within_reach(np.maximum(height, 0.0), FURTHEST_HEIGHT)
    # The jaw is slow: it is as open as the mouth will be, whether or not lips shut on it for a moment.
    jaw = np.maximum(
        within_reach(jaw, FURTHEST_JAW), (height - COMFORTABLE_PARTING * lips) / RESPONSE["jawOpen"].height
    )
    height = height * (1.0 - seal) + PRESSED * seal
    weights = _sum(
        {"jawOpen": jaw},
        {name: weight * bite for name, weight in BITE.items()},
        {name: weight * seal for name, weight in SEAL.items()},
        _widening(width * (1.0 - 0.7 * bite), jaw, height, seal),
        worn,
    )
    reached = mouth_size(weights)
    missing = (height - reached.height) * (1.0 - bite)
    apart = np.maximum(missing, 0.0) / lips
    lift = (BITE_RISE - reached.rise) * bite
    more_jaw = np.maximum(-lift, 0.0) / -RESPONSE["jawOpen"].rise
    close = np.maximum(-missing, 0.0) / -RESPONSE["mouthClose"].height
    close = close + np.maximum(lift, 0.0) / RESPONSE["mouthClose"].rise
    return _sum(weights, {"jawOpen": more_jaw, "mouthUpperUp": apart, "mouthLowerDown": apart, "mouthClose": close})


def within_reach(curve: Curve, limit: float) -> Curve:
    """What is far below ``limit`` as it is, what is above it just below it: the loudest mouth opens only so far."""
    return curve / (1.0 + (curve / limit) ** 4) ** 0.25


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
    funnel_share = 0.05 + 0.55 * openness
    drawn = funnel_share * -RESPONSE["mouthFunnel"].width + (1.0 - funnel_share) * -RESPONSE["mouthPucker"].width
    rounding = narrow / drawn
    return {
        "mouthFunnel": rounding * funnel_share * (1.0 - seal),
        "mouthPucker": rounding * (1.0 - funnel_share * (1.0 - seal)),
        "mouthStretch": (1.0 - SMILE_SHARE) * wide / RESPONSE["mouthStretch"].width,
        "mouthSmile": SMILE_SHARE * wide / RESPONSE["mouthSmile"].width,
    }
