"""The neural surface of an identity against the true one: meshed, fitted to, and measured both ways."""

from collections.abc import Callable
from dataclasses import dataclass

import igl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.errors import UserError
from facetalk.evaluation.held_out_heads import SKIN
from facetalk.head.fitting import fit_scan
from facetalk.head.head import UNITS_PER_METRE
from facetalk.head.head_surface import head_surface
from facetalk.head.meshing import TriangleMesh
from facetalk.head.parametric_head import ParametricHead
from facetalk.head.scan import Scan
from facetalk.head.similarity import Similarity

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SAMPLES = 60_000  # on either surface
MARGIN = 0.02  # head units from the box's sides (5 mm), where the neural surface is cut
TURN, SHIFT = np.radians(8.0), 0.03  # radians and metres: how far from its place a scan is given, at most
FIT_SHARES = {"surface": (0.0, 0.2), "align": (0.2, 0.2), "fit": (0.4, 0.6)}  # where a step begins, and its share


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances of two surfaces, at points of both.

    Attributes:
        distance: from a point of one surface to the other, head units ``[N]``.
        triangle: of the true surface, where the point is or is nearest to ``[N]``.
    """

    distance: Array
    triangle: Indices


def skin_mesh(
    head: ParametricHead, code: Tensor, resolution: int, progress: Callable[[float], None] | None = None
) -> TriangleMesh:
    """The skin of an identity ``[I]`` in canonical pose, by marching cubes of its channel alone.

    Raises:
        UserError: there is none.
    """
    mesh = head_surface(head, code, [head.parts.index(SKIN)], resolution, progress)
    if not len(mesh.triangles):
        raise UserError("The head has no skin in its box: train its shape first.")
    return mesh


def fit_to_rest(
    head: ParametricHead, scan: Scan, generator: np.random.Generator, progress: Callable[[float], None]
) -> tuple[Tensor, Similarity]:
    """Fit an identity to a surface at rest, given as a scan in metres that lies a little off its place.

    Args:
        head: any parametric head.
        scan: in head space.
        generator: chooses the scan's place.
        progress: called with the fraction done.

    Returns:
        The code ``[I]`` on the head's device, and what takes the scan, where it was, to where the fit puts it.

    Raises:
        UserError: no face is found in the scan.
    """
    placing = random_placing(generator)

    def report(step: str, fraction: float) -> None:
        start, share = FIT_SHARES[step]
        progress(start + share * fraction)

    found, _ = fit_scan(head, Scan(placing.apply(scan.points), scan.triangles), units="m", progress=report)
    return found.code.to(head.device), placing.followed_by(found.transform)


def random_placing(generator: np.random.Generator) -> Similarity:
    """A similarity from head space to metres, with a turn of at most ``TURN`` and a shift of at most ``SHIFT``."""
    axis = generator.normal(size=3)
    axis *= generator.uniform(0.0, TURN) / np.linalg.norm(axis)
    rotation = torch.linalg.matrix_exp(torch.from_numpy(np.cross(np.eye(3), axis))).numpy()
    return Similarity(rotation, 1.0 / UNITS_PER_METRE, generator.uniform(-SHIFT, SHIFT, 3))


def surface_distances(mesh: TriangleMesh, truth: TriangleMesh, box: Array, seed: int) -> SurfaceDistances:
    """Distances both ways at points spread evenly over both surfaces, each to the nearest point on the other.

    Args:
        mesh: the neural surface.
        truth: the true surface.
        box: lowest and highest corner ``[2, 3]``; what is nearer than ``MARGIN`` to its sides is left out.
        seed: of the points.
    """
    generator = np.random.default_rng(seed)
    true_points = Scan(truth.vertices, truth.triangles).sample(SAMPLES, generator).points
    points = Scan(mesh.vertices, mesh.triangles).sample(SAMPLES, generator).points
    to_mesh, _, _ = _nearest(true_points, mesh)
    _, own_triangle, _ = _nearest(true_points, truth)
    to_truth, triangle, places = _nearest(points, truth)
    low, high = box[0] + MARGIN, box[1] - MARGIN
    inside = np.concatenate([((p > low) & (p < high)).all(axis=1) for p in (true_points, places)])
    distance, triangles = np.concatenate([to_mesh, to_truth]), np.concatenate([own_triangle, triangle])
    return SurfaceDistances(distance[inside], triangles[inside])


def _nearest(points: Array, mesh: TriangleMesh) -> tuple[Array, Indices, Array]:
    """Distance ``[N]`` of points to a surface, and the triangle and the place ``[N, 3]`` where it is nearest."""
    squared, triangle, place = igl.point_mesh_squared_distance(points, mesh.vertices, mesh.triangles)
    return np.sqrt(squared), np.asarray(triangle), np.asarray(place)
