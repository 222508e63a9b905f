"""A neural surface as its mesh: where it is nearest and which way it faces, at the cost of a look into a tree."""

from dataclasses import dataclass
from functools import cached_property

import igl
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from facetalk.head.meshing import TriangleMesh
from facetalk.head.similarity import Similarity

Array = NDArray[np.float64]

NORMAL_REACH = 0.03  # head units (7.5 mm) that perpendicular normals count as much as: lips face each other


@dataclass(frozen=True)
class MeshedSurface:
    """Points of a surface, close together.

    Attributes:
        points: ``[M, 3]``, head units.
        normals: outward ``[M, 3]``.
    """

    points: Array
    normals: Array

    @classmethod
    def of(cls, mesh: TriangleMesh) -> "MeshedSurface":
        """The vertices of a mesh."""
        return cls(mesh.vertices, np.nan_to_num(igl.per_vertex_normals(mesh.vertices, mesh.triangles)))

    def moved(self, transform: Similarity) -> "MeshedSurface":
        """The surface elsewhere."""
        return MeshedSurface(transform.apply(self.points), self.normals @ transform.rotation.T)

    def nearest(self, points: Array, normals: Array) -> tuple[Array, Array]:
        """The points ``[N, 3]`` nearest to others ``[N, 3]`` in place and normal, and their normals ``[N, 3]``."""
        _, index = self._tree.query(np.concatenate([points, NORMAL_REACH * normals], axis=1))
        return self.points[index], self.normals[index]

    def field(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Signed distances ``[N]`` of points ``[N, 3]`` close by, and their gradients ``[N, 3]``: of tangent planes."""
        places = points.detach().double().cpu().numpy()
        _, index = self._places.query(places)
        normals = self.normals[index]
        height = ((places - self.points[index]) * normals).sum(axis=1)
        return torch.from_numpy(height).to(points), torch.from_numpy(normals).to(points)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(np.concatenate([self.points, NORMAL_REACH * self.normals], axis=1))

    @cached_property
    def _places(self) -> cKDTree:
        return cKDTree(self.points)
