"""The fronts of brows in even rows and columns of quads, for meshes that have none to spare for their backs."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.head.meshing import TriangleMesh
from facetalk.topology.connected_pieces import connected_pieces

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

TIP = 0.045  # of a brow's length at either end, beyond which it is too thin for quads
SMOOTHINGS = 3  # of the edges along a brow
NEAREST = 8  # vertices of the surface, as seen from ahead, of which the foremost is its front


def brow_fronts(mesh: TriangleMesh, rows: int, columns: int, settle: Callable[[Array], Array]) -> tuple[Array, Indices]:
    """Quads over the fronts of both brows, from their lower to their upper edge.

    Args:
        mesh: the brows' closed surfaces, head units; the two largest pieces count.
        rows: of quads across a brow.
        columns: along it.
        settle: brings vertices ``[N, 3]`` to the brows' surface.

    Returns:
        Vertices ``[V, 3]`` and quads ``[Q, 4]``, counter-clockwise from outside.
    """
    label = connected_pieces(mesh.triangles, len(mesh.vertices))
    grids = []
    for piece in np.bincount(label).argsort()[::-1][:2]:
        grids.append(_front(mesh.vertices[label == piece], rows, columns))
    size = (rows + 1) * (columns + 1)
    index = np.arange(size).reshape(rows + 1, columns + 1)
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], axis=-1).reshape(-1, 4)
    return settle(np.concatenate(grids)), np.concatenate([quads + size * number for number in range(len(grids))])


def _front(brow: Array, rows: int, columns: int) -> Array:
    """Grid ``[(rows + 1) (columns + 1), 3]`` over the front of one brow ``[N, 3]``, columns leading towards +x."""
    chord = (brow[brow[:, 0].argmax()] - brow[brow[:, 0].argmin()]) * [1.0, 0.0, 1.0]
    chord /= np.linalg.norm(chord)
    axes = np.stack([chord, [0.0, 1.0, 0.0], np.cross(chord, [0.0, 1.0, 0.0])])
    along, height, ahead = axes @ brow.T
    places = along.min() + np.ptp(along) * np.linspace(TIP, 1.0 - TIP, columns + 1)
    reach = 0.5 * np.ptp(along) / columns
    sections = [height[np.abs(along - place) < reach] for place in places]
    edges = np.array([[section.min(), section.max()] for section in sections])
    for _ in range(SMOOTHINGS):
        edges[1:-1] = 0.5 * edges[1:-1] + 0.25 * (edges[:-2] + edges[2:])
    heights = np.linspace(edges[:, 0], edges[:, 1], rows + 1)
    grid = np.stack([np.broadcast_to(places, heights.shape), heights], axis=-1).reshape(-1, 2)
    near = cKDTree(np.stack([along, height], axis=1)).query(grid, k=NEAREST)[1]
    return np.asarray(np.concatenate([grid, ahead[near].max(axis=1, keepdims=True)], axis=1) @ axes)
