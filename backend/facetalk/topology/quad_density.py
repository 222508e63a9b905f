"""Finer quads where a face moves: the surface is swollen there before it is remeshed evenly, and shrunk back after.

Remeshers make quads of one size. A surface whose lips are twice as large gets quads half as large on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import igl
import numpy as np
from numpy.typing import NDArray

from facetalk.head.meshing import TriangleMesh

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Swelling:
    """A place that is enlarged, the most in its middle.

    Attributes:
        centre: ``[3]``, head units.
        reach: standard deviation of the Gaussian that it fades out with, head units.
        factor: by which lengths grow in the middle; below 3.2, or the surface would fold around it.
    """

    centre: Array
    reach: float
    factor: float

    def applied(self, points: Array) -> Array:
        """Where points ``[N, 3]`` go."""
        offset = points - self.centre
        share = np.exp(-0.5 * (offset**2).sum(axis=1, keepdims=True) / self.reach**2)
        return np.asarray(points + (self.factor - 1.0) * share * offset)


@dataclass(frozen=True)
class SwollenSurface:
    """A mesh, and the same with swellings, corner by corner.

    Attributes:
        plain: as it is.
        swollen: what to remesh.
    """

    plain: TriangleMesh
    swollen: TriangleMesh

    @classmethod
    def of(cls, plain: TriangleMesh, swellings: Sequence[Swelling]) -> "SwollenSurface":
        """Swell a mesh at some places, one after the other."""
        vertices = plain.vertices
        for index, swelling in enumerate(swellings):
            centre = swelling.centre[None]
            for earlier in swellings[:index]:  # which have moved this one
                centre = earlier.applied(centre)
            vertices = Swelling(centre[0], swelling.reach, swelling.factor).applied(vertices)
        return cls(plain, TriangleMesh(vertices, plain.triangles))

    def shrunk(self, points: Array) -> Array:
        """Where points ``[N, 3]`` near the swollen surface are on the plain one."""
        _, triangle, closest = igl.point_mesh_squared_distance(points, self.swollen.vertices, self.swollen.triangles)
        corners = self.swollen.triangles[triangle]
        ends = (np.ascontiguousarray(self.swollen.vertices[corners[:, k]]) for k in range(3))
        shares = igl.barycentric_coordinates(np.ascontiguousarray(closest), *ends)
        return np.asarray(np.einsum("nk,nkc->nc", shares, self.plain.vertices[corners]))
