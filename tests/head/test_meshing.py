"""Sparse marching cubes against marching cubes over the whole grid, on fields with a known surface."""

import os
from collections.abc import Callable
from pathlib import Path

import igl
import mcubes
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from facetalk.errors import Cancelled
from facetalk.head.meshing import (
    HIGHEST_RESOLUTION,
    MOST_PARTS,
    TriangleMesh,
    marching_cubes,
    marching_cubes_of_union,
)

Field = Callable[[Tensor], Tensor]

BOX = torch.tensor([[-0.55, -0.50, -0.95], [0.55, 0.75, 0.40]])
CENTRE = torch.tensor([0.05, 0.1, -0.2])
RESOLUTION = 97
CELL = (BOX[1] - BOX[0]) / (RESOLUTION - 1)


def ball(points: Tensor, centre: Tensor = CENTRE, radius: float = 0.3) -> Tensor:
    return (points - centre).norm(dim=1) - radius


def ellipsoid(points: Tensor) -> Tensor:
    """A first-order distance: too large beside the flat sides, too small off the tips."""
    radii = torch.tensor([0.3, 0.12, 0.4])
    scaled = (points - CENTRE) / radii
    return scaled.norm(dim=1) * (scaled.norm(dim=1) - 1.0) / (scaled / radii).norm(dim=1).clamp(min=1e-9)


def torus(points: Tensor) -> Tensor:
    x, y, z = (points - CENTRE).unbind(dim=1)
    return torch.stack([torch.stack([x, z]).norm(dim=0) - 0.3, y]).norm(dim=0) - 0.08


def brick(points: Tensor, half_sides: Tensor) -> Tensor:
    outside = (points - CENTRE).abs() - half_sides
    return outside.clamp(min=0).norm(dim=1) + outside.max(dim=1).values.clamp(max=0)


def plate(points: Tensor) -> Tensor:
    """Two cells thick, as the rim of an ear."""
    return brick(points, torch.tensor([float(CELL[0]), 0.3, 0.25]))


def strand(points: Tensor) -> Tensor:
    """A rod of two cells' radius, across the grid."""
    start, end = torch.tensor([-0.4, -0.3, -0.8]), torch.tensor([0.4, 0.6, 0.2])
    along = ((points - start) @ (end - start) / (end - start).square().sum()).clamp(0, 1)
    return (points - start - along[:, None] * (end - start)).norm(dim=1) - 2 * float(CELL.max())


def two_balls(points: Tensor) -> Tensor:
    """In opposite corners, the smaller one of three cells' diameter."""
    large = ball(points, torch.tensor([-0.35, -0.30, -0.75]), 0.15)
    return torch.minimum(large, ball(points, torch.tensor([0.51, 0.71, 0.36]), 1.5 * float(CELL.max())))


def crumbs(points: Tensor) -> Tensor:
    """Balls with a single sample inside, at even and odd places along every axis."""
    places = torch.cartesian_prod(*[torch.tensor([30.0, 51.0])] * 3)
    centres = BOX[0] + places * CELL
    return (points[:, None] - centres).norm(dim=2).min(dim=1).values - 0.6 * float(CELL.min())


def cut_ball(points: Tensor) -> Tensor:
    """A ball that the box cuts, as it cuts the neck."""
    return ball(points, torch.tensor([0.1, -0.5, -0.3]), 0.4)


def on_the_samples(points: Tensor) -> Tensor:
    """A slab whose faces lie exactly on samples, which count as outside."""
    layer = torch.round((points[:, 0] - BOX[0, 0]) / CELL[0])
    return ((layer - 48.0).abs() - 7.0) * CELL[0]


def uneven(field: Field) -> Field:
    """The same surface with values off by a factor of 0.5 to 1.5 that changes from place to place."""
    return lambda points: field(points) * (1.0 + 0.5 * torch.sin(points * 23.0).prod(dim=1))


def collapsing(field: Field) -> Field:
    """The same surface with values that go back to nothing far away, as a network's may where it was never trained."""
    return lambda points: field(points) * torch.exp(-8.0 * field(points).abs())


