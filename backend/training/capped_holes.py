"""Open meshes made watertight."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def cap_holes(triangles: Indices) -> Indices:
    """Close every boundary loop with a fan around its first vertex, so that inside and outside are defined."""
    directed = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = {(int(a), int(b)) for a, b in directed}
    following = {b: a for a, b in edges if (b, a) not in edges}
    caps: list[Sequence[int]] = []
    while following:
        start, vertex = following.popitem()
        loop = [start]
        while vertex != start:
            loop.append(vertex)
            vertex = following.pop(vertex)
        caps.extend((loop[0], loop[i], loop[i + 1]) for i in range(1, len(loop) - 1))
    return np.concatenate([triangles, np.array(caps, dtype=np.int64).reshape(-1, 3)])
