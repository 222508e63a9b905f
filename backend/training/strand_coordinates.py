"""UVs of hair that run along its strands: every lock is combed flat into a strip of its own, from root to tip.

Strips stand side by side over the UV square, the roots below: whatever is drawn upwards there runs along the hair, be
it noise of a material's nodes or a texture of strands.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from training.hair_sculpt import Locks

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

STRIPS = 1024  # beside each other in the square, at least as many as a style has locks
SPREAD = (
    1.3  # how fast a strip fills over a lock's half width; it never ends, for hair fills the gaps between locks too
)
CANDIDATES = 24  # points of paths about a face that its lock is sought among
TURN = 5  # points along a path that the corners of a face may be away from its middle: less than a turn of a curl


@dataclass(frozen=True)
class _PathPoints:
    """Points ``[P]`` of the paths of all locks.

    Attributes:
        lock: the number of each one's lock.
        first: of each one's lock, the index of the first point.
        count: and how many it has.
        place: ``[P, 3]``, head units.
        frame: columns along the path, across the lock and out of it ``[P, 3, 3]``.
        size: half a step along, half width and half thickness ``[P, 3]``.
    """

    lock: Indices
    first: Indices
    count: Indices
    place: Array
    frame: Array
    size: Array

    @classmethod
    def of(cls, styles: Sequence[Locks]) -> "_PathPoints":
        """The points of some sets of locks."""
        counts = np.concatenate([np.full(len(locks.paths), locks.paths.shape[1]) for locks in styles])
        starts = np.cumsum(counts) - counts
        frames, sizes = zip(*(_frames(locks) for locks in styles), strict=True)
        return cls(
            np.repeat(np.arange(len(counts)), counts),
            np.repeat(starts, counts),
            np.repeat(counts, counts),
            np.concatenate([locks.paths.reshape(-1, 3) for locks in styles]),
            np.concatenate(frames),
            np.concatenate(sizes),
        )

    def seen(self, points: Array, at: Indices) -> Array:
        """Points ``[..., 3]`` as path points ``[...]`` see them: along, across and out, in halves of their sizes."""
        offset = np.einsum("...k,...kc->...c", points - self.place[at], self.frame[at])
        return np.asarray(offset / self.size[at])


def strand_uv(vertices: Array, quads: Indices, styles: Sequence[Locks]) -> Array:
    """UVs of a hair mesh.

    Args:
        vertices: ``[V, 3]``, where the locks are.
        quads: ``[Q, 4]``.
        styles: the locks it was sculpted of.

    Returns:
        ``[Q, 4, 2]``, 0 to 1: across the lock that the face belongs to, in its strip, and from its root to its tip.

    Raises:
        ValueError: there are more than ``STRIPS`` locks.
    """
    points = _PathPoints.of(styles)
    if points.lock[-1] >= STRIPS:
        raise ValueError(f"{points.lock[-1] + 1} locks do not fit into {STRIPS} strips")
    nearest = _nearest(points, vertices[quads].mean(axis=1))
    along = nearest[:, None] + np.arange(-TURN, TURN + 1)
    first, last = points.first[nearest], points.first[nearest] + points.count[nearest] - 1
    along = along.clip(first[:, None], last[:, None])
    corners = vertices[quads]
    off = np.linalg.norm(points.place[along][:, None] - corners[:, :, None], axis=3)
    at = np.take_along_axis(along, off.argmin(axis=2), axis=1)
    forward, across, _ = np.moveaxis(points.seen(corners, at), -1, 0)
    progress = (at - first[:, None] + 0.5 * forward.clip(-1.0, 1.0)) / (last - first)[:, None]
    within = 0.5 + np.arctan(SPREAD * across) / np.pi
    strip = (points.lock[nearest][:, None] + within) / STRIPS
    return np.stack([strip, progress.clip(0.0, 1.0)], axis=2)


def _frames(locks: Locks) -> tuple[Array, Array]:
    """Frames ``[P, 3, 3]`` and sizes ``[P, 3]`` of all points of some locks."""
    tangent = np.gradient(locks.paths, axis=1)
    step = np.linalg.norm(tangent, axis=2, keepdims=True)
    tangent = tangent / np.maximum(step, 1e-9)
    out = locks.normals - (locks.normals * tangent).sum(axis=2, keepdims=True) * tangent
    out /= np.maximum(np.linalg.norm(out, axis=2, keepdims=True), 1e-9)
    frame = np.stack([tangent, np.cross(tangent, out), out], axis=-1)
    size = np.stack([np.maximum(0.5 * step[..., 0], 1e-9), locks.width, locks.thickness], axis=-1)
    return frame.reshape(-1, 3, 3), size.reshape(-1, 3)


def _nearest(points: _PathPoints, places: Array) -> Indices:
    """The path point ``[N]`` of the lock that places ``[N, 3]`` are deepest in, or the least way out of."""
    candidates = cKDTree(points.place).query(places, k=min(CANDIDATES, len(points.place)))[1]
    along, across, out = np.moveaxis(points.seen(places[:, None], candidates), -1, 0)
    size = points.size[candidates]
    beyond = np.maximum(np.abs(along) - 1.0, 0.0) * size[..., 0] / size[..., 2]
    depth = across**2 + out**2 + beyond**2
    return np.asarray(np.take_along_axis(candidates, depth.argmin(axis=1)[:, None], axis=1)[:, 0])
