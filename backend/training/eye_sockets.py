"""What of the skin lies behind the lids: its rings are told apart, the socket is cut off, and none is in the eyeball.

The back of a lid glides on the ball, and what would be just inside the ball is pushed out of it in every frame
(``facetalk.head.eyes``): only what is well inside stays put. A template's border therefore lies there, and hidden.
"""

import numpy as np
from numpy.typing import NDArray

from facetalk.head.eyes import LID_FILM
from training.quad_loops import QuadLoops

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

RINGS = 1  # of quads behind the lids' edge that are kept
DEEP = 4  # rings behind the edge from which on a socket is well inside the ball
CLEAR = 1.2 * LID_FILM  # head units outside it


def socket_quads(quads: Indices, lids: Indices) -> Flags:
    """Which quads ``[Q]`` are farther behind an edge loop of lids ``[N]`` than ``RINGS``."""
    behind, _ = behind_lids(quads, lids)
    reached = np.zeros(int(quads.max()) + 1, dtype=np.bool_)
    reached[lids] = True
    socket = np.isin(quads, behind).any(axis=1)
    kept = np.zeros(len(quads), dtype=np.bool_)
    for _ in range(RINGS):
        kept |= socket & reached[quads].any(axis=1)
        reached[quads[kept]] = True
    return np.asarray(socket & ~kept)


def deep_border(vertices: Array, quads: Indices, lids: Indices) -> Array:
    """Vertices ``[V, 3]`` of a skin with sockets, the ring that is to be the border as deep as the socket is."""
    loops, behind = QuadLoops(quads), set(behind_lids(quads, lids)[0].tolist())
    ways = [loops.walk(vertex, (loops.neighbours[vertex] & behind).pop()) for vertex in lids.tolist()]
    moved = vertices.copy()
    moved[[way[RINGS] for way in ways]] = vertices[[way[DEEP] for way in ways]]
    return moved


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


def clear_of_eyeball(vertices: Array, quads: Indices, lids: Indices, centre: Array, radius: float) -> Array:
    """Vertices ``[V, 3]``, those behind lids ``[N]`` outside the ball, but for the border, which is inside."""
    behind, border = behind_lids(quads, lids)
    moved = vertices.copy()
    offset = vertices - centre
    distance = np.linalg.norm(offset, axis=1, keepdims=True)
    moved[behind] = (centre + offset * np.maximum(distance, radius + CLEAR) / distance)[behind]
    moved[border] = vertices[border]
    return moved


def _connected(loops: QuadLoops, start: int, edge: set[int]) -> set[int]:
    """What can be reached from a vertex along edges without touching ``edge``."""
    reached, fresh = {start}, [start]
    while fresh:
        following = loops.neighbours[fresh.pop()] - edge - reached
        reached |= following
        fresh += following
    return reached
