"""Finer quad meshes out of coarser ones, as Catmull and Clark have it (Computer-Aided Design 10, 1978)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Subdivision:
    """Quads split in four: old vertices keep their numbers, then come those of edges, then those of faces.

    Attributes:
        vertices: ``[V, 3]``.
        flat: the same not smoothed, on the old quads ``[V, 3]``.
        quads: ``[4 Q, 4]``, the four of a quad in the order of its corners.
        uv: ``[4 Q, 4, 2]``, per corner; not smoothed, so that seams stay where they are.
        middles: the new vertex on every old edge, by its ends, the smaller first.
    """

    vertices: Array
    flat: Array
    quads: Indices
    uv: Array
    middles: dict[tuple[int, int], int]

    def along(self, loop: Indices) -> Indices:
        """A closed edge loop of the old mesh ``[N]`` in the new one ``[2 N]``."""
        pairs = zip(loop.tolist(), np.roll(loop, -1).tolist(), strict=True)
        return np.array([vertex for a, b in pairs for vertex in (a, self.middles[min(a, b), max(a, b)])])


def subdivided(vertices: Array, quads: Indices, uv: Array) -> Subdivision:
    """Split every quad in four.

    Args:
        vertices: ``[V, 3]``.
        quads: ``[Q, 4]``.
        uv: ``[Q, 4, 2]``, per corner.
    """
    count = len(vertices)
    begin, end = quads, np.roll(quads, -1, axis=1)
    pairs = np.stack([np.minimum(begin, end), np.maximum(begin, end)], axis=-1).reshape(-1, 2)
    edges, sides = np.unique(pairs, axis=0, return_inverse=True)
    sides = sides.reshape(-1, 4)
    faces = vertices[quads].mean(axis=1)
    middles = _edge_points(vertices, edges, sides, faces)
    places = np.concatenate([_vertex_points(vertices, quads, edges, sides, faces), middles, faces])
    middle, centre = count + sides, count + len(edges) + np.arange(len(quads))
    corners = [np.stack([quads[:, k], middle[:, k], centre, middle[:, k - 1]], axis=1) for k in range(4)]
    halfway, centre_uv = 0.5 * (uv + np.roll(uv, -1, axis=1)), uv.mean(axis=1)
    corners_uv = [np.stack([uv[:, k], halfway[:, k], centre_uv, halfway[:, k - 1]], axis=1) for k in range(4)]
    return Subdivision(
        places,
        np.concatenate([vertices, vertices[edges].mean(axis=1), faces]),
        np.stack(corners, axis=1).reshape(-1, 4),
        np.stack(corners_uv, axis=1).reshape(-1, 4, 2),
        {(int(a), int(b)): count + row for row, (a, b) in enumerate(edges)},
    )


def _edge_points(vertices: Array, edges: Indices, sides: Indices, faces: Array) -> Array:
    """The mean of an edge's ends and the middles of its faces; the middle of one on the border."""
    shared = np.bincount(sides.ravel(), minlength=len(edges))
    summed = _summed(np.repeat(faces, 4, axis=0), sides.ravel(), len(edges))
    ends = vertices[edges].sum(axis=1)
    return np.where((shared == 2)[:, None], 0.25 * (ends + summed), 0.5 * ends)


def _vertex_points(vertices: Array, quads: Indices, edges: Indices, sides: Indices, faces: Array) -> Array:
    """Catmull and Clark's mean of a vertex, its edges and its faces; on the border, of it and its neighbours there."""
    count = len(vertices)
    valence = np.maximum(np.bincount(quads.ravel(), minlength=count), 1)[:, None]
    around = _summed(np.repeat(faces, 4, axis=0), quads.ravel(), count) / valence
    middles = vertices[edges].mean(axis=1)
    degree = np.maximum(np.bincount(edges.ravel(), minlength=count), 1)[:, None]
    beside = _summed(np.repeat(middles, 2, axis=0), edges.ravel(), count) / degree
    smooth = (around + 2.0 * beside + (valence - 3.0) * vertices) / valence
    border = edges[np.bincount(sides.ravel(), minlength=len(edges)) == 1]
    on_border = np.isin(np.arange(count), border)[:, None]
    neighbours = _summed(vertices[border[:, ::-1]].reshape(-1, 3), border.ravel(), count)
    return np.where(on_border, 0.75 * vertices + 0.125 * neighbours, smooth)


def _summed(values: Array, rows: Indices, count: int) -> Array:
    """Values ``[N, 3]`` summed by row ``[count, 3]``."""
    return np.stack([np.bincount(rows, values[:, axis], count) for axis in range(values.shape[1])], axis=1)
