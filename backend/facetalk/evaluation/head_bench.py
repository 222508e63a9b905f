"""How fast a head is, and whether sparse meshing finds what marching cubes over the whole grid finds."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import igl
import mcubes
import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from torch import Tensor

from facetalk.errors import UserError
from facetalk.head.head_surface import head_surface, parts_field
from facetalk.head.meshing import TriangleMesh, marching_cubes_of_union
from facetalk.head.parametric_head import DistanceField, ParametricHead
from facetalk.head.sampled_grid import POINTS_PER_CHUNK

SPARSE_RESOLUTIONS = (64, 128, 256)
FRAMES = 50
CHECKED_SAMPLES = 100_000  # of the dense grid, compared with the distance to the surface
RESIDUE = 2e-4  # head units: the way back to a mean head is found to this, and what is nearer to zero has any sign
CLEAR_OF_SURFACE = 2.0  # cells; nearer samples would measure the triangles, not the field

Progress = Callable[[str, float], None]
Distance = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class MeshingRun:
    """One meshing.

    Attributes:
        resolution: samples per axis.
        samples: how many were evaluated.
        seconds: evaluation and triangles.
        processor_seconds: the same, of the processor's time alone: what else the machine does counts less.
        mesh: the surface.
    """

    resolution: int
    samples: int
    seconds: float
    processor_seconds: float
    mesh: TriangleMesh


@dataclass(frozen=True)
class HeadBench:
    """What ``facetalk bench head`` measures.

    Attributes:
        points: how many points were posed.
        prepare_seconds: what is done once for an identity.
        frame_milliseconds: posing all points, per frame.
        sparse: by rising resolution.
        dense: the whole grid.
        compared: the sparse meshing at the resolution of the dense one.
        hausdorff: largest distance between the two surfaces, both ways, in cells of their grid; the dense one's samples
            that are a residue of zero are the sparse one's (``replace_residues``).
        sparse_components: connected pieces of the sparse surface.
        dense_components: connected pieces of the dense surface.
        overestimate: largest factor by which the head's value exceeds the distance to the surface, over samples of the
            whole box; sparse meshing promises the dense surface while it is told no smaller one.
    """

    points: int
    prepare_seconds: float
    frame_milliseconds: float
    sparse: tuple[MeshingRun, ...]
    dense: MeshingRun
    compared: MeshingRun
    hausdorff: float
    sparse_components: int
    dense_components: int
    overestimate: float

    @property
    def speedup(self) -> float:
        """How many times as long as the sparse meshing the dense one takes."""
        return self.dense.seconds / self.compared.seconds

    @property
    def processor_speedup(self) -> float:
        """The same for the processor's time."""
        return self.dense.processor_seconds / self.compared.processor_seconds


def require_part(head: ParametricHead, part: str | None) -> None:
    """Check the name of a part; None is all of them.

    Raises:
        UserError: the head has no such part.
    """
    if part is not None and part not in head.parts:
        raise UserError(f"The head has no part {part!r}: choose one of {', '.join(head.parts)}, or none for all.")


def part_distance(head: ParametricHead, identity: Tensor, part: str | None) -> Distance:
    """The signed distance ``[N, 3] -> [N]`` to one part of a head, or to the nearest of all.

    Raises:
        UserError: the head has no such part.
    """
    require_part(head, part)
    if part is None:
        return lambda points: head.signed_distance(points, identity).min(dim=1).values
    channel = head.parts.index(part)
    return lambda points: head.signed_distance(points, identity)[:, channel]


def bench_head(
    head: ParametricHead,
    identity: Tensor,
    points: Tensor,
    parts: Tensor,
    progress: Progress,
    part: str | None = None,
    dense_resolution: int = 256,
) -> HeadBench:
    """Measure one head, everything in one run on its device.

    Args:
        head: the head.
        identity: identity code ``[I]``.
        points: canonical points to pose ``[N, 3]``, as many as a template has.
        parts: part index of every point ``[N]``.
        progress: told of each stage's name and the share of it that is done.
        part: the part to mesh; all of them together by default.
        dense_resolution: samples per axis of the dense grid, 2 or more.

    Raises:
        UserError: the head has no such part, or no surface in the box.
    """
    require_part(head, part)
    prepare_seconds, frame_milliseconds = _time_posing(head, identity, points, parts, progress)
    head_surface(head, identity, resolution=SPARSE_RESOLUTIONS[0])  # once for nothing: caches fill, kernels load
    resolutions = sorted({*SPARSE_RESOLUTIONS, dense_resolution})
    sparse = tuple(mesh_sparsely(head, identity, part, resolution, progress) for resolution in resolutions)
    compared = sparse[resolutions.index(dense_resolution)]
    distance = part_distance(head, identity, part)
    dense, values = mesh_densely(distance, head.box, dense_resolution, progress)
    if not (len(dense.mesh.triangles) and len(compared.mesh.triangles)):
        raise UserError("The head has no surface in its box: choose another part or identity.")
    progress("compare", 0.0)
    parts_meshed = range(len(head.parts)) if part is None else [head.parts.index(part)]
    replace_residues(values, parts_field(head, identity, parts_meshed), len(parts_meshed), head.box)
    of_same_field = march_densely(values, head.box)
    return HeadBench(
        points=len(points),
        prepare_seconds=prepare_seconds,
        frame_milliseconds=frame_milliseconds,
        sparse=sparse,
        dense=dense,
        compared=compared,
        hausdorff=hausdorff_cells(compared.mesh, of_same_field, head.box, dense_resolution),
        sparse_components=_components(compared.mesh),
        dense_components=_components(of_same_field),
        overestimate=largest_overestimate(values, dense.mesh, head.box),
    )


