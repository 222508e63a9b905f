import mcubes
import numpy as np
import pytest
import torch
from torch import Tensor

from facetalk.errors import Cancelled
from facetalk.head.meshing import marching_cubes

BOX = torch.tensor([[-0.55, -0.50, -0.95], [0.55, 0.75, 0.40]])
CENTRE = torch.tensor([0.05, 0.1, -0.2])


def sphere_and_leaf(points: Tensor) -> Tensor:
    """A ball, and a leaf thinner than a coarse cell, as an ear is."""
    ball = (points - CENTRE).norm(dim=1) - 0.3
    leaf = torch.tensor([0.008, 0.1, 0.1])
    scaled = (points - torch.tensor([0.42, 0.1, -0.2])) / leaf
    ellipsoid = scaled.norm(dim=1) * (scaled.norm(dim=1) - 1.0) / (scaled / leaf).norm(dim=1).clamp(min=1e-9)
    return torch.minimum(ball, ellipsoid)


def test_it_finds_the_surface_that_the_dense_grid_finds() -> None:
    resolution = 129
    evaluated = 0

    def counted(points: Tensor) -> Tensor:
        nonlocal evaluated
        evaluated += len(points)
        return sphere_and_leaf(points)

    mesh = marching_cubes(counted, BOX, resolution)
    axes = [np.linspace(float(BOX[0, axis]), float(BOX[1, axis]), resolution) for axis in range(3)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    dense = sphere_and_leaf(torch.from_numpy(grid).float()).numpy().reshape((resolution,) * 3)
    vertices, triangles = mcubes.marching_cubes(-dense.astype(np.float64), 0.0)
    vertices = BOX[0].numpy() + vertices * (BOX[1] - BOX[0]).numpy() / (resolution - 1)
    assert len(mesh.triangles) == len(triangles)
    assert np.abs(mesh.vertices - vertices).max() < 1e-5
    assert evaluated < 0.25 * resolution**3


def test_vertices_lie_on_a_ball_and_normals_point_outwards() -> None:
    mesh = marching_cubes(lambda points: (points - CENTRE).norm(dim=1) - 0.3, BOX, 96)
    radii = np.linalg.norm(mesh.vertices - CENTRE.numpy(), axis=1)
    assert np.abs(radii - 0.3).max() < 1e-3
    corners = mesh.vertices[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outwards = (normals * (corners.mean(axis=1) - CENTRE.numpy())).sum(axis=1)
    assert (outwards > 0).mean() > 0.999


def test_progress_can_cancel() -> None:
    def stop(fraction: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        marching_cubes(sphere_and_leaf, BOX, 128, progress=stop)


def test_a_resolution_below_the_coarsest_is_refused() -> None:
    with pytest.raises(ValueError, match="resolution 8"):
        marching_cubes(sphere_and_leaf, BOX, 8)
