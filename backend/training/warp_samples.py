"""What the identity warp is trained on: points of the mean head, and where they are on other heads.

A point is a vertex moved along its normal; on another head it is the same vertex moved as far along the normal there,
so that the warp keeps distances near the surface. Further out it follows the skin below it, smoothly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from training.training_heads import CODE_SIZE_IDENTITY, TrainingHeads, identity_code, part_of_vertex

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

STEP = 0.05  # of a code, for derivatives
NEAR_OFFSETS = (-0.004, 0.012)  # head units along the normal
NEAR_COPIES = 3  # points off the surface per vertex
FAR_POINTS = 12_000
FAR_OFFSETS = (0.015, 0.4)  # head units: as far as hair reaches
FAR_GUIDES = 3_000  # skin vertices that far points follow
FAR_NEIGHBOURS = 48


@dataclass(frozen=True)
class WarpBatch:
    """Points with what is known of them.

    Attributes:
        points: ``[N, 3]`` on the mean head.
        parts: ``[N]``.
        weight: in the loss ``[N]``.
        modes: displacement per unit of every shape code dimension ``[S, N, 3]``.
        shapes: shape codes of some identities ``[T, S]``.
        displacement: where the points are on these, from the mean head ``[T, N, 3]``.
    """

    points: Floats
    parts: Indices
    weight: Floats
    modes: Floats
    shapes: Floats
    displacement: Floats

    def rows(self, chosen: Indices) -> "WarpBatch":
        """Some of the points."""
        return WarpBatch(
            self.points[chosen],
            self.parts[chosen],
            self.weight[chosen],
            self.modes[:, chosen],
            self.shapes,
            self.displacement[:, chosen],
        )


class WarpSamples:
    """Correspondences of the mean head with random identities; the last ``held_out`` of them are never trained on."""

    def __init__(self, heads: TrainingHeads, importance: Array, identities: int, held_out: int, box: Array) -> None:
        self.train, self.identities = identities - held_out, identities
        triangles = np.concatenate(list(heads.triangles_of.values()))
        mean = heads.canonical(identity_code(0), heads.calibrate(identity_code(0)))
        self.vertices = mean.astype(np.float32)
        self.normals = vertex_normals(mean, triangles).astype(np.float32)
        self.part = part_of_vertex(heads, len(mean))
        self.codes = np.stack([identity_code(index) for index in range(identities)]).astype(np.float32)
        self.heads = np.stack([self._canonical(heads, code) for code in self.codes])
        self.head_normals = np.stack([vertex_normals(head, triangles).astype(np.float32) for head in self.heads])
        self._derive_modes(heads, triangles)
        self._draw_points(importance, box)
        self._draw_far_points()

    def draw(self, generator: np.random.Generator, count: int, identities: int, held_out: bool = False) -> WarpBatch:
        """A random batch of ``count`` points, an eighth of them far, on some training or held-out identities."""
        far = count // 8
        rows = generator.choice(len(self.vertex), count - far, p=self.chance)
        far_rows = generator.integers(len(self.far_points), size=far)
        low, high = (self.train, self.identities) if held_out else (0, self.train)
        chosen = generator.integers(low, high, identities)
        near = self._near_batch(rows, chosen)
        # Far out only the smooth, linear share is known.
        modes = self.far_modes[:, far_rows]
        return WarpBatch(
            points=np.concatenate([near.points, self.far_points[far_rows]]),
            parts=np.concatenate([near.parts, np.zeros(far, dtype=np.int64)]),
            weight=np.concatenate([near.weight, np.full(far, 0.1, dtype=np.float32)]),
            modes=np.concatenate([near.modes, modes], axis=1),
            shapes=near.shapes,
            displacement=np.concatenate([near.displacement, np.tensordot(near.shapes, modes, axes=1)], axis=1),
        )

    def on_surface(self, chosen: Indices) -> WarpBatch:
        """Every vertex, on the surface, on some identities."""
        return self._near_batch(np.flatnonzero(self.offset == 0.0), chosen)

    def _near_batch(self, rows: Indices, chosen: Indices) -> WarpBatch:
        vertex, offset = self.vertex[rows], self.offset[rows, None]
        points = self.vertices[vertex] + offset * self.normals[vertex]
        moved = self.heads[chosen][:, vertex] + offset * self.head_normals[chosen][:, vertex]
        modes = self.modes[:, vertex] + offset * self.normal_modes[:, vertex]
        return WarpBatch(points, self.part[vertex], self.weight[vertex], modes, self.codes[chosen], moved - points)

    def _canonical(self, heads: TrainingHeads, code: Floats) -> Floats:
        exact = code.astype(np.float64)
        return heads.canonical(exact, heads.calibrate(exact)).astype(np.float32)

    def _derive_modes(self, heads: TrainingHeads, triangles: Indices) -> None:
        """Displacement and turning of normals per unit of every code dimension, at the mean head, calibration fixed."""
        calibration = heads.calibrate(identity_code(0))
        shape = (CODE_SIZE_IDENTITY, *self.vertices.shape)
        self.modes, self.normal_modes = np.empty(shape, np.float32), np.empty(shape, np.float32)
        for index, unit in enumerate(STEP * np.eye(CODE_SIZE_IDENTITY)):
            ahead, behind = heads.canonical(unit, calibration), heads.canonical(-unit, calibration)
            self.modes[index] = (ahead - behind) / (2 * STEP)
            turned = vertex_normals(ahead, triangles) - vertex_normals(behind, triangles)
            self.normal_modes[index] = turned / (2 * STEP)

    def _draw_points(self, importance: Array, box: Array) -> None:
        """Which vertices are used, how far off the surface, and how likely."""
        generator = np.random.default_rng(0)
        inside = np.all((self.vertices > box[0]) & (self.vertices < box[1]), axis=1)
        usable = np.flatnonzero((self.part >= 0) & inside & (importance > 0.0))
        vertex = np.tile(usable, 1 + NEAR_COPIES)
        low, high = NEAR_OFFSETS
        offset = np.concatenate([np.zeros(len(usable)), generator.uniform(low, high, NEAR_COPIES * len(usable))])
        points = self.vertices[vertex] + offset[:, None] * self.normals[vertex]
        # A point that is nearer to another part of the surface does not belong to this vertex.
        distance, _ = cKDTree(self.vertices[usable]).query(points)
        own = distance >= 0.7 * np.abs(offset)
        self.vertex, self.offset = vertex[own], offset[own].astype(np.float32)
        self.weight = np.sqrt(importance / importance[usable].min()).astype(np.float32)
        chance = self.weight[self.vertex] * np.where(self.offset == 0.0, 1.0, 0.3)
        self.chance = chance / chance.sum()

    def _draw_far_points(self) -> None:
        generator = np.random.default_rng(1)
        skin = np.flatnonzero(self.part == 0)
        guides = generator.choice(skin, min(FAR_GUIDES, len(skin)), replace=False)
        start = generator.choice(skin, FAR_POINTS)
        low, high = np.log(FAR_OFFSETS)
        offset = np.exp(generator.uniform(low, high, (FAR_POINTS, 1)))
        self.far_points = (self.vertices[start] + offset * self.normals[start]).astype(np.float32)
        count = min(FAR_NEIGHBOURS, len(guides))
        distance, index = cKDTree(self.vertices[guides]).query(self.far_points, k=count)
        affinity = np.exp(-((distance / distance[:, :1]) ** 2))
        affinity /= affinity.sum(axis=1, keepdims=True)
        self.far_modes = np.stack(
            [np.einsum("nk,nkc->nc", affinity, mode[guides[index]]) for mode in self.modes]
        ).astype(np.float32)


def vertex_normals(vertices: Array, triangles: Indices) -> Array:
    """Unit vertex normals ``[V, 3]``, weighted by area."""
    corners = vertices[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros(vertices.shape)
    for axis in range(3):
        for corner in range(3):
            normals[:, axis] += np.bincount(triangles[:, corner], faces[:, axis], len(vertices))
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))
