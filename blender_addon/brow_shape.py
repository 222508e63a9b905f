"""Where the brows of a face lie: lines along them, and how high they are there. Free of bpy."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .records import Topology

Array = NDArray[np.float32]
Indices = NDArray[np.int64]

COLUMNS = 16  # along a brow, at most, in which its height is measured
IN_A_COLUMN = 9  # vertices, on average: a coarse brow has fewer columns, so that none misses an edge


class BrowShape(NamedTuple):
    """One brow of a face at rest.

    Attributes:
        vertices: of the mesh, that are the brow ``[N]``.
        along: where each is along the brow, 0 at the inner end, 1 at the outer one ``[N]``.
        across: and where across it, -1 at its lower edge, 1 at its upper one ``[N]``.
        centres: places along the brow ``[C]`` of what follows.
        line: the middle of the brow ``[C, 3]``.
        half: half its height there ``[C]``.
        up: the face's upward direction ``[3]``.
    """

    vertices: Indices
    along: Array
    across: Array
    centres: Array
    line: Array
    half: Array
    up: Array

    def place(self, along: Array, across: Array) -> Array:
        """Points ``[M, 3]`` at places along and across the brow ``[M]``, as in its vertices; ends are drawn out."""
        centre = np.stack([_drawn_out(along, self.centres, each) for each in self.line.T], axis=1)
        half = np.interp(along, self.centres, self.half)
        return np.asarray(centre + (across * half)[:, None] * self.up, np.float32)


def brow_shapes(topology: Topology) -> list[BrowShape]:
    """The brows of a face, none where no part of its mesh is called so."""
    brows = vertices_of(topology, "brows")
    if len(brows) < 2 * IN_A_COLUMN:
        return []
    points = topology.vertices[brows]
    middles = two_middles(points)
    heap = nearest(points, middles)
    up = np.array(topology.placement)[2, :3] if topology.placement is not None else np.array([0.0, 0.0, 1.0])
    up = up / np.linalg.norm(up)
    outwards = (middles[0] - middles[-1], middles[-1] - middles[0])
    return [_brow(brows[heap == side], points[heap == side], outwards[side], up) for side in range(len(middles))]


def vertices_of(topology: Topology, part: str) -> Indices:
    """The vertices of a part's faces, none if there is no such part."""
    if part not in topology.materials:
        return np.zeros(0, np.int64)
    material = np.repeat(topology.material_index, topology.face_sizes)
    return np.unique(topology.corners[material == topology.materials.index(part)]).astype(np.int64)


def two_middles(points: Array) -> Array:
    """The middles ``[2, 3]`` of points that lie in two heaps, one at either side of the face."""
    farthest = points[np.linalg.norm(points - points[0], axis=1).argmax()]
    near = nearest(points, np.stack([points[0], farthest]))
    heaps = [points[near == heap] for heap in (0, 1)]
    return np.stack([heap.mean(axis=0) for heap in heaps if len(heap)])


def nearest(points: Array, middles: Array) -> Indices:
    """Which of some middles ``[M, 3]`` is nearest to points ``[N, 3]``."""
    return np.linalg.norm(points[:, None] - middles, axis=2).argmin(axis=1)


def _brow(vertices: Indices, points: Array, outwards: Array, up: Array) -> BrowShape:
    along = points @ outwards
    along = (along - along.min()) / max(float(np.ptp(along)), 1e-9)
    columns = int(np.clip(len(vertices) // IN_A_COLUMN, 1, COLUMNS))
    column = np.minimum((along * columns).astype(np.int64), columns - 1)
    filled = np.unique(column)
    centres, height = (filled + 0.5) / columns, points @ up
    low, high = (np.array([pick(height[column == each]) for each in filled]) for pick in (np.min, np.max))
    line = np.stack([points[column == each].mean(axis=0) for each in filled])
    line += ((0.5 * (low + high)) - line @ up)[:, None] * up
    below, above = np.interp(along, centres, low), np.interp(along, centres, high)
    across = 2.0 * (height - below) / np.maximum(above - below, 1e-9) - 1.0
    return BrowShape(vertices, along, across, centres, line, 0.5 * (high - low), up)


def _drawn_out(at: Array, places: Array, values: Array) -> Array:
    """Values between places ``[C]``, and beyond them on along the same slope."""
    inside = np.interp(at, places, values)
    if len(places) < 2:
        return np.asarray(inside)
    slopes = np.diff(values)[[0, -1]] / np.diff(places)[[0, -1]]
    return np.asarray(
        inside + slopes[0] * np.minimum(at - places[0], 0.0) + slopes[1] * np.maximum(at - places[-1], 0.0)
    )
