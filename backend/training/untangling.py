"""Taking faces that are turned over, or go through each other, apart again."""

import numpy as np
from numpy.typing import NDArray

from facetalk.topology.mesh_shape import tangled_faces
from facetalk.topology.surface_fit import umbrella

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

ROUNDS = 150
NARROW_ROUNDS, BACK_ROUNDS = 10, 30  # in which only tangled faces move; in which they move back, if they can
BACK, EVEN = 0.35, 0.1  # of the way, in a round
NOTHING: Indices = np.empty(0, dtype=np.int64)
UPRIGHT = 0.2  # cosine between a face and those around it: what is nearer to turning over does so on some identity


def untangled(
    moved: Array, quads: Indices, start: Array | None = None, held: Indices = NOTHING, upright: float = UPRIGHT
) -> Array:
    """Take tangled faces of a mesh apart, moving as little as that takes.

    They move back to where they were not tangled, later with those around them; what has no way back, or is still
    tangled then, is evened out.

    Args:
        moved: vertices ``[V, 3]``.
        quads: ``[Q, 4]``.
        start: the same before anything crossed, if there is such a time.
        held: vertices that stay ``[N]``.
        upright: cosine that there must be between a face and those around it.

    Raises:
        ValueError: faces are still tangled.
    """
    vertices, laplacian = moved.copy(), umbrella(quads, len(moved))
    for done in range(ROUNDS):
        tangled = tangled_faces(vertices, quads, upright)
        if not len(tangled):
            return vertices
        if done >= NARROW_ROUNDS:
            tangled = np.flatnonzero(np.isin(quads, quads[tangled]).any(axis=1))
        moving = np.setdiff1d(quads[tangled], held)
        if start is not None and done < BACK_ROUNDS:
            vertices[moving] += BACK * (start[moving] - vertices[moving])
        else:
            vertices[moving] -= EVEN * (laplacian @ vertices)[moving]
    raise ValueError(f"{len(tangled)} faces still go through each other or are turned over")
