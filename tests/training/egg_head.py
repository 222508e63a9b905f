"""A head shaped like an egg, about as large as a real one: the smallest thing that hair can be sculpted on."""

import numpy as np
from numpy.typing import NDArray

from training.quad_parts import box_sphere
from training.skin_surface import MILLIMETRE, SkinSurface

COARSE = 8.0 * MILLIMETRE
CENTRE = np.array([0.0, 0.04, -0.2])
RADII = np.array([0.30, 0.47, 0.40])


def egg_head() -> SkinSurface:
    directions, quads = box_sphere(24)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return SkinSurface(CENTRE + RADII * directions, triangles, COARSE)


def brow_landmarks() -> NDArray[np.float64]:
    """Landmarks 17 to 26 of the egg, ``[10, 3]``."""
    x = np.array([-0.2, -0.16, -0.12, -0.08, -0.04, 0.04, 0.08, 0.12, 0.16, 0.2])
    y = 0.18 - 1.2 * np.maximum(np.abs(x) - 0.12, 0.0)
    rest = 1.0 - (x / RADII[0]) ** 2 - ((y - CENTRE[1]) / RADII[1]) ** 2
    return np.stack([x, y, CENTRE[2] + RADII[2] * np.sqrt(rest)], axis=1)


def pieces_if_watertight(triangles: NDArray[np.int64]) -> int:
    """The number of pieces of a mesh whose every edge has two triangles, which run along it in opposite ways."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    directed, count = np.unique(edges, axis=0, return_counts=True)
    assert (count == 1).all()
    assert {tuple(edge) for edge in directed.tolist()} == {tuple(edge) for edge in directed[:, ::-1].tolist()}
    size = int(triangles.max()) + 1
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(size, size))
    return int(connected_components(graph, directed=False)[0])


def volume(vertices: NDArray[np.float64], triangles: NDArray[np.int64]) -> float:
    """Signed volume: positive where triangles face outwards."""
    a, b, c = np.moveaxis(vertices[triangles], 1, 0)
    return float((np.cross(a, b) * c).sum() / 6.0)
