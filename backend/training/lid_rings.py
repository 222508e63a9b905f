"""Rings of edges about an eye's opening, MakeHuman's and the kit's that answer to them."""

import numpy as np
from numpy.typing import NDArray

from training.ict_heads import IctHeads
from training.quad_loops import QuadLoops, along_marks

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# Inner and outer corner of the edge loop along which MakeHuman's lids end, and touch in a blink.
LID_CORNERS = {"left": (6850, 6805), "right": (66, 21)}
FRONT_RINGS = 3  # the edge of the lids and two rings before it: as many as the kit's rims have rows before their line
SHARP_TURN = 30.0  # degrees: where the kit's lids turn more sharply, a vertex goes


def lid_rings(loops: QuadLoops, vertices: Array, inner: int, outer: int) -> Indices:
    """The edge loop through both corners of an eye, from ``inner`` by the upper lid, and those before it ``[R, N]``.

    Raises:
        ValueError: no loop passes both.
    """
    chains = [loops.walk(inner, neighbour) for neighbour in loops.neighbours[inner]]
    closed = [chain[: chain.index(inner, 1)] for chain in chains if inner in chain[1:]]
    passing = [loop for loop in closed if outer in loop]
    if not passing:
        raise ValueError(f"no edge loop passes the vertices {inner} and {outer}")
    edge = max(passing, key=lambda loop: float(vertices[loop[1 : loop.index(outer)], 1].mean()))
    ways = [[loops.walk(vertex, other) for other in loops.neighbours[vertex] - set(edge)] for vertex in edge]
    # Behind the lids is the socket, deep in the head.
    front = [max(both, key=lambda way: float(vertices[way[:6], 2].min())) for both in ways]
    return np.array([way[:FRONT_RINGS] for way in front]).T


def kit_rings(heads: IctHeads, side: str) -> tuple[Indices, int]:
    """The kit's rings that answer to them ``[R, M]``, closed, and where among the columns the outer corner is."""
    rims = heads.rims[f"lids_{side}"]
    upper, lower = rims.vertices[:, rims.line : rims.line + FRONT_RINGS]
    if side == "right":  # its inner corner is the one of greater x
        upper, lower = upper[:, ::-1], lower[:, ::-1]
    around = np.concatenate([upper, lower[:, -2:0:-1]], axis=1)
    columns = np.sort(np.unique(around[0], return_index=True)[1])  # a short line repeats some vertices
    around = around[:, columns]
    return np.concatenate([around, around[:, :1]], axis=1), around[0].tolist().index(upper[0, -1])


def lid_places(vertices: Array, rings: Indices, outer: int, kit: Array, kit_outer: int) -> Array:
    """Where rings belong ``[R, N, 3]``, from corner to corner by the arc length along the lids' edge.

    Args:
        vertices: ``[V, 3]``.
        rings: of ``lid_rings``.
        outer: the vertex at the outer corner.
        kit: the kit's rings ``[R, M, 3]``.
        kit_outer: of ``kit_rings``.
    """
    edge = [*rings[0], rings[0, 0]]
    position = along_marks(kit[0], [0, kit_outer, len(kit[0]) - 1])
    wanted = along_marks(vertices[edge], [0, edge.index(outer), len(edge) - 1])[:-1]
    for place in position[np.flatnonzero(_turning(kit[0]) > SHARP_TURN)]:
        wanted[np.abs(wanted - place).argmin()] = place
    return np.stack(
        [np.stack([np.interp(wanted, position, ring[:, axis]) for axis in range(3)], axis=1) for ring in kit]
    )


def _turning(path: Array) -> Array:
    """By how many degrees a path ``[N, 3]`` turns at its points ``[N]``; its ends do not."""
    along = np.diff(path, axis=0)
    length = np.linalg.norm(along, axis=1)
    cosine = (along[1:] * along[:-1]).sum(axis=1) / np.maximum(length[1:] * length[:-1], 1e-12)
    return np.degrees(np.arccos(np.clip(np.concatenate([[1.0], cosine, [1.0]]), -1.0, 1.0)))
