"""Moving a mesh onto a surface without spoiling it: linear solves with a penalty on bending."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.sparse import coo_matrix, csc_matrix, diags
from scipy.sparse.linalg import splu

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


def umbrella(quads: Indices, size: int) -> csc_matrix:
    """Uniform graph Laplacian ``[V, V]`` of a mesh: a vertex minus the mean of its neighbours."""
    rows = np.concatenate([quads.ravel(), np.roll(quads, -1, axis=1).ravel()])
    columns = np.concatenate([np.roll(quads, -1, axis=1).ravel(), quads.ravel()])
    adjacency = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(size, size)).tocsr()
    adjacency.data[:] = 1.0
    degree = np.maximum(np.asarray(adjacency.sum(axis=1)).ravel(), 1.0)
    return csc_matrix(diags(np.ones(size)) - diags(1.0 / degree) @ adjacency)


def fit_to_surface(
    start: Array,
    laplacian: csc_matrix,
    closest: Callable[[Array], tuple[Array, Array]],
    stiffness: list[float],
    pinned: tuple[Indices, Array, float] | None = None,
) -> Array:
    """Move vertices onto a surface, each step minimising distance plus bending of the displacement from ``start``.

    Args:
        start: vertices ``[V, 3]``.
        laplacian: from ``umbrella``.
        closest: for vertices ``[V, 3]``, a target ``[V, 3]`` and a weight ``[V]`` each (0: leave it to its neighbours).
        stiffness: bending weight of every step, falling.
        pinned: vertices ``[N]``, where they should go ``[N, 3]``, and the weight of that.

    Returns:
        Moved vertices ``[V, 3]``.
    """
    bending = (laplacian.T @ laplacian).tocsc()
    vertices = start.copy()
    for weight in stiffness:
        target, attraction = closest(vertices)
        pull = attraction.copy()
        goal = target - start
        if pinned is not None:
            indices, places, strength = pinned
            pull[indices] = strength
            goal[indices] = places - start[indices]
        # The tiny identity keeps the system regular where nothing pulls.
        system = diags(pull + 1e-6) + weight * bending
        vertices = start + splu(system.tocsc()).solve(pull[:, None] * goal)
    return vertices


def warp(points: Array, source: Array, target: Array, smoothing: float = 0.0) -> Array:
    """Carry points ``[N, 3]`` along by the thin-plate warp that takes landmarks ``source`` to ``target`` ``[L, 3]``."""
    spline = RBFInterpolator(source, target - source, kernel="linear", smoothing=smoothing, degree=1)
    return np.asarray(points + spline(points))
