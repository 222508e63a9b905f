"""Colours and vertex groups of the template's skin, from where the face's landmarks are."""

import numpy as np
from matplotlib.path import Path as Outline
from numpy.typing import NDArray
from scipy.interpolate import splev, splprep
from scipy.spatial import cKDTree

from training.ict_heads import IctHeads
from training.ict_landmarks import IBUG_VERTICES, UNITS_PER_CENTIMETRE

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SKIN = np.array([0.52, 0.30, 0.215])  # linear RGB
LIPS = np.array([0.36, 0.115, 0.105])
BROWS = np.array([0.075, 0.040, 0.026])
LINING = np.array([0.22, 0.055, 0.050])
CHEEKS = np.array([0.55, 0.25, 0.185])
BROW_HALF_WIDTH = 0.33  # centimetres, at its middle
SOFT_EDGE = 0.12  # centimetres


def paint_skin(vertices: Array, kit_neutral: Array, lining: NDArray[np.bool_]) -> Array:
    """Linear RGBA ``[V, 4]`` of skin vertices given on the neutral face: skin, warmer cheeks, lips, brows.

    ``lining`` marks the vertices inside the mouth.
    """
    color = np.tile(SKIN, (len(vertices), 1))
    for cheek in (3, 13):
        centre = 0.5 * (kit_neutral[IBUG_VERTICES[cheek]] + kit_neutral[IBUG_VERTICES[33]])
        blush = np.exp(-((np.linalg.norm(vertices - centre, axis=1) / (2.2 * UNITS_PER_CENTIMETRE)) ** 2))
        color += 0.6 * blush[:, None] * (CHEEKS - color)
    color += lip_weight(vertices, kit_neutral)[:, None] * (LIPS - color)
    color += 0.85 * brow_weight(vertices, kit_neutral)[:, None] * (BROWS - color)
    color[lining] = LINING
    return np.concatenate([color, np.ones((len(vertices), 1))], axis=1)


def lip_weight(vertices: Array, kit_neutral: Array) -> Array:
    """1 on the red of the lips, 0 off it, by the outer lip landmarks seen from the front."""
    outline = kit_neutral[list(IBUG_VERTICES[48:60])][:, :2]
    spline, _ = splprep(np.concatenate([outline, outline[:1]]).T, s=0.0, per=True)
    smooth = np.stack(splev(np.linspace(0.0, 1.0, 400), spline), axis=1)
    inside = Outline(smooth).contains_points(vertices[:, :2])
    distance = cKDTree(smooth).query(vertices[:, :2])[0] / UNITS_PER_CENTIMETRE
    signed = np.where(inside, -distance, distance)
    # Only the front: the same outline seen from the front also covers gullet and neck.
    depth = (vertices[:, 2] - kit_neutral[IBUG_VERTICES[48], 2]) / UNITS_PER_CENTIMETRE
    return np.asarray(_falling(signed, SOFT_EDGE) * (1.0 - _falling(depth + 1.0, 0.5)))


def brow_weight(vertices: Array, kit_neutral: Array) -> Array:
    """1 in the middle of a brow, fading out over its width, along the brow landmarks."""
    weight = np.zeros(len(vertices))
    for first in (17, 22):
        line = kit_neutral[list(IBUG_VERTICES[first : first + 5])]
        spline, _ = splprep(line.T, s=0.0)
        fraction = np.linspace(0.0, 1.0, 200)
        path = np.stack(splev(fraction, spline), axis=1)
        distance, nearest = cKDTree(path).query(vertices)
        # The outer end of the right brow comes first, of the left brow last.
        along = fraction[nearest] if first == 22 else 1.0 - fraction[nearest]
        half_width = BROW_HALF_WIDTH * (1.15 - 0.75 * along**2)
        weight = np.maximum(weight, _falling(distance / UNITS_PER_CENTIMETRE - half_width, 0.25))
    return weight


def face_groups(vertices: Array, heads: IctHeads, canonical_skin: Array, canonical: Array) -> dict[str, Indices]:
    """Vertex groups of the skin: lips, lids, brows, jaw, by name.

    Args:
        vertices: skin vertices on the neutral face ``[V, 3]``.
        heads: the training heads.
        canonical_skin: skin vertices in canonical pose ``[V, 3]``.
        canonical: the average training head in canonical pose.
    """
    kit = heads.vertices_of["skin"]
    nearest = kit[cKDTree(canonical[kit]).query(canonical_skin)[1]]
    drop = np.linalg.norm(heads.jaw_drop[nearest], axis=1)
    falls = heads.jaw_drop[nearest, 1] < heads.jaw_drop[IBUG_VERTICES[60], 1]
    lips = lip_weight(vertices, heads.neutral) > 0.5
    brows = brow_weight(vertices, heads.neutral) > 0.5
    groups = {
        "lip_upper": np.flatnonzero(lips & ~falls),
        "lip_lower": np.flatnonzero(lips & falls),
        "brow_left": np.flatnonzero(brows & (vertices[:, 0] > 0)),
        "brow_right": np.flatnonzero(brows & (vertices[:, 0] < 0)),
        "jaw": np.flatnonzero(drop > 0.25 * drop.max()),
    }
    for side, band in heads.lids.items():
        groups[f"lid_upper_{side}"] = np.flatnonzero(np.isin(nearest, band.upper))
        groups[f"lid_lower_{side}"] = np.flatnonzero(np.isin(nearest, band.lower))
    return groups


def _falling(value: Array, width: float) -> Array:
    """1 below ``-width``, 0 above ``width``, smooth between."""
    fraction = np.clip(0.5 - value / (2.0 * width), 0.0, 1.0)
    return np.asarray(fraction * fraction * (3.0 - 2.0 * fraction))