def mesh_sparsely(
    head: ParametricHead, identity: Tensor, part: str | None, resolution: int, progress: Progress
) -> MeshingRun:
    """Time the sparse meshing of a part, or of all, with what it prepares for the identity, and count its samples."""
    samples = 0
    name = f"sparse {resolution}"
    start, processor_start = time.perf_counter(), time.process_time()
    parts = range(len(head.parts)) if part is None else [head.parts.index(part)]
    field = parts_field(head, identity, parts)

    def counted(points: Tensor, wanted: Tensor) -> Tensor:
        nonlocal samples
        samples += len(points)
        return field(points, wanted)

    mesh = marching_cubes_of_union(counted, len(parts), head.box, resolution, lambda fraction: progress(name, fraction))
    seconds, processor_seconds = time.perf_counter() - start, time.process_time() - processor_start
    return MeshingRun(resolution, samples, seconds, processor_seconds, mesh)


@torch.no_grad()
def mesh_densely(
    distance: Distance, box: Tensor, resolution: int, progress: Progress
) -> tuple[MeshingRun, NDArray[np.float32]]:
    """Marching cubes over every sample of the grid, and the samples ``[R, R, R]``."""
    start, processor_start = time.perf_counter(), time.process_time()
    values = np.empty(resolution**3, dtype=np.float32)
    for first in range(0, len(values), POINTS_PER_CHUNK):
        numbers = torch.arange(first, min(first + POINTS_PER_CHUNK, len(values)), device=box.device)
        values[first : first + POINTS_PER_CHUNK] = distance(_points(numbers, box, resolution)).cpu().numpy()
        progress(f"dense {resolution}", (first + len(numbers)) / len(values))
    grid = values.reshape(resolution, resolution, resolution)
    mesh = march_densely(grid, box)
    seconds, processor_seconds = time.perf_counter() - start, time.process_time() - processor_start
    return MeshingRun(resolution, len(values), seconds, processor_seconds, mesh), grid


def march_densely(values: NDArray[np.float32], box: Tensor) -> TriangleMesh:
    """Marching cubes over all samples ``[R, R, R]`` of a box ``[2, 3]``."""
    # The library takes the inside to be above the threshold.
    vertices, triangles = mcubes.marching_cubes(-values, 0.0)
    low, high = box.cpu().numpy().astype(np.float64)
    return TriangleMesh(low + vertices * (high - low) / (len(values) - 1), triangles.astype(np.int64))


@torch.no_grad()
def replace_residues(values: NDArray[np.float32], field: DistanceField, parts: int, box: Tensor) -> None:
    """Take samples so near zero that their sign is chance from the field that sparse meshing asks, in place.

    Both are the same distance but for what their ways back to the mean head leave; a single sample in a pocket of air
    inside a head that is above zero in one and below in the other makes surfaces a cell apart.

    Args:
        values: samples ``[R, R, R]``.
        field: prepared for the identity.
        parts: how many distances it tells.
        box: lowest and highest corner of the grid ``[2, 3]``.
    """
    numbers = torch.from_numpy(np.flatnonzero(np.abs(values) < RESIDUE)).to(box.device)
    for some in numbers.split(POINTS_PER_CHUNK):
        wanted = torch.ones(len(some), parts, dtype=torch.bool, device=box.device)
        distances = field(_points(some, box, len(values)), wanted).amin(dim=1)
        values.reshape(-1)[some.cpu().numpy()] = distances.cpu().numpy()