class Counted:
    """A field that counts the points it is asked for, in all, at a time, and outside the box."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.samples = 0
        self.largest_chunk = 0
        self.outside = 0

    def __call__(self, points: Tensor) -> Tensor:
        self.samples += len(points)
        self.largest_chunk = max(self.largest_chunk, len(points))
        self.outside += int(((points < BOX[0] - 1e-6) | (points > BOX[1] + 1e-6)).any(dim=1).sum())
        return self.field(points)


def dense_marching_cubes(field: Field, resolution: int, box: Tensor = BOX) -> TriangleMesh:
    axis = torch.arange(resolution)
    cell = (box[1] - box[0]) / (resolution - 1)
    values = field(box[0] + torch.cartesian_prod(axis, axis, axis) * cell).numpy().astype(np.float64)
    vertices, triangles = mcubes.marching_cubes(-values.reshape((resolution,) * 3), 0.0)
    low, high = box.numpy().astype(np.float64)
    return TriangleMesh(low + vertices * (high - low) / (resolution - 1), triangles.astype(np.int64))


def normals(mesh: TriangleMesh) -> NDArray[np.float64]:
    """Of every triangle ``[F, 3]``, as long as twice its area."""
    corners = mesh.vertices[mesh.triangles]
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def assert_same_surface(mesh: TriangleMesh, expected: TriangleMesh) -> None:
    """The same set of vertices, the same number of triangles, and the same flow of constant and linear fields."""
    assert len(expected.vertices) > 0
    assert len(mesh.vertices) == len(expected.vertices)
    assert len(mesh.triangles) == len(expected.triangles)
    for one, other in ((mesh, expected), (expected, mesh)):
        assert cKDTree(other.vertices).query(one.vertices)[0].max() < 1e-6
    for weight in (None, 0, 1, 2):
        flows = [
            normals(each) * (1.0 if weight is None else each.vertices[each.triangles].mean(axis=1)[:, [weight]])
            for each in (mesh, expected)
        ]
        assert np.allclose(flows[0].sum(axis=0), flows[1].sum(axis=0), atol=1e-5)


def oriented_triangles(triangles: NDArray[np.int64]) -> set[tuple[int, ...]]:
    """Every triangle from its lowest vertex on, so that the start does not matter but the winding does."""
    starts = triangles.argmin(axis=1)[:, None]
    return set(map(tuple, np.take_along_axis(triangles, (starts + np.arange(3)) % 3, axis=1).tolist()))


@pytest.mark.parametrize("resolution", [RESOLUTION, 64])
@pytest.mark.parametrize(
    "field",
    [
        ball,
        ellipsoid,
        torus,
        plate,
        strand,
        two_balls,
        cut_ball,
        on_the_samples,
        uneven(ball),
        uneven(two_balls),
        uneven(strand),
        collapsing(ball),
        collapsing(plate),
    ],
)
def test_it_finds_the_surface_that_the_dense_grid_finds(field: Field, resolution: int) -> None:
    assert_same_surface(marching_cubes(field, BOX, resolution), dense_marching_cubes(field, resolution))


def test_ambiguous_cells_are_resolved_as_the_dense_grid_resolves_them() -> None:
    resolution = 24
    noise = torch.randn(resolution**3, generator=torch.Generator().manual_seed(0))

    def looked_up(points: Tensor) -> Tensor:
        x, y, z = torch.round((points - BOX[0]) / (BOX[1] - BOX[0]) * (resolution - 1)).long().unbind(dim=1)
        return noise[(x * resolution + y) * resolution + z]

    mesh = marching_cubes(looked_up, BOX, resolution, overestimate=1e6)
    expected = dense_marching_cubes(looked_up, resolution)
    assert_same_surface(mesh, expected)
    numbers = cKDTree(expected.vertices).query(mesh.vertices)[1]
    assert oriented_triangles(numbers[mesh.triangles]) == oriented_triangles(expected.triangles)


def test_components_around_single_samples_are_found() -> None:
    mesh = marching_cubes(crumbs, BOX, RESOLUTION)
    assert igl.facet_components(mesh.triangles)[0] == 8
    assert_same_surface(mesh, dense_marching_cubes(crumbs, RESOLUTION))


@pytest.mark.parametrize("resolution", [2, 3, 4, 5, 16, 17, 33])
def test_every_resolution_fits(resolution: int) -> None:
    def corner(points: Tensor) -> Tensor:
        return ball(points, BOX[1], 0.9)

    assert_same_surface(marching_cubes(corner, BOX, resolution), dense_marching_cubes(corner, resolution))


def test_a_surface_is_followed_to_where_values_break_the_promise() -> None:
    def exaggerated(points: Tensor) -> Tensor:
        return strand(points) * torch.where(points[:, 1] > 0.0, 20.0, 1.0)

    mesh = marching_cubes(exaggerated, BOX, RESOLUTION)
    assert_same_surface(mesh, dense_marching_cubes(exaggerated, RESOLUTION))


def test_a_larger_overestimate_can_be_allowed_for() -> None:
    def exaggerated(points: Tensor) -> Tensor:
        return two_balls(points) * torch.where(points[:, 0] > 0.2, 8.0, 1.0)

    mesh = marching_cubes(exaggerated, BOX, RESOLUTION, overestimate=8.0)
    assert_same_surface(mesh, dense_marching_cubes(exaggerated, RESOLUTION))
    assert igl.facet_components(mesh.triangles)[0] == 2
    assert igl.facet_components(marching_cubes(exaggerated, BOX, RESOLUTION).triangles)[0] == 1


UNION: tuple[Field, ...] = (
    ball,
    plate,
    strand,
    lambda points: ball(points, CENTRE + 0.01, 0.29),  # hidden in the first, but for a sliver
    lambda points: ball(points, torch.tensor([-0.3, 0.5, 0.2]), 0.05),
)


class CountedUnion:
    """Distances to several surfaces, counting how many points each is asked for."""

    def __init__(self, parts: tuple[Field, ...]) -> None:
        self.parts = parts
        self.asked = torch.zeros(len(parts), dtype=torch.long)

    def __call__(self, points: Tensor, wanted: Tensor) -> Tensor:
        self.asked += wanted.sum(dim=0)
        return torch.stack([part(points) for part in self.parts], dim=1).masked_fill(~wanted, torch.inf)

    def least(self, points: Tensor) -> Tensor:
        return torch.stack([part(points) for part in self.parts], dim=1).amin(dim=1)


def test_a_union_has_the_surface_of_the_least_distance() -> None:
    union = CountedUnion(UNION)
    mesh = marching_cubes_of_union(union, len(UNION), BOX, RESOLUTION)
    assert_same_surface(mesh, dense_marching_cubes(union.least, RESOLUTION))


def test_parts_of_a_union_are_asked_for_only_where_they_matter() -> None:
    union = CountedUnion((ball, lambda points: ball(points, torch.tensor([-0.4, 0.6, 0.25]), 0.05)))
    alone = Counted(union.least)
    marching_cubes_of_union(union, 2, BOX, 193)
    marching_cubes(alone, BOX, 193)
    assert union.asked[1] < 0.2 * alone.samples
    assert union.asked.sum() < 1.15 * alone.samples


@pytest.mark.parametrize("parts", [0, MOST_PARTS + 1])
def test_too_many_parts_are_refused(parts: int) -> None:
    with pytest.raises(ValueError, match=f"{parts} parts are not between 1 and"):
        marching_cubes_of_union(lambda points, wanted: ball(points)[:, None], parts, BOX, 64)


@pytest.mark.parametrize(("field", "share"), [(ball, 0.06), (plate, 0.06), (strand, 0.02), (two_balls, 0.02)])
def test_few_samples_are_evaluated_in_small_chunks(field: Field, share: float) -> None:
    counted = Counted(field)
    marching_cubes(counted, BOX, 131)
    assert counted.samples < share * 131**3
    assert counted.largest_chunk <= 40_000
    assert counted.outside == 0


def test_hardly_more_samples_than_the_corners_of_crossed_cells_are_evaluated() -> None:
    counted = Counted(ball)
    mesh = marching_cubes(counted, BOX, 193)
    assert counted.samples < 4 * len(mesh.vertices)


def test_vertices_lie_on_a_ball_and_normals_point_outwards() -> None:
    mesh = marching_cubes(ball, BOX, 96)
    outwards = mesh.vertices - CENTRE.numpy()
    assert np.abs(np.linalg.norm(outwards, axis=1) - 0.3).max() < 1e-3
    assert (normals(mesh) * outwards[mesh.triangles[:, 0]]).sum(axis=1).min() > 0
    volume = (normals(mesh) * mesh.vertices[mesh.triangles[:, 0]]).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi * 0.3**3, rel=2e-3)


def test_a_closed_surface_has_two_triangles_at_every_edge() -> None:
    mesh = marching_cubes(torus, BOX, RESOLUTION)
    edges = np.sort(mesh.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    distinct, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()
    assert len(mesh.vertices) - len(distinct) + len(mesh.triangles) == 0  # Euler characteristic of a torus


def test_no_surface_gives_no_triangles() -> None:
    mesh = marching_cubes(lambda points: ball(points) + 2.0, BOX, 64)
    assert mesh.vertices.shape == (0, 3)
    assert mesh.triangles.shape == (0, 3)


@pytest.mark.skipif("FACETALK_GOLDEN" not in os.environ, reason="FACETALK_GOLDEN names no folder of golden files")
def test_the_convention_is_the_published_models_own() -> None:
    with np.load(Path(os.environ["FACETALK_GOLDEN"]) / "meshing/ellipsoid.npz", allow_pickle=False) as archive:
        golden = dict(archive)
    resolution = int(golden["resolution"])
    box = torch.from_numpy(np.stack([golden["box_min"], golden["box_max"]]))
    values = torch.from_numpy(golden["sdf"])

    def looked_up(points: Tensor) -> Tensor:
        x, y, z = torch.round((points - box[0]) / (box[1] - box[0]) * (resolution - 1)).long().unbind(dim=1)
        return values[(x * resolution + y) * resolution + z]

    expected = TriangleMesh(golden["vertices"], golden["faces"].astype(np.int64))
    assert_same_surface(marching_cubes(looked_up, box, resolution), expected)


def test_double_precision_is_kept() -> None:
    box = BOX.double()
    expected = dense_marching_cubes(ball, 64, box)
    assert cKDTree(expected.vertices).query(marching_cubes(ball, box, 64).vertices)[0].max() < 1e-12


def test_progress_rises_to_one() -> None:
    fractions: list[float] = []
    marching_cubes(ball, BOX, 193, progress=fractions.append)
    assert len(fractions) >= 8
    assert fractions == sorted(fractions)
    assert fractions[0] < 0.1
    assert fractions[-1] == 1.0


@pytest.mark.parametrize("reports", [1, 3, 6])
def test_progress_can_cancel(reports: int) -> None:
    counted = Counted(ball)
    fractions: list[float] = []

    def stop(fraction: float) -> None:
        fractions.append(fraction)
        if len(fractions) == reports:
            raise Cancelled

    with pytest.raises(Cancelled):
        marching_cubes(counted, BOX, 128, progress=stop)
    assert len(fractions) == reports
    assert counted.samples <= reports * 40_000


@pytest.mark.parametrize("resolution", [-1, 1, HIGHEST_RESOLUTION + 1])
def test_a_resolution_out_of_range_is_refused(resolution: int) -> None:
    with pytest.raises(ValueError, match=f"resolution {resolution} is not between 2 and"):
        marching_cubes(ball, BOX, resolution)


def test_an_overestimate_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"overestimate 0\.9"):
        marching_cubes(ball, BOX, 64, overestimate=0.9)


def test_a_field_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        marching_cubes(lambda points: ball(points) * torch.nan, BOX, 64)
