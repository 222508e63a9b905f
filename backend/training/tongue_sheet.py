"""The sheet of gums, palate and tongue: which of it is tongue, and room between the tongue and the floor under it."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from facetalk.topology.mesh_shape import triangulated

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

# The back of the tongue along its middle, on the average head: from there it is farther to the gums than along itself.
RIDGE_LOW, RIDGE_HIGH = (-0.01, -0.25, -0.1), (0.01, -0.19, 0.13)
THROAT_ENDS = 0.04  # head units from the sheet's end: what has its border there is throat that was cut through
UPPER_JAW = -0.22  # y above which the sheet is palate, or the back of the tongue
APART = 0.0032  # head units (0.8 mm) between the tongue and what is under it, for it to leave without tearing
ROUNDS = 6


def tongue_of(vertices: Array, quads: Indices) -> Flags:
    """Which vertices ``[V]`` of the sheet of the average head are tongue: those to which it is nearer along the sheet
    from the tongue's back than from the lower border of the gums.

    Args:
        vertices: ``[V, 3]``, head units, in canonical pose.
        quads: ``[Q, 4]``.
    """
    ridge = np.flatnonzero(((vertices > RIDGE_LOW) & (vertices < RIDGE_HIGH)).all(axis=1))
    begin, end = quads.ravel(), np.roll(quads, -1, axis=1).ravel()
    rim = begin[~np.isin(begin * len(vertices) + end, end * len(vertices) + begin)]
    throat = max(RIDGE_LOW[2], vertices[:, 2].min() + THROAT_ENDS)
    gums = rim[(vertices[rim, 1] < UPPER_JAW) & (vertices[rim, 2] > throat)]
    length = np.linalg.norm(vertices[begin] - vertices[end], axis=1)
    graph = coo_matrix((length, (begin, end)), shape=(len(vertices),) * 2).tocsr()
    from_ridge, from_gums = (dijkstra(graph, directed=False, indices=seeds, min_only=True) for seeds in (ridge, gums))
    return np.asarray(from_ridge < from_gums)


def apart(vertices: Array, quads: Indices, tongue: Flags) -> Array:
    """Vertices ``[V, 3]`` of the sheet with the tongue ``[V]`` clear of the floor under it, by ``APART``.

    Both give way by half, straight up and down. Where the two are one piece they stay so.
    """
    moved = vertices.copy()
    of_tongue = tongue[quads]
    floor = ~of_tongue.any(axis=1) & (vertices[quads][:, :, 1].mean(axis=1) < UPPER_JAW)
    sheets = (quads[of_tongue.all(axis=1)], quads[floor])
    for _ in range(ROUNDS):
        shift = np.zeros(len(vertices))
        for own, other, up in ((sheets[0], sheets[1], 1.0), (sheets[1], sheets[0], -1.0)):
            rows = np.unique(own)
            gap = _gap(moved[rows], moved, other, up)
            shift[rows] = 0.5 * up * np.clip(APART - gap, 0.0, APART)
        moved[:, 1] += shift
    return moved


def _gap(points: Array, vertices: Array, quads: Indices, up: float) -> Array:
    """How far points ``[N, 3]`` are above the quads (below, for ``up`` -1), straight down (up); infinite if nowhere."""
    corners = vertices[triangulated(quads)]
    gap = np.full(len(points), np.inf)
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    turn = ab[:, 0] * ac[:, 2] - ab[:, 2] * ac[:, 0]
    for row, point in enumerate(points):
        offset = point - a
        with np.errstate(divide="ignore", invalid="ignore"):
            along = (offset[:, 0] * ac[:, 2] - offset[:, 2] * ac[:, 0]) / turn
            across = (ab[:, 0] * offset[:, 2] - ab[:, 2] * offset[:, 0]) / turn
            hit = (along >= 0.0) & (across >= 0.0) & (along + across <= 1.0)
        over = up * (offset[hit, 1] - along[hit] * ab[hit, 1] - across[hit] * ac[hit, 1])
        if len(over):
            gap[row] = over[np.abs(over).argmin()]
    return gap
