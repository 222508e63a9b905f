"""The skin that hair grows on: distances to it, and its skull without ears."""

from functools import cached_property

import igl
import mcubes
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.head.head import MILLIMETRES
from training.distance_grid import DistanceGrid, axes_of
from training.training_heads import BOX

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

MILLIMETRE = 1.0 / MILLIMETRES  # head units
SKIN_SPACING = 3.5 * MILLIMETRE
OPENING = 12.0 * MILLIMETRE  # what is thinner than twice this, ears foremost, is no part of the skull


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
        """Signed distance to the skin over ``BOX``."""
        axes = axes_of(BOX[0], BOX[1] + self.spacing, self.spacing)
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        sign = igl.SIGNED_DISTANCE_TYPE_FAST_WINDING_NUMBER
        values = igl.signed_distance(points.reshape(-1, 3), self.vertices, self.triangles, sign_type=sign)[0]
        return DistanceGrid(BOX[0], self.spacing, values.reshape(points.shape[:3]).astype(np.float32))

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
