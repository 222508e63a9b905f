"""How much it matters where a vertex is off: what a rig's weights are solved by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.topology.template import AnyMesh

Vertices = NDArray[np.float32]
Indices = NDArray[np.int64]

# Of a vertex, over that of the face's own skin of the same area. What is seen at once, and what lies in the dark.
IMPORTANCE = {"lip_": 40.0, "lid_": 40.0, "tongue": 2.0, "gums": 0.2, "upper_teeth": 0.2, "lower_teeth": 0.2}
FACING = (("lip_upper", "lip_lower"), ("lid_upper_left", "lid_lower_left"), ("lid_upper_right", "lid_lower_right"))
NEAREST_FACING = 0.0015  # metres: lips this near at rest are those that meet
GAP_IMPORTANCE = 0.5  # of all gaps together, over that of all vertices
MILLIMETRES = 1000.0


@dataclass(frozen=True)
class FaceMetric:
    """Weighted least squares over a face: the norm of what ``measure`` gives is in millimetres of a typical vertex.

    Attributes:
        roots: square roots of the importance of every vertex ``[V]``; the importances sum to 1.
        facing: pairs of vertices ``[P, 2]`` whose gap matters by itself, so that lips which meet still meet.
        gap_root: the square root of the importance of every gap.
        millimetres: one of the mesh's own units.
    """

    roots: Vertices
    facing: Indices
    gap_root: float
    millimetres: float

    @classmethod
    def of(cls, mesh: AnyMesh) -> "FaceMetric":
        """The metric of a face: area counts, lips and lids many times; groups that a mesh lacks count as skin."""
        importance = vertex_areas(mesh)
        for start, factor in IMPORTANCE.items():
            members = [group for name, group in mesh.groups.items() if name.startswith(start)]
            if members:
                importance[np.unique(np.concatenate(members))] *= factor
        roots = np.sqrt(importance / importance.sum()).astype(np.float32)
        facing = facing_pairs(mesh)
        return cls(roots, facing, float(np.sqrt(GAP_IMPORTANCE / max(len(facing), 1))), MILLIMETRES * metres(mesh))

    def measure(self, offsets: Vertices) -> Vertices:
        """Weighted millimetres ``[N, 3 * (V + P)]`` of offsets ``[N, V, 3]`` in the mesh's units."""
        vertices = offsets * np.float32(self.millimetres) * self.roots[:, None]
        gaps = (offsets[:, self.facing[:, 0]] - offsets[:, self.facing[:, 1]]) * np.float32(
            self.millimetres * self.gap_root
        )
        columns = 3 * (len(self.roots) + len(self.facing))
        return np.concatenate([vertices, gaps], axis=1).reshape(len(offsets), columns)


def metres(mesh: AnyMesh) -> float:
    """How many metres one of a mesh's units is."""
    return 1.0 if mesh.placement is None else float(np.cbrt(abs(np.linalg.det(np.asarray(mesh.placement)[:3, :3]))))


def vertex_areas(mesh: AnyMesh) -> NDArray[np.float64]:
    """What every vertex has of the areas of the faces around it ``[V]``, in the mesh's units."""
    starts = np.cumsum(mesh.face_sizes) - mesh.face_sizes
    following = np.arange(1, len(mesh.corners) + 1)
    following[starts + mesh.face_sizes - 1] = starts  # the last corner is followed by the first
    corners = mesh.vertices[mesh.corners].astype(np.float64)
    normals = np.add.reduceat(np.cross(corners, corners[following]), starts)  # twice the area long
    shares = 0.5 * np.linalg.norm(normals, axis=1) / mesh.face_sizes
    areas = np.bincount(mesh.corners, np.repeat(shares, mesh.face_sizes), minlength=len(mesh.vertices))
    return areas.astype(np.float64)


def facing_pairs(mesh: AnyMesh) -> Indices:
    """Vertices of upper and lower lips (and lids) that face each other ``[P, 2]``: nearest neighbours at rest."""
    pairs = [np.empty((0, 2), np.int64)]
    for above, below in FACING:
        if above in mesh.groups and below in mesh.groups:
            upper, lower = mesh.groups[above].astype(np.int64), mesh.groups[below].astype(np.int64)
            distance, nearest = cKDTree(mesh.vertices[lower]).query(mesh.vertices[upper])
            near = metres(mesh) * distance < NEAREST_FACING
            pairs.append(np.stack([upper[near], lower[nearest[near]]], axis=1))
    return np.concatenate(pairs)
