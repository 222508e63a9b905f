"""The rings of edges about the mouth that a coarser skin keeps: where lips touch, their middle, the end of their red.

With few vertices two lips that touch leave gaps between their edges, unless those of either face those of the other.
And paint, which vertices carry, ends where vertices are.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.quad_loops import QuadLoops, mouth_loop, quarter_position
from training.skin_fit import SkinFit, closed_mouth
from training.template_paint import lip_weight

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# Midline vertices of MakeHuman (upper lip, lower lip) of rings from where lips touch outwards, one next to the other.
RINGS = ((474, 493), (468, 494), (509, 513), (467, 495), (466, 496), (455, 492), (362, 5337), (5342, 491))
RED_ENDS = 4  # the ring that is put on the end of the red
KEPT = (0, 2, RED_ENDS, 5)  # by a coarser skin; the last is where paint is the skin's again
OUTWARDS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.65, 2.0)  # of every ring: 1 is the end of the red, 2 the last ring
# Of the vertices of a lip's half, from its middle to the corner of the mouth: every one of the lower lip faces another.
LOWER = np.array([0.0, 0.18, 0.36, 0.53, 0.69, 0.83, 0.94, 1.0])
UPPER = np.sort([*LOWER, 0.09, 0.27, 0.445])


def lip_rings(fit: SkinFit, skin: Array, quads: Indices, rows: dict[int, int]) -> Indices:
    """The rings ``[8, N]``, from the upper lip's middle by the left corner; columns lead outwards.

    Args:
        fit: the fit that the skin comes from.
        skin: its vertices ``[V, 3]``.
        quads: ``[Q, 4]``.
        rows: of MakeHuman's vertices in ``skin``.
    """
    loops = QuadLoops(quads)
    return np.array([mouth_loop(loops, skin, rows[upper], rows[lower]) for upper, lower in RINGS])


def on_the_red(fit: SkinFit, skin: Array, rings: Indices) -> Array:
    """Skin vertices ``[V, 3]``, those of rings ``[8, N]`` moved along their columns so that one rings the lips' red."""
    weight = lip_weight(closed_mouth(fit, skin), fit.heads.neutral)
    moved = skin.copy()
    for column in rings.T:
        path = skin[column]
        length = np.concatenate([[0.0], np.linalg.norm(np.diff(path, axis=0), axis=1).cumsum()])
        pale = int(np.flatnonzero(weight[column] < 0.5)[0])
        share = (weight[column[pale - 1]] - 0.5) / (weight[column[pale - 1]] - weight[column[pale]])
        red = length[pale - 1] + share * (length[pale] - length[pale - 1])
        places = np.interp(OUTWARDS, [0.0, 1.0, 2.0], [0.0, red, length[-1]])
        moved[column] = np.stack([np.interp(places, length, path[:, axis]) for axis in range(3)], axis=1)
    return moved


def lower_edges(ring: Indices, middle: int) -> Indices:
    """The edges ``[N, 2]`` of a ring from one corner of the mouth to the other, by a vertex in the lower lip's middle.

    MakeHuman's lower lip has half as many as its upper one: a coarser skin has them all.
    """
    centre, reach = int(np.flatnonzero(ring == middle)[0]), len(LOWER) - 1
    lower = ring[centre - reach : centre + reach + 1]
    return np.stack([lower[:-1], lower[1:]], axis=1)


def face_to_face(skin: Array, finer: Sequence[Array], rings: Sequence[Indices]) -> Array:
    """Skin vertices ``[V, 3]`` with those of rings spread along these, the lower lip's opposite some of the upper's.

    Args:
        skin: a coarser skin ``[V, 3]``.
        finer: the rings as they were ``[M, 3]``.
        rings: the same now ``[N]`` each.

    Raises:
        ValueError: upper and lower lip have other numbers of vertices than they should.
    """
    wanted = np.concatenate([UPPER[:-1], 2.0 - LOWER[:0:-1], 2.0 + LOWER[:-1], 4.0 - UPPER[:0:-1]])
    moved = skin.copy()
    for line, ring in zip(finer, rings, strict=True):
        if len(ring) != len(wanted):
            raise ValueError(f"a ring about the mouth has {len(ring)} vertices in place of {len(wanted)}")
        position = np.concatenate([quarter_position(line), [4.0]])
        closed = np.concatenate([line, line[:1]])
        moved[ring] = np.stack([np.interp(wanted, position, closed[:, axis]) for axis in range(3)], axis=1)
    return moved
