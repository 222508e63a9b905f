"""Neighbouring teeth of a row are brought side by side, so that no dark slit is seen between them.

Crowns are shells that are open where contact hides them, and the scans' teeth stand a little apart. What faces a
neighbour slides along the row until it is at the middle of the gap; the middle of each tooth, and what is further from
its neighbour than people's teeth are (the notches at the biting edge), stays.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from facetalk.topology.connected_pieces import connected_pieces

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

APART = 0.00012  # head units (0.03 mm) that stay open between neighbours: they touch, and are never through each other
WIDEST = 0.0024  # head units that a side may slide: 0.6 mm
FRONT = 0.062  # head units from the midline: incisors and canines; further back nothing is seen between two teeth
LEVELS = 24  # heights at which the gap is measured
STEPS = 8  # along every edge
LEVEL_REACH = 1.5  # levels above and below that count as one
SMOOTH = 1.2  # levels
NOTCH = 0.0028  # head units from the biting edge within which less and less is closed
FLANK = 5.0  # exponent: how far towards the middle of the tooth its side takes the rest along


def touching(vertices: Array, quads: Indices, upper: bool) -> Array:
    """The vertices ``[V, 3]`` of a row of teeth, each tooth a shell of its own, moved until neighbours touch.

    Args:
        vertices: on the mean head, head units.
        quads: ``[Q, 4]``.
        upper: whether the biting edge is below.
    """
    moved = vertices.copy()
    teeth = _in_order(vertices, quads)
    edge = vertices[:, 1] if upper else -vertices[:, 1]
    for left, right in pairwise(teeth):
        middles = vertices[left].mean(axis=0), vertices[right].mean(axis=0)
        if max(abs(middles[0][0]), abs(middles[1][0])) > FRONT:
            continue
        along = (middles[1] - middles[0]) * [1.0, 0.0, 1.0]
        along /= np.linalg.norm(along)
        facing = (left, along, middles[0]), (right, -along, middles[1])
        outlines = [_along_edges(np.stack([edge, vertices @ way], axis=1), quads, tooth) for tooth, way, _ in facing]
        gap, heights = _gap(outlines)
        for tooth, way, middle in facing:
            far = np.interp(edge[tooth], heights, gap)
            far *= np.clip((edge[tooth] - edge[tooth].min()) / NOTCH, 0.0, 1.0) ** 0.5
            reach = (vertices[tooth] - middle) @ way
            moved[tooth] += (far * np.clip(reach / reach.max(), 0.0, 1.0) ** FLANK)[:, None] * way
    return moved


def _gap(outlines: list[Array]) -> tuple[Array, Array]:
    """Half the gap between two neighbours, none wider than ``WIDEST``, and the heights at which that is.

    Args:
        outlines: points of either tooth ``[N, 2]``: their height, and how far they reach towards the other.
    """
    low, high = (pick([pick(outline[:, 0]) for outline in outlines]) for pick in (min, max))
    heights = np.linspace(low, high, LEVELS)
    reaches = []
    for height, reach in (outline.T for outline in outlines):
        near = np.abs(height - heights[:, None]) < LEVEL_REACH * (heights[1] - heights[0])
        reaches.append(np.where(near, reach, -np.inf).max(axis=1))
    half = np.clip(0.5 * (-(reaches[0] + reaches[1]) - APART), 0.0, WIDEST)
    return np.minimum(gaussian_filter1d(half, SMOOTH, mode="nearest"), half), heights


def _along_edges(values: Array, quads: Indices, tooth: Indices) -> Array:
    """Values ``[V, 2]`` of vertices, at even steps along all edges of a tooth."""
    own = quads[np.isin(quads[:, 0], tooth)]
    ends = np.stack([own, np.roll(own, 1, axis=1)]).reshape(2, -1)
    share = np.linspace(0.0, 1.0, STEPS)[:, None, None]
    return np.asarray((1.0 - share) * values[ends[0]] + share * values[ends[1]]).reshape(-1, 2)


def _in_order(vertices: Array, quads: Indices) -> list[Indices]:
    """The vertices of every tooth, along the row from the subject's right to its left."""
    label = connected_pieces(np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2), len(vertices))
    teeth = [np.flatnonzero(label == tooth) for tooth in range(label.max() + 1)]
    behind = vertices[:, 2].min()
    turn = [np.arctan2(*(vertices[tooth].mean(axis=0) - [0.0, 0.0, behind])[[0, 2]]) for tooth in teeth]
    return [teeth[index] for index in np.argsort(turn)]
