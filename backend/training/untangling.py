"""Taking faces that are turned over, or go through each other, apart again."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from facetalk.topology.mesh_shape import crossing_faces, turned_over
from facetalk.topology.surface_fit import umbrella

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Carry = Callable[[Array], Array]
"""Takes vertices ``[V, 3]`` of the mean head to an identity."""

ROUNDS, ROUNDS_EVERYWHERE = 150, 24
NARROW_ROUNDS, BACK_ROUNDS = 10, 30  # in which only tangled faces move; in which they move back, if they can
BACK, EVEN = 0.35, 0.1  # of the way, in a round
NOTHING: Indices = np.empty(0, dtype=np.int64)
WIDENING = 6  # rounds after which what is around the faces that are tangled on some identity moves with them
CARRIED_UPRIGHT = 0.05  # cosine between a face and those around it on an identity that is looked at
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


def untangled_everywhere(
    start: Array, quads: Indices, carries: Sequence[Carry], settle: Carry, held: Indices = NOTHING
) -> Array:
    """Even out what is tangled on any of some identities, until nothing is, or as far as that goes.

    Args:
        start: vertices on the mean head ``[V, 3]``.
        quads: ``[Q, 4]``.
        carries: take them to the identities.
        settle: brings what has moved ``[N, 3]`` back to the mean head's surface.
        held: vertices that stay ``[N]``.

    Returns:
        The vertices in the round in which the fewest faces were tangled.
    """
    vertices, laplacian = start.copy(), umbrella(quads, len(start))
    best, fewest = start, len(quads) * len(carries)
    left = list(carries)
    for done in range(ROUNDS_EVERYWHERE):
        found = [tangled_faces(carry(vertices), quads, CARRIED_UPRIGHT) for carry in left]
        count = sum(len(faces) for faces in found)
        if not count and len(left) == len(carries):
            return vertices
        if len(left) == len(carries) and count < fewest:
            best, fewest = vertices.copy(), count
        left = [carry for carry, faces in zip(left, found, strict=True) if len(faces)] or list(carries)
        if not count:
            continue
        tangled = np.unique(np.concatenate(found))
        if done >= WIDENING:
            tangled = np.flatnonzero(np.isin(quads, quads[tangled]).any(axis=1))
        moving = np.setdiff1d(quads[tangled], held)
        if not len(moving) and done >= WIDENING:
            return best
        vertices[moving] -= EVEN * (laplacian @ vertices)[moving]
        vertices[moving] = settle(vertices[moving])
    return best


def tangled_faces(vertices: Array, quads: Indices, upright: float = 0.0) -> Indices:
    """The faces ``[N]`` that go through others, or lean from those around them by more than ``upright`` allows."""
    return np.union1d(crossing_faces(vertices, quads), np.flatnonzero(turned_over(vertices, quads, upright)))
