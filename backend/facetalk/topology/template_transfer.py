"""What a template knows of its skin, told of another mesh over the same skin: groups, colours, UVs, mobility."""

from dataclasses import dataclass

import igl
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.topology.mesh_shape import triangulated
from facetalk.topology.template import Template
from facetalk.topology.template_rims import SKIN

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SAMPLES = 4  # of a quad, along either side
CANDIDATES = 6  # of the nearest samples: the place is on one of their quads
FACING = 0.02  # head units (5 mm) that opposite normals count for, by half
INSIDE = 0.5  # of a vertex's weights: as much is in a group if it is
FARTHEST_UV = 0.04  # from where the UVs of a quad's middle lead: farther off is another island


@dataclass(frozen=True)
class SkinPlaces:
    """Where points are on a template's skin.

    Attributes:
        template: the template.
        skin: the quads of its skin ``[Q]``, of the template's.
        triangles: of these, two for every quad ``[2 Q, 3]``.
        triangle: the one that each point is on ``[N]``.
        weights: of its corners ``[N, 3]``.
    """

    template: Template
    skin: Indices
    triangles: Indices
    triangle: Indices
    weights: Array

    @classmethod
    def of(cls, template: Template, points: Array, normals: Array) -> "SkinPlaces":
        """Find points ``[N, 3]`` on the skin, nearest to where it faces as their unit normals ``[N, 3]`` do."""
        skin = np.flatnonzero((template.parts[template.quads] == SKIN).all(axis=1))
        triangles = triangulated(template.quads[skin].astype(np.int64))
        places, facing = quad_samples(template.vertices[template.quads[skin]].astype(np.float64))
        alike = cKDTree(np.concatenate([places, FACING * facing], axis=1))
        found = alike.query(np.concatenate([points, FACING * normals], axis=1), k=CANDIDATES)[1] // SAMPLES**2
        candidates = np.concatenate([found, found + len(skin)], axis=1)
        weights = _weights(points[:, None], template.vertices[triangles[candidates]].astype(np.float64))
        on = np.einsum("nck,nckd->ncd", weights, template.vertices[triangles[candidates]])
        best = np.linalg.norm(on - points[:, None], axis=2).argmin(axis=1)
        rows = np.arange(len(points))
        return cls(template, skin, triangles, candidates[rows, best], weights[rows, best])

    def read(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values ``[V, ...]`` of the template's vertices at the points ``[N, ...]``."""
        return np.einsum("nk,nk...->n...", self.weights, values[self.triangles[self.triangle]]).astype(np.float32)

    def inside(self, members: NDArray[np.int32]) -> Indices:
        """Which of the points are in a group of the template's vertices."""
        own = np.zeros(len(self.template.vertices), np.float32)
        own[members] = 1.0
        return np.flatnonzero(self.read(own) >= INSIDE)

    def uv(self, vertices: Array, quads: Indices, middles: "SkinPlaces") -> NDArray[np.float32]:
        """UVs of a mesh's corners ``[Q, 4, 2]``, every quad within one island.

        Args:
            vertices: of the mesh ``[N, 3]``, whose places these are.
            quads: ``[Q, 4]``.
            middles: places of their middles.
        """
        corner_uv = self._corner_uv()
        own = np.einsum("nk,nkd->nd", self.weights, corner_uv[self.triangle])[quads]
        home = self.template.vertices[self.triangles[middles.triangle]].astype(np.float64)
        share = _unbounded_weights(vertices[quads], home[:, None])
        led = np.einsum("qck,qkd->qcd", share, corner_uv[middles.triangle])
        near = np.linalg.norm(own - led, axis=2) < FARTHEST_UV
        return np.where(near.all(axis=1)[:, None, None], own, led).astype(np.float32)

    def _corner_uv(self) -> Array:
        """UVs of the triangles' corners ``[2 Q, 3, 2]``."""
        uv = self.template.uv[self.skin].astype(np.float64)
        return np.concatenate([uv[:, [0, 1, 2]], uv[:, [0, 2, 3]]])


def quad_samples(corners: Array) -> tuple[Array, Array]:
    """Points on quads ``[Q, 4, 3]``, and the unit normals of these: ``[Q * SAMPLES ** 2, 3]`` each, quad by quad."""
    share = (np.arange(SAMPLES) + 0.5) / SAMPLES
    across, along = (grid.ravel() for grid in np.meshgrid(share, share))
    weights = np.stack([(1 - across) * (1 - along), across * (1 - along), across * along, (1 - across) * along], axis=1)
    normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return np.einsum("sk,qkc->qsc", weights, corners).reshape(-1, 3), normals.repeat(SAMPLES**2, axis=0)


def vertex_normals(vertices: Array, quads: Indices) -> Array:
    """Unit normals ``[V, 3]`` of a mesh of quads."""
    return np.asarray(igl.per_vertex_normals(vertices, triangulated(quads)))


def _weights(points: Array, corners: Array) -> Array:
    """Weights ``[..., 3]`` of the corners ``[..., 3, 3]`` of triangles at, or near, what is nearest to points."""
    weights = _unbounded_weights(points, corners).clip(0.0)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _unbounded_weights(points: Array, corners: Array) -> Array:
    """Barycentric weights ``[..., 3]`` of points ``[..., 3]`` put onto the planes of triangles ``[..., 3, 3]``."""
    one, two = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    offset = points - corners[..., 0, :]
    normal = np.cross(one, two)
    size = (normal**2).sum(axis=-1).clip(1e-18)
    second = (np.cross(offset, two) * normal).sum(axis=-1) / size
    third = (np.cross(one, offset) * normal).sum(axis=-1) / size
    return np.stack([1.0 - second - third, second, third], axis=-1)
