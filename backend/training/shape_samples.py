"""Signed-distance samples of surfaces: what the shape of the mean head and of hair is learned from."""

from dataclasses import dataclass
from pathlib import Path

import igl
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

NEAR_SPREADS = (0.002, 0.02)  # head units: half a millimetre for detail, half a centimetre for the way there
NEAR_SHARES = (0.7, 0.3)
AROUND = 0.12  # head units around a surface's box from which its far samples come


@dataclass(frozen=True)
class Surface:
    """A watertight triangle mesh.

    Attributes:
        vertices: ``[V, 3]`` head units.
        triangles: ``[F, 3]``.
        importance: of every vertex; more important places get more samples ``[V]``.
    """

    vertices: Array
    triangles: Indices
    importance: Array

    def compact(self) -> "Surface":
        """The same surface without vertices that no triangle uses."""
        used, triangles = np.unique(self.triangles, return_inverse=True)
        return Surface(self.vertices[used], triangles.reshape(-1, 3), self.importance[used])


@dataclass(frozen=True)
class SampleCounts:
    """Samples near a surface, and around it."""

    near: int
    around: int


@dataclass(frozen=True)
class ShapeSamples:
    """Points with their distance to one of several surfaces.

    Attributes:
        points: ``[N, 3]`` head units.
        channel: which surface ``[N]``.
        distance: signed, negative inside ``[N]``.
    """

    points: NDArray[np.float32]
    channel: Indices
    distance: NDArray[np.float32]


def draw_shape_samples(file: Path, surfaces: list[Surface], counts: list[SampleCounts], box: Array) -> ShapeSamples:
    """Samples of surfaces within a box, kept in a file: what is there already is not drawn again."""
    if not file.exists():
        generator = np.random.default_rng(0)
        drawn = [_draw(surface, count, box, generator) for surface, count in zip(surfaces, counts, strict=True)]
        arrays = {
            "points": np.concatenate([points for points, _ in drawn]).astype(np.float32),
            "channel": np.repeat(np.arange(len(drawn)), [len(points) for points, _ in drawn]),
            "distance": np.concatenate([distance for _, distance in drawn]).astype(np.float32),
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        save_file(arrays, partial)
        partial.rename(file)
    return ShapeSamples(**load_file(file))


def distance_lattices(file: Path, surfaces: list[Surface], boxes: Array, side: int) -> NDArray[np.float32]:
    """Signed distances to surfaces on a lattice each, kept in a file: what is there already is not measured again.

    Args:
        file: where they are kept.
        surfaces: S of them.
        boxes: lowest and highest corner of every lattice ``[S, 2, 3]``.
        side: L, places along every axis.

    Returns:
        ``[S, L, L, L]``, the last axis along x, as images of depth, height and width are.
    """
    if not file.exists():
        lattices = []
        for surface, (low, high) in zip(surfaces, boxes, strict=True):
            axes = [np.linspace(low[axis], high[axis], side) for axis in (2, 1, 0)]
            places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)[:, ::-1]
            lattices.append(_signed_distance(surface, places).reshape(side, side, side))
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        save_file({"distance": np.stack(lattices).astype(np.float32)}, partial)
        partial.rename(file)
    return load_file(file)["distance"]


def spread_anchors(points: Array, density: Array, count: int) -> Array:
    """Anchors ``[count, 3]`` among points ``[N, 3]``, as far apart as can be; closer where the density is higher."""
    chosen = [int(density.argmax())]
    distance = np.linalg.norm(points - points[chosen[0]], axis=1)
    for _ in range(count - 1):
        chosen.append(int((distance * density).argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return points[chosen]


def _draw(surface: Surface, count: SampleCounts, box: Array, generator: np.random.Generator) -> tuple[Array, Array]:
    low = np.maximum(surface.vertices.min(axis=0) - AROUND, box[0])
    high = np.minimum(surface.vertices.max(axis=0) + AROUND, box[1])
    around = generator.uniform(low, high, (count.around, 3))
    points = np.concatenate([_near(surface, count.near, box, generator), around])
    points = points[np.all((points > box[0] - 0.01) & (points < box[1] + 0.01), axis=1)]
    return points, _signed_distance(surface, points)


def _signed_distance(surface: Surface, points: Array) -> Array:
    sign = igl.SIGNED_DISTANCE_TYPE_FAST_WINDING_NUMBER
    points = np.ascontiguousarray(points)
    return np.asarray(igl.signed_distance(points, surface.vertices, surface.triangles, sign_type=sign)[0])


def _near(surface: Surface, count: int, box: Array, generator: np.random.Generator) -> Array:
    corners = surface.vertices[surface.triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    # Small triangles sit where the scan has detail: the square root gives them more than their area's share.
    chance = np.sqrt(area) * np.sqrt(surface.importance[surface.triangles].mean(axis=1) + 1e-12)
    chance[corners[:, :, 1].max(axis=1) < box[0][1]] = 0.0
    chosen = generator.choice(len(surface.triangles), count, p=chance / chance.sum())
    mix = generator.dirichlet(np.ones(3), count)
    on_surface = (corners[chosen] * mix[:, :, None]).sum(axis=1)
    spread = generator.choice(NEAR_SPREADS, (count, 1), p=NEAR_SHARES)
    return np.asarray(on_surface + spread * generator.standard_normal((count, 3)))