def hausdorff_cells(one: TriangleMesh, other: TriangleMesh, box: Tensor, resolution: int) -> float:
    """Largest distance between two surfaces, both ways, in cells: head units over the cell's sides, axis by axis.

    Taken at the vertices and the centres of the triangles of one, to the nearest point on the triangles of the other.
    """
    low, high = box.cpu().numpy().astype(np.float64)
    cell = (high - low) / (resolution - 1)
    in_cells = [TriangleMesh(mesh.vertices / cell, mesh.triangles) for mesh in (one, other)]
    return max(
        float(_distances(np.concatenate([a.vertices, a.vertices[a.triangles].mean(axis=1)]), b).max())
        for a, b in (in_cells, reversed(in_cells))
    )


def largest_overestimate(values: NDArray[np.float32], mesh: TriangleMesh, box: Tensor) -> float:
    """Largest factor by which a field's value exceeds the distance to its surface.

    Args:
        values: samples of the field ``[R, R, R]``; ``CHECKED_SAMPLES`` of them are checked, those off the surface.
        mesh: its surface.
        box: lowest and highest corner of the grid ``[2, 3]``.
    """
    low, high = box.cpu().numpy().astype(np.float64)
    cell = (high - low) / (len(values) - 1)
    places = np.random.default_rng(0).integers(0, len(values), (CHECKED_SAMPLES, 3))
    distances = _distances(low + places * cell, mesh)
    clear = distances > CLEAR_OF_SURFACE * cell.max()
    return float((np.abs(values[tuple(places[clear].T)]) / distances[clear]).max(initial=0.0))


def bench_table(bench: HeadBench, load_seconds: float, device: str) -> Table:
    """The figures, one row each."""
    table = Table("what", title=f"The head on {device}", title_justify="left")
    table.add_column("measured", justify="right")
    table.add_column("")
    table.add_row("load", f"{load_seconds:.2f} s")
    table.add_row("prepare an identity", f"{bench.prepare_seconds:.2f} s", f"{bench.points} points")
    table.add_row("pose", f"{bench.frame_milliseconds:.2f} ms", f"a frame of {bench.points} points")
    for name, runs in (("sparse", bench.sparse), ("dense", (bench.dense,))):
        table.add_section()
        for run in runs:
            share = run.resolution**3 / run.samples
            grid = f"{run.samples:,} samples, 1/{share:.1f} of the grid; {len(run.mesh.triangles):,} triangles"
            table.add_row(f"{name} meshing, {run.resolution}", f"{run.seconds:.2f} s", grid)
    table.add_section()
    table.add_row("dense over sparse", f"{bench.speedup:.1f} x", f"time, both at {bench.dense.resolution}")
    both = f"{bench.dense.processor_seconds:.1f} s over {bench.compared.processor_seconds:.1f} s"
    table.add_row("", f"{bench.processor_speedup:.1f} x", f"the processor's own time: {both}")
    table.add_row("Hausdorff distance", f"{bench.hausdorff:.5f} cells", "largest distance of the surfaces, both ways")
    table.add_row("components", f"{bench.sparse_components} / {bench.dense_components}", "sparse / dense")
    table.add_row("overestimate", f"{bench.overestimate:.2f} x", "worst value over its distance to the surface")
    return table


def _time_posing(
    head: ParametricHead, identity: Tensor, points: Tensor, parts: Tensor, progress: Progress
) -> tuple[float, float]:
    """Seconds to prepare points, and milliseconds to pose them for one frame."""
    progress("pose", 0.0)
    direction = torch.randn(head.expression_size, generator=torch.Generator().manual_seed(0))
    motion = torch.linspace(0, 1, FRAMES)[:, None] * direction
    start = time.perf_counter()
    prepared = head.prepare(points.to(head.device), parts.to(head.device), identity)
    prepared.pose(motion[:1].to(head.device)).points.cpu()  # waits for a GPU; the first frame warms it up
    prepare_seconds = time.perf_counter() - start
    start = time.perf_counter()
    prepared.pose(motion.to(head.device)).points.cpu()
    return prepare_seconds, 1000 * (time.perf_counter() - start) / FRAMES


def _points(numbers: Tensor, box: Tensor, resolution: int) -> Tensor:
    """Where samples ``[N]`` of a grid are ``[N, 3]``, counted x slowest."""
    places = torch.stack([numbers // resolution**2, numbers // resolution % resolution, numbers % resolution], dim=1)
    return box[0] + places * ((box[1] - box[0]) / (resolution - 1))


def _distances(points: NDArray[np.float64], mesh: TriangleMesh) -> NDArray[np.float64]:
    squared = igl.point_mesh_squared_distance(np.ascontiguousarray(points), mesh.vertices, mesh.triangles)[0]
    return np.asarray(np.sqrt(squared))


def _components(mesh: TriangleMesh) -> int:
    return int(igl.facet_components(mesh.triangles)[0])
