"""The colours of a face: the template's, or an identity's own, with the tones that blood and thin skin give a face."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.topology.template import Template

Color = tuple[float, float, float]
Point = NDArray[np.float32]
PUPIL_DARKEST = 0.02  # linear: what is darker in an iris is its pupil
BROW_ROOTS = 0.02  # head units about a brow within which what is painted dark on the skin is its roots
# Factors on linear RGB where a tone is at its strongest. Blood reddens what is thin or well supplied; skin about the
# eyes is thinner and darker; foreheads are paler, and what is about the mouth is cooler.
ROSY, EARS = (1.05, 0.80, 0.78), (1.06, 0.74, 0.70)
LIDS, UNDER_EYES = (0.92, 0.82, 0.80), (0.88, 0.82, 0.85)
FOREHEAD, MUZZLE = (1.03, 1.03, 0.97), (0.95, 0.97, 0.98)
EAR_WIDTH = (0.86, 0.95)  # of the widest skin: from here to there it becomes ear


def complexion(template: Template, colors: Mapping[str, Color]) -> NDArray[np.float32]:
    """Colours ``[V, 4]`` of the template's vertices.

    Args:
        template: the template.
        colors: ``skin``, ``hair`` (brows have it too) and ``eyes`` as linear RGB; what is left out is the template's.
    """
    tinted = template.colors.copy()
    skin, brows = _vertices(template, "skin"), _vertices(template, "brows")
    plain = np.median(tinted[skin, :3], axis=0)
    roots = _brow_roots(template, skin, brows, plain)
    # A ratio keeps what is painted on the skin: lips, shades.
    tinted[skin, :3] *= (
        np.array(colors.get("skin", plain), np.float32) / plain * tones(template, template.vertices[skin])
    )
    if "eyes" in colors:
        iris = _vertices(template, "iris")
        tinted[iris[tinted[iris, :3].max(axis=1) > PUPIL_DARKEST], :3] = colors["eyes"]
    if "hair" in colors:
        tinted[brows, :3] = colors["hair"]
    if len(brows):
        shown = np.array(colors.get("skin", plain), np.float32)
        tinted[skin, :3] += roots[:, None] * (0.5 * (shown + tinted[brows, :3].mean(axis=0)) - tinted[skin, :3])
    return np.ascontiguousarray(tinted.clip(0.0, 1.0))


def tones(template: Template, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Factors ``[N, 3]`` on the colour of skin at points ``[N, 3]`` of the mean head."""
    at = {name: template.vertices[vertex] for name, vertex in template.landmarks.items()}
    factors = np.ones_like(points)
    for strength, radius, tone, place in _zones(at):
        near = strength * np.exp(-np.square(points - place).sum(axis=1) / radius**2)
        factors *= 1.0 + near[:, None] * (np.array(tone, np.float32) - 1.0)
    wide = np.abs(points[:, 0]) / np.abs(points[:, 0]).max()
    ears = np.clip((wide - EAR_WIDTH[0]) / (EAR_WIDTH[1] - EAR_WIDTH[0]), 0.0, 1.0)
    return np.asarray(factors * (1.0 + ears[:, None] * (np.array(EARS, np.float32) - 1.0)), np.float32)


def _zones(at: Mapping[str, Point]) -> list[tuple[float, float, Color, Point]]:
    """Strength, radius in head units, tone and middle of what differs, by the template's landmarks."""
    eyes = 0.5 * (at["outer_eye_left"] + at["outer_eye_right"])
    across = float(np.abs(at["outer_eye_left"][0]))
    zones: list[tuple[float, float, Color, Point]] = [
        (0.8, 0.20 * across, ROSY, at["nose_tip"]),
        (0.4, 0.28 * across, ROSY, at["chin"]),
        (0.9, 0.75 * across, FOREHEAD, eyes + np.array([0.0, 0.75 * across, 0.3 * across], np.float32)),
        (0.8, 0.45 * across, MUZZLE, 0.5 * (at["mouth_corner_left"] + at["mouth_corner_right"])),
    ]
    for side in ("left", "right"):
        outer, corner = at[f"outer_eye_{side}"], at[f"mouth_corner_{side}"]
        upper, lower = at[f"upper_lid_{side}"], at[f"lower_lid_{side}"]
        wing: Point = at["nose_tip"] + (corner - at["nose_tip"]) * np.array([0.6, 0.1, 0.5], np.float32)
        cheek = np.average([outer, corner], axis=0, weights=[0.6, 0.4]) + np.array([0.0, -0.08 * across, 0.0])
        zones += [
            (0.5, 0.42 * across, ROSY, cheek),
            (0.6, 0.14 * across, ROSY, wing),
            (0.7, 0.24 * across, LIDS, upper + np.array([0.0, 0.04 * across, 0.0], np.float32)),
            (0.5, 0.20 * across, UNDER_EYES, lower + np.array([0.0, -0.10 * across, 0.0], np.float32)),
        ]
    return zones


def _brow_roots(
    template: Template, skin: NDArray[np.int32], brows: NDArray[np.int32], plain: NDArray[np.float32]
) -> NDArray[np.float32]:
    """How much of skin vertices ``[N]`` is painted as the roots of a brow, 0 to 1."""
    if not len(brows):
        return np.zeros(len(skin), np.float32)
    near = cKDTree(template.vertices[brows]).query(template.vertices[skin])[0] < BROW_ROOTS
    dark = 1.0 - template.colors[skin, :3].mean(axis=1) / plain.mean()
    return np.asarray(np.where(near, np.clip(dark, 0.0, 1.0), 0.0), np.float32)


def _vertices(template: Template, material: str) -> NDArray[np.int32]:
    quads = template.quads[template.material_index == template.materials.index(material)]
    return np.asarray(np.unique(quads), np.int32)
