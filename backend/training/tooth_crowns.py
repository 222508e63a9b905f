"""Crowns of teeth in quads, each tooth a shell of its own, open where it disappears in the gum."""

from collections.abc import Callable

import igl
import numpy as np
from numpy.typing import NDArray

from training.ict_heads import IctHeads
from training.quad_parts import box_sphere

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Distance = Callable[[Array], Array]

CROWN_HEIGHT = 0.052  # head units, a little of it in the gum
FRONT_TEETH_WITHIN = 0.075  # head units from the midline: incisors and canines
LEEWAY = 1.15  # of the way to the box's sides: the surface may lie a little outside the kit's
SAMPLES = 64  # along every ray
HIDDEN = 0.0005  # head units inside the row's surface (0.13 mm): where teeth touch
BETWEEN = 0.0008  # head units kept between neighbours


def tooth_crowns(
    heads: IctHeads, canonical: Array, row: str, distance: Distance, sides: tuple[int, int], whole: bool = False
) -> tuple[Array, Indices]:
    """The crowns of a row of teeth.

    A sphere is blown up within every tooth, to the first surface it meets or to where a neighbour is nearer.

    Args:
        heads: know which vertices are which tooth.
        canonical: their average in canonical pose ``[V, 3]``.
        row: ``upper_teeth`` or ``lower_teeth``.
        distance: signed distance ``[N]`` of points ``[N, 3]`` to the row, negative inside.
        sides: quads along a side of the box of a front tooth and of a back tooth.
        whole: whether quads stay that are hidden in part, which leaves no gaps where they are large.

    Returns:
        Vertices ``[V, 3]`` and quads ``[Q, 4]``.
    """
    triangles = heads.triangles_of[row]
    vertices, quads, count = [], [], 0
    for tooth in heads.teeth[row]:
        own = np.isin(triangles[:, 0], tooth)

        def apart(points: Array, own: NDArray[np.bool_] = own) -> Array:
            return 0.5 * (_inside(points, canonical, triangles[own]) - _inside(points, canonical, triangles[~own]))

        crown, faces = _crown(canonical[tooth], row == "upper_teeth", distance, apart, sides, whole)
        vertices.append(crown)
        quads.append(faces + count)
        count += len(crown)
    return np.concatenate(vertices), np.concatenate(quads)


def _crown(
    tooth: Array, upper: bool, distance: Distance, apart: Distance, sides: tuple[int, int], whole: bool
) -> tuple[Array, Indices]:
    """One crown, from a tooth's vertices ``[N, 3]`` and two distances that are negative within it."""
    low, high = tooth.min(axis=0), tooth.max(axis=0)
    # Roots never show: all quads go to the crown.
    neck = min(high[1], low[1] + CROWN_HEIGHT) if upper else max(low[1], high[1] - CROWN_HEIGHT)
    crown = tooth[tooth[:, 1] <= neck] if upper else tooth[tooth[:, 1] >= neck]
    low, high = crown.min(axis=0), crown.max(axis=0)
    front = abs(low[0] + high[0]) < 2 * FRONT_TEETH_WITHIN
    directions, quads = box_sphere(sides[0] if front else sides[1])
    middle = crown.mean(axis=0)
    room = np.where(directions > 0.0, high - middle, middle - low)
    rays = directions * LEEWAY * room / np.abs(directions).max(axis=1, keepdims=True)
    points = middle + np.linspace(0.0, 1.0, SAMPLES)[:, None, None] * rays
    flat = points.reshape(-1, 3)
    beyond_neck = flat[:, 1] - neck if upper else neck - flat[:, 1]
    limits = np.stack([distance(flat), apart(flat) + 0.5 * BETWEEN, beyond_neck]).reshape(3, SAMPLES, -1)
    reach = first_crossing(limits.max(axis=0))
    nearest = np.minimum(np.ceil(reach * (SAMPLES - 1)).astype(np.int64), SAMPLES - 1)
    column = np.arange(len(rays))
    cap = limits[:, nearest, column].argmax(axis=0) == 2
    # What the neck hides in the gum, and contact in the neighbour, is left open.
    hidden = cap | (limits[0, nearest, column] < -HIDDEN)
    vertices = middle + reach[:, None] * rays
    kept = quads[~(hidden[quads].all(axis=1) if whole else hidden[quads].any(axis=1))]
    used, compact = np.unique(kept, return_inverse=True)
    return vertices[used], compact.reshape(-1, 4)


def first_crossing(values: Array) -> Array:
    """Where values ``[S, N]`` at even steps first rise above zero, 0 to 1 ``[N]``; 1 where they never do."""
    outside = values > 0.0
    hit = np.where(outside.any(axis=0), outside.argmax(axis=0), len(values) - 1)
    before, column = np.maximum(hit - 1, 0), np.arange(values.shape[1])
    inner, outer = values[before, column], values[hit, column]
    share = np.where(outer > 0.0, inner / np.minimum(inner - outer, -1e-9), 1.0)
    return np.asarray((before + np.clip(share, 0.0, 1.0)) / (len(values) - 1))


def _inside(points: Array, vertices: Array, triangles: Indices) -> Array:
    """Signed distance ``[N]`` to a watertight mesh, negative inside."""
    sign = igl.SIGNED_DISTANCE_TYPE_FAST_WINDING_NUMBER
    return np.asarray(igl.signed_distance(np.ascontiguousarray(points), vertices, triangles, sign_type=sign)[0])
