"""Brows: two thin sculpted strips of overlapping strands along the brow ridge."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from facetalk.head.meshing import TriangleMesh
from training.hair_sculpt import HairVolume, Locks
from training.skin_surface import MILLIMETRE, SkinSurface

Array = NDArray[np.float64]

SPACING = 0.75 * MILLIMETRE
DEPTH = 1.5 * MILLIMETRE  # a brow begins this far under the skin
STRANDS = 44
POINTS = 24  # along a strand
HEIGHT_MILLIMETRES = ((0.0, 0.12, 0.35, 0.65, 1.0), (8.5, 9.5, 8.5, 6.5, 2.5))  # over the length, inner end first


def sculpt_brows(skin: SkinSurface, landmarks: Array) -> TriangleMesh:
    """Sculpt both brows of the mean head in canonical pose.

    Args:
        skin: the mean head's skin.
        landmarks: the iBUG landmarks 17 to 26 on it ``[10, 3]``, head units: the subject's right brow from its outer
            end, then the left one from its inner end.

    Returns:
        Two watertight pieces as one mesh, head units, the same at every call. They begin ``DEPTH`` under the skin.
    """
    right = _brow(skin, landmarks[4::-1], np.random.default_rng(1))
    left = _brow(skin, landmarks[5:], np.random.default_rng(2))
    return TriangleMesh(
        np.concatenate([right.vertices, left.vertices]),
        np.concatenate([right.triangles, left.triangles + len(right.vertices)]),
    )


def _brow(skin: SkinSurface, line: Array, dice: np.random.Generator) -> TriangleMesh:
    """One brow along landmarks ``[5, 3]`` from its inner end."""
    box = np.stack([line.min(axis=0) - 0.09, line.max(axis=0) + 0.09])
    volume = HairVolume(skin.distance, box, SPACING)
    along = np.linspace(-0.04, 0.95, POINTS)
    volume.add(_strand(skin, line, along, np.zeros(POINTS), width=0.85, thickness=0.9))
    for number, start in enumerate(np.linspace(-0.07, 0.84, STRANDS)):
        # Hairs stand up at the inner end, and lie down towards the outer one; roots alternate over the height.
        rise = np.clip(1.1 - 1.3 * start, 0.15, 1.0)
        reach = (0.25 - 0.07 * rise) * (1.0 + 0.15 * dice.normal())
        along = start + reach * np.linspace(0.0, 1.0, POINTS)
        root = (-0.85, 0.0, -0.45, 0.3)[number % 4] + 0.1 * dice.normal()
        across = np.clip(root + 0.9 * rise * np.linspace(0.0, 1.0, POINTS), -0.85, 0.9)
        volume.add(_strand(skin, line, along, across, width=0.27, thickness=1.8 + 0.25 * dice.normal()))
    return volume.mesh(DEPTH)


def _strand(skin: SkinSurface, line: Array, along: Array, across: Array, width: float, thickness: float) -> Locks:
    """A strand on the skin.

    Args:
        skin: what it lies on.
        line: landmarks ``[5, 3]`` from the inner end.
        along: place along the brow ``[K]``, 0 to 1.
        across: place across it ``[K]``, -1 at its lower edge, 1 at its upper one.
        width: half width as a fraction of the brow's half height.
        thickness: half thickness, millimetres.
    """
    curve = CubicSpline(np.linspace(0.0, 1.0, len(line)), line, bc_type="natural")
    half = 0.5 * np.interp(along, *HEIGHT_MILLIMETRES) * MILLIMETRE
    tangent = curve(along, 1) / np.linalg.norm(curve(along, 1), axis=1, keepdims=True)
    place = curve(along)
    out = skin.distance.direction(place)
    up = np.cross(out, tangent)
    up *= np.sign(up[:, 1:2])
    place = place + (across * half)[:, None] * up
    slender = np.sqrt(np.sin(np.pi * np.linspace(0.06, 0.96, len(along))))
    thick = np.maximum(thickness * MILLIMETRE * slender, 0.7 * SPACING)
    for _ in range(3):  # onto the skin: the distance is exact only near it
        place = place - (skin.distance.sample(place) - 0.35 * thick)[:, None] * skin.distance.direction(place)
    wide = np.maximum(width * half * slender, 0.9 * SPACING)
    return Locks(place[None], skin.distance.direction(place)[None], wide[None], thick[None], strands=0.0)
