"""Surfaces that go through each other where flesh and teeth never do."""

import igl
import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.evaluation.held_out_heads import EYEBALLS, LIDS, LIPS, LOWER_TEETH, SKIN, UPPER_TEETH, HeldOutHeads
from facetalk.head import eyes

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

TOLERANCE = 0.0012  # head units, 0.3 mm: less is not seen
CORNER = 0.1  # of the way from corner to corner: there the rims are one, and its creases are no crossings
TWICE = 1.5  # windings: between those of flesh and of flesh within flesh
ON_THE_WAY = (0.1, 0.4, 0.7, 1.0)  # of the tolerance, where a vertex that is as deep as that is in the other flesh
FRONT = 0.25  # radii before an eyeball's centre from which on lids lie on it


def crossings(heads: HeldOutHeads, posed: Array) -> dict[str, Flags]:
    """In which frames surfaces are through each other by more than ``TOLERANCE``.

    Args:
        heads: their topology.
        posed: vertices ``[T, V, 3]``, head units.

    Returns:
        ``[T]`` for each pair of surfaces.
    """
    lips = np.concatenate([heads.bands[LIPS].upper, heads.bands[LIPS].lower])
    upper, lower = (heads.triangles[part] for part in (UPPER_TEETH, LOWER_TEETH))
    jaw = heads.part(LOWER_TEETH)
    return {
        "lips through lips": np.array([_flesh_crosses(heads, head, LIPS) for head in posed]),
        "lids through lids": np.array([any(_flesh_crosses(heads, head, lids) for lids in LIDS) for head in posed]),
        "lids through eyeballs": np.any([_lids_cross(heads, posed, lids) for lids in LIDS], axis=0),
        "lips through teeth": np.array([_inside(head, lips, upper) or _inside(head, lips, lower) for head in posed]),
        "teeth through teeth": np.array([_inside(head, jaw, upper) for head in posed]),
    }


def sphere(points: Array) -> tuple[Array, float]:
    """Least-squares sphere through points ``[N, 3]``: centre and radius."""
    centre, radius = eyes.sphere(torch.from_numpy(points))
    return centre.numpy(), float(radius)


def _flesh_crosses(heads: HeldOutHeads, head: Array, band: str) -> bool:
    """Whether flesh about a head's rims is in two places at once, deeper than ``TOLERANCE``.

    The skin is watertight: a point inside is wound about once, and twice where two folds of flesh overlap. About a
    vertex that is ``TOLERANCE`` deep in the other fold, all of a ball of that radius is in it: so all of the way back
    into its own flesh is wound about twice. The end of the way alone may lie where the other fold overlaps by less.
    """
    rims = np.concatenate([heads.bands[band].upper, heads.bands[band].lower])
    left, right = head[list(heads.bands[band].corners), 0]
    along = (head[rims, 0] - left) / (right - left)
    seen = rims[heads.regions["head"][rims] & (along > CORNER) & (along < 1.0 - CORNER)]
    skin = heads.triangles[SKIN]
    normals = igl.per_vertex_normals(head, skin)[seen]
    way = TOLERANCE * np.array(ON_THE_WAY)[:, None, None]
    winding = igl.fast_winding_number(head, skin, (head[seen] - way * normals).reshape(-1, 3))
    return bool((winding.reshape(len(way), -1) > TWICE).all(axis=0).any())


def _lids_cross(heads: HeldOutHeads, posed: Array, lids: str) -> Flags:
    """Frames ``[T]`` in which lids are inside the eyeball, taken as a sphere: its cornea may dent them."""
    band = heads.bands[lids]
    rims = np.concatenate([band.upper, band.lower])
    eyeballs, mean = heads.part(EYEBALLS), heads.held_out.canonical[0]
    eyeball = eyeballs[np.sign(mean[eyeballs, 0]) == np.sign(mean[list(band.corners), 0].sum())]
    found = []
    for head in posed:
        centre, radius = sphere(head[eyeball])
        offset = head[rims] - centre
        deep = np.linalg.norm(offset, axis=1) < radius - TOLERANCE
        found.append(bool((deep & (offset[:, 2] > FRONT * radius)).any()))
    return np.array(found)


def _inside(head: Array, vertices: Indices, triangles: Indices) -> bool:
    """Whether any of some vertices of a head ``[V, 3]`` is deep inside a watertight part of it."""
    sign = igl.SIGNED_DISTANCE_TYPE_FAST_WINDING_NUMBER
    distance = igl.signed_distance(head[vertices], head, triangles, sign_type=sign)[0]
    return bool(distance.min() < -TOLERANCE)
