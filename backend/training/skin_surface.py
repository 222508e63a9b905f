"""The skin that hair grows on: distances to it, its skull without ears, and points bound to it."""

from dataclasses import dataclass
from functools import cached_property

import igl
import mcubes
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from training.distance_grid import DistanceGrid, axes_of

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

MILLIMETRE = 0.004  # head units
HAIR_BOX = np.array([[-0.55, -0.62, -0.95], [0.55, 0.75, 0.40]])
SKIN_SPACING = 3.5 * MILLIMETRE
OPENING = 12.0 * MILLIMETRE  # what is thinner than twice this, ears foremost, is no part of the skull
NEIGHBOURS = 24  # scalp vertices that a hair vertex follows


class SkinSurface:
    """A watertight skin and the distance fields that sculpting asks for.

    Attributes:
        vertices: ``[V, 3]``, head units.
        triangles: ``[F, 3]``, outward.
        spacing: of the grids of its distance fields, head units.
    """

    def __init__(self, vertices: Array, triangles: Indices, spacing: float = SKIN_SPACING) -> None:
        self.spacing = spacing
        self.vertices = np.ascontiguousarray(vertices, dtype=np.float64)
        self.triangles = np.ascontiguousarray(triangles, dtype=np.int64)

    @cached_property
    def distance(self) -> DistanceGrid:
        """Signed distance to the skin over ``HAIR_BOX``."""
        axes = axes_of(HAIR_BOX[0], HAIR_BOX[1] + self.spacing, self.spacing)
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        sign = igl.SIGNED_DISTANCE_TYPE_FAST_WINDING_NUMBER
        values = igl.signed_distance(points.reshape(-1, 3), self.vertices, self.triangles, sign_type=sign)[0]
        return DistanceGrid(HAIR_BOX[0], self.spacing, values.reshape(points.shape[:3]).astype(np.float32))

    @cached_property
    def skull(self) -> DistanceGrid:
        """Signed distance to the skin without ears: its morphological opening with a ball."""
        skin = self.distance
        deep, _ = mcubes.marching_cubes(skin.values.astype(np.float64), -OPENING)
        axes = [start + skin.spacing * np.arange(n) for start, n in zip(skin.low, skin.values.shape, strict=True)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        distance, _ = cKDTree(skin.low + deep * skin.spacing).query(points.reshape(-1, 3))
        signed = np.where(skin.values < -OPENING, -1.0, 1.0) * distance.reshape(skin.values.shape) - OPENING
        return DistanceGrid(skin.low, skin.spacing, signed.astype(np.float32))

    def scatter(self, count: int, generator: np.random.Generator) -> Array:
        """Points ``[N, 3]`` spread at random over the skin by area."""
        corners = self.vertices[self.triangles]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        chosen = generator.choice(len(area), size=count, p=area / area.sum())
        weights = generator.dirichlet(np.ones(3), size=count)
        return np.asarray(np.einsum("nk,nkc->nc", weights, corners[chosen]))


@dataclass(frozen=True)
class SkinBinding:
    """Points tied to skin triangles: each stays at its height over its place on the skin, whatever the skin does.

    Attributes:
        triangles: skin vertices of the triangle under every point ``[N, 3]``.
        weights: barycentric weights in it ``[N, 3]``.
        offsets: height over the skin along its smooth normal ``[N]``, and what the normal does not reach in
            the triangle's own axes ``[N, 3]`` (tangent, bitangent, normal).
    """

    triangles: Indices
    weights: Array
    offsets: Array

    def positions(self, vertices: Array, normals: Array) -> Array:
        """Where the points are on a posed skin.

        Args:
            vertices: skin ``[V, 3]``.
            normals: unit vertex normals ``[V, 3]``.

        Returns:
            ``[N, 3]``.
        """
        frame = _frames(vertices, normals, self.triangles, self.weights)
        place = np.einsum("nk,nkc->nc", self.weights, vertices[self.triangles])
        return np.asarray(place + np.einsum("nk,nkc->nc", self.offsets, frame))


def bind_to_skin(points: Array, skin: SkinSurface) -> SkinBinding:
    """Tie points ``[N, 3]`` to the nearest places on a skin."""
    _, faces, places = igl.point_mesh_squared_distance(points, skin.vertices, skin.triangles)
    triangles = skin.triangles[faces]
    corners = [np.ascontiguousarray(skin.vertices[triangles[:, k]]) for k in range(3)]
    weights = np.asarray(igl.barycentric_coordinates(np.ascontiguousarray(places), *corners))
    frame = _frames(skin.vertices, vertex_normals(skin.vertices, skin.triangles), triangles, weights)
    return SkinBinding(triangles, weights, np.einsum("nc,nkc->nk", points - places, frame))


def _frames(vertices: Array, normals: Array, triangles: Indices, weights: Array) -> Array:
    """Orthonormal tangent, bitangent and normal ``[N, 3, 3]`` at places on the skin."""
    normal = np.einsum("nk,nkc->nc", weights, normals[triangles])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    edge = vertices[triangles[:, 1]] - vertices[triangles[:, 0]]
    tangent = edge - (edge * normal).sum(axis=1, keepdims=True) * normal
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    return np.stack([tangent, np.cross(normal, tangent), normal], axis=1)


@dataclass(frozen=True)
class ScalpBinding:
    """Hair that follows the skull: every point moves by a smooth blend of how nearby scalp vertices moved.

    Attributes:
        vertices: scalp vertices each point follows ``[N, K]``.
        weights: of each, adding up to 1 ``[N, K]``.
    """

    vertices: Indices
    weights: Array

    def displacement(self, moved: Array) -> Array:
        """Displacement ``[N, 3]`` of the points for displacements of all skin vertices ``[V, 3]``."""
        return np.asarray(np.einsum("nk,nkc->nc", self.weights, moved[self.vertices]))


def bind_to_scalp(points: Array, skin: SkinSurface, scalp: Indices) -> ScalpBinding:
    """Tie points ``[N, 3]`` to the scalp.

    The further a point is from the scalp, the wider the part of it that it follows, so that long hair swings with the
    whole head and no strand shears.

    Args:
        points: ``[N, 3]``, head units.
        skin: the skin.
        scalp: indices of the skin's vertices that carry hair.
    """
    distance, nearest = cKDTree(skin.vertices[scalp]).query(points, k=min(NEIGHBOURS, len(scalp)))
    reach = 5.0 * MILLIMETRE + distance[:, -1:]
    weights = np.clip(1.0 - (distance / reach) ** 2, 0.0, None) ** 2
    return ScalpBinding(scalp[nearest], weights / weights.sum(axis=1, keepdims=True))


def vertex_normals(vertices: Array, triangles: Indices) -> Array:
    """Unit normals ``[V, 3]``, weighted by area; zero where no triangle is."""
    corners = vertices[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for column in range(3):
        np.add.at(normals, triangles[:, column], face)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))
