"""Pits in sculpted hair, where locks leave holes between their roots, are filled; the grooves between locks stay."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags

from training.skin_surface import MILLIMETRE

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

GROOVE = 0.9 * MILLIMETRE  # depth under the smoothed surface that hair keeps
SMOOTHING = 20  # passes: what is narrower than some six quads is smoothed away
ROUNDS = 8
SPREADING = 3  # passes in which a filling spreads to the vertices about it


def fill_pits(vertices: Array, quads: Indices) -> Array:
    """Bring the floors of pits out to a groove's depth under the smoothed surface.

    Args:
        vertices: ``[V, 3]``, head units.
        quads: outward ``[Q, 4]``.

    Returns:
        Vertices ``[V, 3]``. None goes inwards but with those about it.
    """
    mean = _mean_of_neighbours(quads, len(vertices))
    filled = vertices
    for _ in range(ROUNDS):
        smooth = filled
        for _ in range(SMOOTHING):
            smooth = 0.5 * (smooth + mean @ smooth)
        way = smooth - filled
        depth = np.einsum("vk,vk->v", way, _normals(smooth, quads)) - GROOVE
        length = np.maximum(np.linalg.norm(way, axis=1), 1e-9)
        shift = way * (depth / length).clip(0.0, 1.0)[:, None]
        for _ in range(SPREADING):
            shift = 0.5 * (shift + mean @ shift)
        filled = filled + shift
    return filled


def _mean_of_neighbours(quads: Indices, count: int) -> csr_matrix:
    """What takes values of vertices to the means of those along their edges ``[V, V]``."""
    edges = np.concatenate([quads[:, [corner, (corner + 1) % 4]] for corner in range(4)])
    edges = np.concatenate([edges, edges[:, ::-1]])
    joined = coo_matrix((np.ones(len(edges)), edges.T), (count, count)).tocsr()
    joined.data[:] = 1.0
    return diags(1.0 / np.maximum(np.asarray(joined.sum(axis=1)).ravel(), 1.0)) @ joined


def _normals(vertices: Array, quads: Indices) -> Array:
    """Unit normals of vertices ``[V, 3]``, faces weighed by area."""
    first, second, third, fourth = vertices[quads.T]
    across = np.cross(third - first, fourth - second)
    normals = np.stack([np.bincount(quads.ravel(), np.repeat(part, 4), len(vertices)) for part in across.T], axis=1)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))
