"""ICT-FaceKit's tongue: where it is, and four shapes of our own, since the kit has none."""

import numpy as np
from numpy.typing import NDArray

from training.ict_landmarks import ORIGIN_CENTIMETRES, UNITS_PER_CENTIMETRE
from training.rig import TONGUE_CONTROLS

Array = NDArray[np.float64]


def tongue_weight(neutral: Array, jaw_drop: Array, gums_and_tongue: tuple[int, int]) -> Array:
    """How much of every vertex ``[V]`` is tongue: 1 on it, fading to 0 at the gums.

    By an ellipse inside the lower dental arch.

    Args:
        neutral: vertices ``[V, 3]``, head units.
        jaw_drop: what ``jawOpen`` moves ``[V, 3]``.
        gums_and_tongue: the first vertex of the part, and the one after its last.
    """
    first, last = gums_and_tongue
    centimetres = neutral / UNITS_PER_CENTIMETRE - ORIGIN_CENTIMETRES
    ellipse = (centimetres[:, 0] / 1.75) ** 2 + ((centimetres[:, 2] - 5.0) / 4.6) ** 2
    weight = np.clip((1.0 - ellipse) / 0.25, 0.0, 1.0)
    moves_with_jaw = np.linalg.norm(jaw_drop, axis=1) > 1.0 * UNITS_PER_CENTIMETRE
    weight[~moves_with_jaw] = 0.0
    weight[:first] = 0.0
    weight[last:] = 0.0
    return np.asarray(weight)


def tongue_shapes(neutral: Array, weight: Array) -> dict[str, Array]:
    """Four tongue shapes ``[V, 3]`` as smooth displacements along the tongue (drawn by hand, in centimetres)."""
    z = neutral[:, 2] / UNITS_PER_CENTIMETRE - ORIGIN_CENTIMETRES[2]
    tip = weight * _smoothstep(5.0, 9.0, z)
    blade = weight * _smoothstep(3.0, 8.5, z)
    back = weight * np.exp(-(((z - 4.2) / 1.6) ** 2))
    displacement = {
        "tongueOut": blade[:, None] * [0.0, -0.1, 2.6] + tip[:, None] * [0.0, -0.5, 0.3],
        "tongueTipUp": tip[:, None] * [0.0, 0.95, 0.1],
        "tongueBetweenTeeth": blade[:, None] * [0.0, 0.2, 0.8] + tip[:, None] * [0.0, 0.25, 0.2],
        "tongueBackUp": back[:, None] * [0.0, 0.9, -0.2],
    }
    assert tuple(displacement) == TONGUE_CONTROLS
    return {name: shape * UNITS_PER_CENTIMETRE for name, shape in displacement.items()}


def _smoothstep(low: float, high: float, value: Array) -> Array:
    fraction = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(fraction * fraction * (3.0 - 2.0 * fraction))
