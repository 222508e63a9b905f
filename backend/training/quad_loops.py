"""Edge loops of quad meshes: the lines along which an artist's topology follows lips and lids."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

LONGEST = 60  # vertices of an open chain that are walked


class QuadLoops:
    """Walks edge loops.

    Args:
        quads: ``[Q, 4]`` vertex indices; a triangle has -1 in its last column.
    """

    def __init__(self, quads: Indices) -> None:
        self._faces = [[int(vertex) for vertex in quad if vertex >= 0] for quad in quads]
        self.neighbours: dict[int, set[int]] = defaultdict(set)
        self._faces_of: dict[int, set[int]] = defaultdict(set)
        for index, face in enumerate(self._faces):
            for a, b in zip(face, face[1:] + face[:1], strict=True):
                self.neighbours[a].add(b)
                self.neighbours[b].add(a)
                self._faces_of[a].add(index)

    def loop(self, first: int, second: int) -> list[int]:
        """The closed edge loop that runs from ``first`` to ``second``, without repeating its start.

        Raises:
            ValueError: the loop ends at an irregular vertex.
        """
        path = [first, second]
        while True:
            following = self._opposite(path[-2], path[-1])
            if following is None or len(path) > 2000:
                raise ValueError(f"the edge loop from vertex {first} ends at vertex {path[-1]}")
            if following == first:
                return path
            path.append(following)

    def walk(self, first: int, second: int) -> list[int]:
        """The edge chain that begins with ``first`` and ``second``, up to an irregular vertex or ``LONGEST``."""
        path = [first, second]
        while len(path) < LONGEST and (following := self._opposite(path[-2], path[-1])) is not None:
            path.append(following)
        return path

    def _opposite(self, before: int, vertex: int) -> int | None:
        if len(self.neighbours[vertex]) != 4:
            return None
        shared = [face for face in self._faces_of[vertex] if before in self._faces[face]]
        across = [
            other
            for other in self.neighbours[vertex]
            if other != before and not any(other in self._faces[face] for face in shared)
        ]
        return across[0] if len(across) == 1 else None


def mouth_loop(loops: QuadLoops, vertices: Array, upper: int, lower: int) -> list[int]:
    """The loop around a mouth through two midline vertices: from ``upper`` by the left corner (+x) to ``lower``."""
    start = max(loops.neighbours[upper], key=lambda vertex: float(vertices[vertex, 0]))
    loop = loops.loop(upper, start)
    if lower not in loop:
        raise ValueError(f"the loop through vertex {upper} does not pass vertex {lower}")
    return loop


def quarter_position(loop: Array) -> Array:
    """Where the vertices of a mouth loop lie along it, by arc length.

    0 is the upper midline, 1 the left corner, 2 the lower midline, 3 the right corner.
    """
    left, right = int(loop[:, 0].argmax()), int(loop[:, 0].argmin())
    lower = left + int(np.abs(loop[left:right, 0]).argmin())
    return along_marks(np.concatenate([loop, loop[:1]]), [0, left, lower, right, len(loop)])[:-1]


def along_marks(path: Array, marks: Sequence[int]) -> Array:
    """Where the points of a path ``[N, 3]`` lie along it by arc length ``[N]``: ``i`` at its ``i``-th mark."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    return np.interp(length, length[list(marks)], np.arange(float(len(marks))))
