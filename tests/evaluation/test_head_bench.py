"""The bench of heads, on a head of two balls."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

from facetalk.errors import UserError
from facetalk.evaluation.head_bench import (
    RESIDUE,
    HeadBench,
    Progress,
    bench_head,
    bench_table,
    hausdorff_cells,
    largest_overestimate,
    mesh_densely,
    mesh_sparsely,
    part_distance,
    replace_residues,
)
from facetalk.head.meshing import TriangleMesh
from facetalk.head.parametric_head import DistanceField, Posed

CENTRES = torch.tensor([[0.0, 0.1, -0.2], [0.42, 0.5, 0.2]])
RADII = torch.tensor([0.3, 0.08])


@dataclass(frozen=True)
class ShiftedPoints:
    points: Tensor

    def pose(self, expressions: Tensor) -> Posed:
        posed = self.points + expressions[:, None, :3]
        return Posed(posed, torch.ones(posed.shape[:2], dtype=torch.bool))

    def subset(self, indices: Tensor) -> "ShiftedPoints":
        return ShiftedPoints(self.points[indices])


class TwoBalls:
    """The first identity weight makes the balls larger; expressions shift them."""

    device = torch.device("cpu")
    parts: tuple[str, ...] = ("skin", "hair")
    box = torch.tensor([[-0.55, -0.50, -0.95], [0.55, 0.75, 0.40]])
    identity_size = 1
    expression_size = 4

    def anchors(self, identity: Tensor) -> Tensor:
        return CENTRES

    def signed_distance(self, points: Tensor, identity: Tensor, wanted: Tensor | None = None) -> Tensor:
        distances = (points[:, None] - CENTRES).norm(dim=2) - RADII * (1.0 + identity[0])
        return distances if wanted is None else distances.masked_fill(~wanted, torch.inf)

    def distance_field(self, identity: Tensor) -> DistanceField:
        return lambda points, wanted: self.signed_distance(points, identity, wanted)

    def identity_prior(self, identity: Tensor) -> Tensor:
        return identity.square().mean()

    def prepare(self, points: Tensor, parts: Tensor, identity: Tensor, mobility: Tensor | None = None) -> ShiftedPoints:
        return ShiftedPoints(points)


def quiet(stage: str, fraction: float) -> None:
    """A progress that nobody looks at."""


def bench_two_balls(progress: Progress, part: str | None = None, identity: float = 0.0) -> HeadBench:
    points, parts = torch.zeros(100, 3), torch.zeros(100, dtype=torch.long)
    return bench_head(TwoBalls(), torch.tensor([identity]), points, parts, progress, part, dense_resolution=65)


@pytest.fixture(scope="module")
def stages() -> list[tuple[str, float]]:
    """What the progress of ``bench`` was told."""
    return []


@pytest.fixture(scope="module")
def bench(stages: list[tuple[str, float]]) -> HeadBench:
    return bench_two_balls(lambda stage, fraction: stages.append((stage, fraction)))


def test_sparse_and_dense_meshing_are_compared_in_one_run(bench: HeadBench) -> None:
    assert [each.resolution for each in bench.sparse] == [64, 65, 128, 256]
    assert bench.compared.resolution == bench.dense.resolution == 65
    assert bench.dense.samples == 65**3
    assert bench.compared.samples < 0.15 * bench.dense.samples
    assert bench.sparse[-1].samples < 0.03 * 256**3
    assert bench.hausdorff < 1e-3
    assert (bench.sparse_components, bench.dense_components) == (2, 2)
    assert bench.overestimate == pytest.approx(1.0, abs=0.03)
    assert bench.speedup == bench.dense.seconds / bench.compared.seconds
    assert bench.processor_speedup == bench.dense.processor_seconds / bench.compared.processor_seconds
    assert bench.dense.processor_seconds > 0
    assert bench.points == 100
    assert bench.prepare_seconds > 0
    assert bench.frame_milliseconds > 0


def test_every_stage_reports_its_progress(bench: HeadBench, stages: list[tuple[str, float]]) -> None:
    meshings = [f"sparse {each.resolution}" for each in bench.sparse] + ["dense 65"]
    assert list(dict.fromkeys(stage for stage, _ in stages)) == ["pose", *meshings, "compare"]
    for meshing in meshings:
        fractions = [fraction for stage, fraction in stages if stage == meshing]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0


def test_a_single_part_can_be_chosen() -> None:
    head = TwoBalls()
    distance = part_distance(head, torch.zeros(1), "hair")
    assert distance(CENTRES).tolist() == pytest.approx([float((CENTRES[0] - CENTRES[1]).norm()) - 0.08, -0.08])
    mesh = mesh_sparsely(head, torch.zeros(1), "hair", 64, quiet).mesh
    assert np.linalg.norm(mesh.vertices - CENTRES[1].numpy(), axis=1).max() < 0.081


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(UserError, match="no part 'nose': choose one of skin, hair"):
        bench_two_balls(quiet, part="nose")


def test_a_head_without_a_surface_is_refused() -> None:
    with pytest.raises(UserError, match="no surface"):
        bench_two_balls(quiet, identity=-2.0)


def test_a_shifted_and_a_torn_surface_are_told_apart() -> None:
    box = TwoBalls.box
    mesh = mesh_sparsely(TwoBalls(), torch.zeros(1), None, 64, quiet).mesh
    cell = ((box[1] - box[0]) / 63).numpy()
    shifted = TriangleMesh(mesh.vertices + np.array([0.0, 0.7, 0.0]) * cell, mesh.triangles)
    assert 0.5 < hausdorff_cells(mesh, shifted, box, 64) <= 0.7 + 1e-6
    large = mesh.vertices[mesh.triangles[:, 0], 0] < 0.32  # the small ball left out
    torn = TriangleMesh(mesh.vertices, mesh.triangles[large])
    for one, other in ((mesh, torn), (torn, mesh)):
        assert hausdorff_cells(one, other, box, 64) > 5.0


def test_only_what_is_next_to_zero_is_asked_again() -> None:
    head, identity = TwoBalls(), torch.zeros(1)
    values = mesh_densely(part_distance(head, identity, None), head.box, 33, quiet)[1]
    known = values.copy()
    values[3, 4, 5], values[6, 7, 8] = -0.5 * RESIDUE, 2.0 * RESIDUE
    replace_residues(values, head.distance_field(identity), 2, head.box)
    assert values[3, 4, 5] == pytest.approx(known[3, 4, 5], abs=1e-6)
    assert values[6, 7, 8] == np.float32(2.0 * RESIDUE)


def test_an_overestimate_of_the_distance_is_found() -> None:
    distance = part_distance(TwoBalls(), torch.zeros(1), "skin")

    def doubled_inside(points: Tensor) -> Tensor:
        return distance(points) * torch.where(distance(points) < 0, 2.0, 0.7)

    dense, values = mesh_densely(doubled_inside, TwoBalls.box, 64, quiet)
    assert largest_overestimate(values, dense.mesh, TwoBalls.box) == pytest.approx(2.0, abs=0.05)


def test_the_table_says_device_and_figures(bench: HeadBench) -> None:
    console = Console(file=io.StringIO(), width=200)
    console.print(bench_table(bench, 1.25, "an abacus"))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "The head on an abacus" in text
    assert "1.25 s" in text
    assert f"{bench.speedup:.1f} x" in text
    assert f"{bench.processor_speedup:.1f} x" in text
    assert f"{bench.compared.samples:,} samples" in text
    assert f"{bench.dense.samples:,} samples" in text
