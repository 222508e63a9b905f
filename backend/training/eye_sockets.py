"""What of the skin lies behind the lids: one ring of quads that ends within the eyeball; the socket is cut off.

The back of a lid glides on the ball, and what would be just inside the ball is pushed out of it in every frame
(``facetalk.head.eyes``): only what is well inside stays put. A template's border therefore lies there, and hidden.
"""

import numpy as np
from numpy.typing import NDArray

from facetalk.head.eyes import BEHIND_LIDS
from training.quad_loops import QuadLoops

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

HIDDEN = BEHIND_LIDS + 0.0026  # head units inside the ball: on no identity is the border taken for a lid


def socket_quads(quads: Indices, lids: Indices) -> Flags:
    """Which quads ``[Q]`` are behind an edge loop of lids ``[N]``, but for the ring next to it."""
    behind, _ = behind_lids(quads, lids)
    socket = np.isin(quads, behind).any(axis=1)
    return np.asarray(socket & ~np.isin(quads, lids).any(axis=1))


def behind_lids(quads: Indices, lids: Indices) -> tuple[Indices, Indices]:
    """The vertices behind an edge loop of lids ``[N]``, and those of them on the mesh's border, in their order."""
    loops = QuadLoops(quads)
    edge = set(lids.tolist())
    sides = [_connected(loops, vertex, edge) for vertex in loops.neighbours[int(lids[0])] - edge]
    smaller = min(sides, key=len)
    behind = np.array(sorted(smaller))
    begin, end = quads.ravel(), np.roll(quads, -1, axis=1).ravel()
    size = int(quads.max()) + 1
    border = ~np.isin(begin * size + end, end * size + begin) & np.isin(begin, behind)
    following = dict(zip(begin[border].tolist(), end[border].tolist(), strict=True))
    rim = list(following)[:1]
    while rim and (vertex := following[rim[-1]]) != rim[0]:
        rim.append(vertex)
    return behind, np.array(rim, dtype=np.int64)


def hidden_border(vertices: Array, quads: Indices, lids: Indices, centre: Array, radius: float) -> Array:
    """Vertices ``[V, 3]``, those behind lids ``[N]`` right behind the nearest edge of these, ``HIDDEN`` in the ball.

    Args:
        vertices: ``[V, 3]``.
        quads: ``[Q, 4]``, with one ring behind the lids.
        lids: the edge loop.
        centre: of the ball ``[3]``.
        radius: of the ball.
    """
    loops, edge = QuadLoops(quads), set(lids.tolist())
    moved = vertices.copy()
    for vertex in behind_lids(quads, lids)[0].tolist():
        before = vertices[sorted(loops.neighbours[vertex] & edge)].mean(axis=0) - centre
        moved[vertex] = centre + before * (radius - HIDDEN) / np.linalg.norm(before)
    return moved


def _connected(loops: QuadLoops, start: int, edge: set[int]) -> set[int]:
    """What can be reached from a vertex along edges without touching ``edge``."""
    reached, fresh = {start}, [start]
    while fresh:
        following = loops.neighbours[fresh.pop()] - edge - reached
        reached |= following
        fresh += following
    return reached
