"""Taking faces that are turned over, or go through each other, apart again."""

import numpy as np
from numpy.typing import NDArray

from facetalk.topology.mesh_shape import crossing_faces, turned_over
from facetalk.topology.surface_fit import umbrella

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

ROUNDS = 60
STEP = 0.35  # of the way, in a round


def untangled(start: Array, moved: Array, quads: Indices) -> Array:
    """Take tangled faces of a mesh apart, moving as little as that takes.

    Faces that go through each other move back to where they did not; what is turned over is evened out.

    Args:
        start: vertices ``[V, 3]`` without crossings.
        moved: the same with some.
        quads: ``[Q, 4]``.

    Raises:
        ValueError: faces are still tangled.
    """
    vertices, laplacian = moved.copy(), umbrella(quads, len(moved))
    for _ in range(ROUNDS):
        crossing, turned = crossing_faces(vertices, quads), np.flatnonzero(turned_over(vertices, quads))
        if not len(crossing) and not len(turned):
            return vertices
        near = np.unique(quads[crossing])
        vertices[near] += STEP * (start[near] - vertices[near])
        uneven = np.unique(quads[turned])
        vertices[uneven] -= STEP * (laplacian @ vertices)[uneven]
    raise ValueError(f"{len(crossing)} faces still go through each other, {len(turned)} are still turned over")
