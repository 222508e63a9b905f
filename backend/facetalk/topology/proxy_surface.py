"""Where points near a head at rest are on it in canonical pose, with upper and lower lip told apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

NORMAL_REACH = 0.05  # head units (12 mm) that opposite normals count as much as
FINER = 4  # steps along a triangle's side where it is looked for
CANDIDATES = 3  # triangles whose exact distance is taken
TELLING = 0.016  # head units (4 mm) nearer to one lip than to the other from which on that says whose a point is
UPPER, LOWER = 0, 1


@dataclass(frozen=True)
class Place:
    """Where points are on a triangle mesh.

    Attributes:
        triangle: ``[N]``.
        weights: barycentric ``[N, 3]``.
        distance: ``[N]``.
    """

    triangle: Indices
    weights: Array
    distance: Array


class ProxySurface:
    """A triangle mesh on which closest points are found that face the same way.

    Args:
        vertices: ``[V, 3]``.
        triangles: ``[F, 3]``, all of ``vertices``.
    """

    def __init__(self, vertices: Array, triangles: Indices) -> None:
        self.vertices, self.triangles = vertices, triangles
        corners = vertices[triangles]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        weights = np.array(
            [[i, j, FINER - i - j] for i in range(FINER + 1) for j in range(FINER + 1 - i)], dtype=np.float64
        )
        samples = np.einsum("sk,fkd->fsd", weights / FINER, corners).reshape(-1, 3)
        self._of_triangle = np.repeat(np.arange(len(triangles)), len(weights))
        self._tree = cKDTree(np.concatenate([samples, NORMAL_REACH * normals[self._of_triangle]], axis=1))

    def closest(self, points: Array, normals: Array) -> Place:
        """The closest places to points ``[N, 3]`` with unit normals ``[N, 3]``."""
        _, nearest = self._tree.query(np.concatenate([points, NORMAL_REACH * normals], axis=1), k=CANDIDATES)
        triangle = self._of_triangle[nearest]
        weights, distance = _on_triangles(points[:, None], self.vertices[self.triangles[triangle]])
        best = distance.argmin(axis=1)
        row = np.arange(len(points))
        return Place(triangle[row, best], weights[row, best], distance[row, best])


def lips_told_apart(
    points: Array, edges: Indices, upper: ProxySurface, lower: ProxySurface, normals: Array, near: Flags
) -> Indices:
    """Which lip's points are: what is plainly nearer to one says so, the rest follows along the mesh.

    At shut lips the nearest surface is as likely the other lip's; but from a lip's inner edge one comes sooner to
    its own outer side than, by the corner of the mouth, to the other lip's.

    Args:
        points: ``[N, 3]``.
        edges: of their mesh ``[E, 2]``.
        upper, lower: the surfaces above and below the line between the lips.
        normals: of the points ``[N, 3]``.
        near: which points are about the mouth ``[N]``; others are not asked.

    Returns:
        ``UPPER`` or ``LOWER`` for every point ``[N]``.
    """
    rows = np.flatnonzero(near)
    above = upper.closest(points[rows], normals[rows]).distance
    below = lower.closest(points[rows], normals[rows]).distance
    sides = np.full(len(points), UPPER)
    sides[rows] = np.where(below < above, LOWER, UPPER)
    sure = np.abs(above - below) > TELLING
    if sure.all() or not len(rows):
        return sides
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1) + 1e-9
    graph = coo_matrix((length, (edges[:, 0], edges[:, 1])), shape=(len(points),) * 2).tocsr()
    ways = []
    for side in (UPPER, LOWER):
        seeds = rows[sure & (sides[rows] == side)]
        if not len(seeds):
            return sides
        ways.append(dijkstra(graph, directed=False, indices=seeds, min_only=True))
    unsure = rows[~sure]
    reached = np.isfinite(ways[UPPER][unsure]) | np.isfinite(ways[LOWER][unsure])
    unsure = unsure[reached]
    sides[unsure] = np.where(ways[LOWER][unsure] < ways[UPPER][unsure], LOWER, UPPER)
    return sides


def _on_triangles(points: Array, corners: Array) -> tuple[Array, Array]:
    """Barycentric weights ``[..., 3]`` of the closest points on triangles ``[..., 3, 3]``, and distances ``[...]``.

    The plane's weights if they are inside, else those of the nearest point on the three sides.
    """
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    area = np.maximum(d00 * d11 - d01 * d01, 1e-20)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    plane = np.stack([1.0 - v - w, v, w], axis=-1)
    choices = [np.where((plane >= 0.0).all(-1, keepdims=True), plane, np.nan)]
    for first, second in ((0, 1), (1, 2), (2, 0)):
        side = corners[..., second, :] - corners[..., first, :]
        share = ((points - corners[..., first, :]) * side).sum(-1) / np.maximum((side * side).sum(-1), 1e-20)
        share = np.clip(share, 0.0, 1.0)
        weights = np.zeros_like(plane)
        weights[..., first], weights[..., second] = 1.0 - share, share
        choices.append(weights)
    stacked = np.stack(choices)
    places = np.einsum("s...k,...kd->s...d", stacked, corners)
    distance = np.nan_to_num(np.linalg.norm(places - points, axis=-1), nan=np.inf)
    best = distance.argmin(axis=0)
    weights = np.take_along_axis(stacked, best[None, ..., None], axis=0)[0]
    return weights, np.take_along_axis(distance, best[None], axis=0)[0]
