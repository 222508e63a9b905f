"""Getting rid of the triangles of a quad mesh: strips of quads that begin at one are folded shut."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Edge = tuple[int, int]


def without_triangles(vertices: Array, faces: Indices) -> tuple[Array, Indices]:
    """The same surface in quads alone.

    A strip of quads, passed from one side of each to the side across, that begins at a triangle ends at another or at
    the mesh's border. Joining the two ends of every rung takes the strip away, and the triangles with it. The shortest
    strips go first.

    Args:
        vertices: ``[V, 3]``.
        faces: ``[F, 4]``; a triangle has -1 in its last column.

    Returns:
        Vertices ``[W, 3]``, joined ones in their middle, and quads ``[Q, 4]``.

    Raises:
        ValueError: a triangle is left from which no strip can be folded.
    """
    polygons = [[int(vertex) for vertex in face if vertex >= 0] for face in faces]
    places = vertices.copy()
    while any(len(polygon) == 3 for polygon in polygons):
        polygons = _fold(places, polygons, _shortest_strip(polygons))
    used, compact = np.unique(np.array(polygons), return_inverse=True)
    return places[used], compact.reshape(-1, 4)


def _shortest_strip(polygons: list[list[int]]) -> list[Edge]:
    """The rungs of the shortest strip from any triangle."""
    beside: dict[frozenset[int], list[int]] = {}
    for index, polygon in enumerate(polygons):
        for a, b in _sides(polygon):
            beside.setdefault(frozenset((a, b)), []).append(index)
    strips = [
        strip
        for index, polygon in enumerate(polygons)
        if len(polygon) == 3
        for side in _sides(polygon)
        if (strip := _strip(polygons, beside, index, side)) is not None
    ]
    if not strips:
        raise ValueError("a triangle is left from which no strip of quads can be folded")
    return min(strips, key=len)


def _strip(
    polygons: list[list[int]], beside: dict[frozenset[int], list[int]], first: int, side: Edge
) -> list[Edge] | None:
    """The rungs of the strip that leaves a triangle by a side; None if it meets itself or the other triangle's kin."""
    rungs, face = [side], first
    seen = set(side)
    while True:
        following = [other for other in beside[frozenset(rungs[-1])] if other != face]
        if not following:
            return rungs
        face = following[0]
        if len(polygons[face]) == 3:
            return rungs if face != first else None
        a, b = rungs[-1]
        polygon = polygons[face]
        # A quad is passed in its own sense, so that rungs keep their ends on the same rail.
        start = polygon.index(a)
        ahead, behind = polygon[(start + 1) % 4], polygon[start - 1]
        rung = (behind, polygon[(start + 2) % 4]) if ahead == b else (ahead, polygon[(start + 2) % 4])
        if seen & set(rung):
            return None
        seen |= set(rung)
        rungs.append(rung)


def _fold(places: Array, polygons: list[list[int]], rungs: list[Edge]) -> list[list[int]]:
    """Join both ends of every rung, in place, and drop what that leaves without area."""
    joined = {second: first for first, second in rungs}
    for first, second in rungs:
        places[first] = 0.5 * (places[first] + places[second])
    folded = [list(dict.fromkeys(joined.get(vertex, vertex) for vertex in polygon)) for polygon in polygons]
    return [polygon for polygon in folded if len(polygon) > 2]


def _sides(polygon: list[int]) -> list[Edge]:
    return list(zip(polygon, polygon[1:] + polygon[:1], strict=True))
