"""What is wrong with quads, if anything: corners too sharp or blunt, faces turned over, faces through each other."""

import igl.copyleft.cgal
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

SHARP, BLUNT = 20.0, 160.0  # degrees: a quad with a corner beyond these is a bad one


def triangulated(quads: Indices) -> Indices:
    """Two triangles ``[2 Q, 3]`` for every quad: triangles ``i`` and ``Q + i`` are those of quad ``i``."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int64)


def corner_angles(vertices: Array, quads: Indices) -> Array:
    """The angles of all corners ``[Q, 4]``, degrees."""
    corners = vertices[quads]
    ahead, behind = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
    length = np.linalg.norm(ahead, axis=-1) * np.linalg.norm(behind, axis=-1)
    return np.degrees(np.arccos(np.clip((ahead * behind).sum(axis=-1) / np.maximum(length, 1e-12), -1.0, 1.0)))


def bad_quads(vertices: Array, quads: Indices) -> Flags:
    """Which quads ``[Q]`` have a corner below ``SHARP`` or above ``BLUNT``."""
    angles = corner_angles(vertices, quads)
    return np.asarray((angles.min(axis=1) < SHARP) | (angles.max(axis=1) > BLUNT))


def turned_over(vertices: Array, quads: Indices, least: float = 0.0) -> Flags:
    """Which quads ``[Q]`` face away from what all the quads around them face on average.

    A fold shows so on any sheet, closed or open, wherever inside and outside are.

    Args:
        vertices: ``[V, 3]``.
        quads: ``[Q, 4]``.
        least: cosine that there must be between the two; above 0 it finds what is all but turned over as well.
    """
    corners = vertices[quads]
    area = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    summed = np.zeros_like(vertices)
    for column in range(4):
        np.add.at(summed, quads[:, column], area)
    around = summed[quads].sum(axis=1) - 4.0 * area
    limit = least * np.linalg.norm(around, axis=1) * np.linalg.norm(area, axis=1)
    return np.asarray((around * area).sum(axis=1) < limit)


def crossing_faces(vertices: Array, quads: Indices) -> Indices:
    """The quads ``[N]`` that go through others of the same mesh, exactly (CGAL, as libigl offers it)."""
    pairs = igl.copyleft.cgal.remesh_self_intersections(
        np.ascontiguousarray(vertices, dtype=np.float64), triangulated(quads), detect_only=True
    )[2]
    return np.unique(np.asarray(pairs, dtype=np.int64) % len(quads))


def tangled_faces(vertices: Array, quads: Indices, upright: float = 0.0) -> Indices:
    """The quads ``[N]`` that go through others, or lean from those around them by more than ``upright`` allows."""
    return np.union1d(crossing_faces(vertices, quads), np.flatnonzero(turned_over(vertices, quads, upright)))
