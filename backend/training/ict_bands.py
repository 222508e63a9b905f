"""The bands of skin about ICT-FaceKit's lips and lids."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.evaluation.contact import ContactBand
from training.ict_landmarks import IBUG_VERTICES, UNITS_PER_CENTIMETRE

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


def lip_band(neutral: Array, jaw_drop: Array, skin: int) -> ContactBand:
    """The lips: what the jaw carries is the lower one.

    Args:
        neutral: vertices ``[V, 3]``, head units.
        jaw_drop: what ``jawOpen`` moves ``[V, 3]``.
        skin: how many of the first vertices are skin.
    """
    near = near_lips(neutral, skin, 1.4)
    corner_drop = jaw_drop[IBUG_VERTICES[60], 1]
    falls = jaw_drop[near, 1] < corner_drop
    corners = (IBUG_VERTICES[60], IBUG_VERTICES[64])
    return ContactBand(near[~falls], near[falls], corners)


def lid_band(neutral: Array, blink: Array, face: int, side: str) -> ContactBand:
    """The lids of an eye: what falls when it blinks is the upper one.

    Args:
        neutral: vertices ``[V, 3]``, head units.
        blink: what its ``eyeBlink`` moves ``[V, 3]``.
        face: how many of the first vertices are face.
        side: left or right.
    """
    first = 42 if side == "left" else 36
    rim = np.array(IBUG_VERTICES[first : first + 6])
    fall = blink[:, 1]
    among = np.arange(face)
    near = among[_distance_to_polyline(neutral[among], neutral[rim]) < 1.0 * UNITS_PER_CENTIMETRE]
    level = neutral[rim[[0, 3]], 1].mean()
    is_upper = (fall[near] < -0.12 * UNITS_PER_CENTIMETRE) | (
        (fall[near] <= 0.0) & (neutral[near, 1] > level + 0.1 * UNITS_PER_CENTIMETRE)
    )
    corners = sorted((int(rim[0]), int(rim[3])), key=lambda vertex: float(neutral[vertex, 0]))
    return ContactBand(near[is_upper], near[~is_upper], (corners[0], corners[1]))


def near_lips(neutral: Array, skin: int, centimetres: float) -> Indices:
    """The first ``skin`` vertices of a kit ``[V, 3]`` that are so near to the line along which lips touch."""
    inner = np.array(IBUG_VERTICES[60:68])
    among = np.arange(skin)
    distance = _distance_to_polyline(neutral[among], neutral[inner])
    return np.asarray(among[distance < centimetres * UNITS_PER_CENTIMETRE])


def _distance_to_polyline(points: Array, corners: Array) -> Array:
    """Distance ``[N]`` of points to the closed polyline through ``corners``, by dense sampling."""
    following = np.roll(corners, -1, axis=0)
    steps = np.linspace(0.0, 1.0, 12, endpoint=False)[:, None, None]
    samples = (corners + steps * (following - corners)).reshape(-1, 3)
    distance, _ = cKDTree(samples).query(points)
    return np.asarray(distance)
