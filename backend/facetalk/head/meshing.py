"""From signed distance to triangles: sparse marching cubes, coarse to fine.

Cells are halved like those of an octree. A cell is kept only if its centre is too near the surface to rule out that the
surface passes; the centre of a cell of an even number of finest cells is itself a sample of the finest grid, so that no
evaluation is lost. At the finest level a sample whose neighbour is far enough from the surface has the neighbour's
sign, and is evaluated only if the surface turns out to pass beside it. What remains is little more than the corners of
the cells that the surface passes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, product

import igl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.head.parametric_head import DistanceField
from facetalk.head.sampled_grid import SampledGrid

COARSEST_CELLS = 16  # per axis, at least, if there are as many: the larger a cell, the farther off its value is trusted
HIGHEST_RESOLUTION = 1024  # the grid keeps 8 bytes a sample: 9 GB
MOST_PARTS = 15  # one bit each
OVERESTIMATE = 1.3  # with which the embedded head loses nothing
NEAR_OVERESTIMATE = 1 / OVERESTIMATE  # of this, what is allowed for within a step: trained values are best there

# Corners of a cell in the order of the marching cubes tables, and the four of them on each of its faces.
CORNERS = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))
FACES = {
    (axis, side): [number for number, corner in enumerate(CORNERS) if corner[axis] == side]
    for axis, side in product(range(3), (0, 1))
}
EDGES = [
    (one, other)
    for one, other in combinations(range(len(CORNERS)), 2)
    if sum(a != b for a, b in zip(CORNERS[one], CORNERS[other], strict=True)) == 1
]

# Shares of the work, for the progress: down to the last centres, down to the last signs, and all but the triangles.
CENTRES_DONE, SIGNS_DONE, SAMPLES_DONE = 0.35, 0.85, 0.95


@dataclass(frozen=True)
class TriangleMesh:
    """A triangle mesh in head units.

    Attributes:
        vertices: ``[V, 3]`` float64.
        triangles: ``[F, 3]`` int64, normals outwards.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]


@torch.no_grad()
def marching_cubes(
    distance: Callable[[Tensor], Tensor],
    box: Tensor,
    resolution: int = 256,
    progress: Callable[[float], None] | None = None,
    overestimate: float = OVERESTIMATE,
) -> TriangleMesh:
    """The zero surface of a signed distance, the same as marching cubes over the whole grid gives.

    The grid is the NPHM family's: inclusive at both ends of the box on every axis, so that cells are not cubes.

    The field need only be near a distance. Values too small cost samples and do no harm. Where a value exceeds
    ``overestimate`` times the true distance, a component smaller than the excess may be missed; what is found is
    followed to its end all the same.

    Args:
        distance: maps points ``[N, 3]`` to distances ``[N]``, negative inside.
        box: lowest and highest corner ``[2, 3]``, on the device where the grid is kept.
        resolution: samples per axis, 2 to ``HIGHEST_RESOLUTION``.
        progress: called with the fraction done after every chunk of samples; may raise to cancel.
        overestimate: largest factor by which the size of a value exceeds the distance to the surface. The default
            is what the embedded head needs at its worst; ``facetalk bench head`` measures it.

    Raises:
        ValueError: the resolution is out of range, ``overestimate`` is below 1, or a distance is not a number.
    """
    return marching_cubes_of_union(
        lambda points, wanted: distance(points)[:, None], 1, box, resolution, progress, overestimate
    )


@torch.no_grad()
def marching_cubes_of_union(
    distances: DistanceField,
    parts: int,
    box: Tensor,
    resolution: int = 256,
    progress: Callable[[float], None] | None = None,
    overestimate: float = OVERESTIMATE,
) -> TriangleMesh:
    """The zero surface of the nearest of several signed distances, the same as ``marching_cubes`` of their least gives.

    Distances are asked for only where they may be the least and near zero, which makes this much cheaper where
    every distance costs something of its own.

    Args:
        distances: maps points ``[N, 3]`` to distances ``[N, P]``, negative inside, infinite where they are not
            wanted, which a second argument ``[N, P]`` says.
        parts: P, at most ``MOST_PARTS``.
        box, resolution, progress, overestimate: as those of ``marching_cubes``.

    Raises:
        ValueError: as from ``marching_cubes``, or there are too many parts.
    """
    if not 2 <= resolution <= HIGHEST_RESOLUTION:
        raise ValueError(f"resolution {resolution} is not between 2 and {HIGHEST_RESOLUTION}")
    if overestimate < 1:
        raise ValueError(f"overestimate {overestimate} is below 1")
    if not 1 <= parts <= MOST_PARTS:
        raise ValueError(f"{parts} parts are not between 1 and {MOST_PARTS}")
    grid = SampledGrid(distances, parts, box, resolution, progress or (lambda fraction: None))
    centres = _centres_near_surface(grid, overestimate)
    _settle_signs(grid, centres, overestimate)
    mesh = _march(grid, _crossed_cells(grid, centres, overestimate))
    grid.progress(1.0)
    return mesh


def _centres_near_surface(grid: SampledGrid, overestimate: float) -> Tensor:
    """Centres ``[M]`` of the cells, two finest cells wide, that the surface may pass."""
    device, last = grid.box.device, grid.resolution - 1
    width = 2
    while math.ceil(last / (2 * width)) >= COARSEST_CELLS:
        width *= 2
    axis = torch.arange(0, last, width, device=device)
    lowest = torch.cartesian_prod(axis, axis, axis)
    wanted = torch.ones(len(lowest), len(grid.bits), dtype=torch.bool, device=device)
    while True:
        # The cells at the upper ends may stick out of the grid; what is inside is nearer to the last sample.
        centres = grid.numbers((lowest + width // 2).clamp(max=last))
        distances = grid.sample_parts(centres, wanted, CENTRES_DONE * (2 / width) ** 2)
        radius = width / 2 * float(np.linalg.norm(grid.spacing))
        crossed = distances.abs() <= overestimate * radius
        kept = crossed.any(dim=1) & (distances >= -overestimate * radius).all(dim=1)
        # Values at edges that the surface crosses are within a step of zero.
        wanted = (distances.abs() <= overestimate * (radius + max(grid.spacing)))[kept]
        if width == 2:
            grid.mark_nearby(centres[kept], wanted)
            return centres[kept]
        width //= 2
        lowest = (lowest[kept, None] + width * torch.tensor(CORNERS, device=device)).view(-1, 3)
        inside = (lowest < last).all(dim=1)
        lowest, wanted = lowest[inside], wanted.repeat_interleave(len(CORNERS), dim=0)[inside]


def _settle_signs(grid: SampledGrid, centres: Tensor, overestimate: float) -> None:
    """Find the sign at every corner of the finest cells around the centres.

    From the centres outwards, each ring takes its signs from the one before where that is far enough from the surface.
    """
    around = tuple(product((-1, 0, 1), repeat=3))
    neighbours = torch.tensor([side * stride for stride in grid.strides for side in (-1, 1)], device=centres.device)
    trusted = max(1.0, NEAR_OVERESTIMATE * overestimate)
    reach = trusted * torch.tensor(grid.spacing, device=centres.device).repeat_interleave(2)
    neighbours, reach = neighbours[:, None], reach[:, None]
    for ring in (1, 2, 3):
        steps = tuple(step for step in around if sum(map(abs, step)) == ring)
        unsettled = grid.distinct(centres[:, None] + grid.offsets(steps), unless=grid.settled)
        values = grid.values[unsettled + neighbours]
        clearance, clearest = (values.abs() - reach).nan_to_num(nan=0.0).max(dim=0)
        clear = clearance > 0
        sign = values.gather(0, clearest[None])[0].sign()
        grid.values[unsettled[clear]] = (sign * clearance)[clear]
        grid.settled[unsettled[clear]] = True
        grid.sample(unsettled[~clear], CENTRES_DONE + (SIGNS_DONE - CENTRES_DONE) * ring / 3)


def _crossed_cells(grid: SampledGrid, centres: Tensor, overestimate: float) -> Tensor:
    """The finest cells ``[C]`` that the surface crosses, both ends of every crossed edge sampled.

    Found around the centres, and followed from cell to cell through the faces that the surface crosses.
    """
    corners = grid.offsets(CORNERS)[:, None]
    doubtful = (overestimate - max(1.0, NEAR_OVERESTIMATE * overestimate)) * max(grid.spacing)
    cells = (centres - corners).flatten()  # no two centres share one
    cells = cells[~grid.visited[cells]]
    cells = cells[_mixed(grid.values[cells + corners] < 0)]
    crossed = [cells[:0]]
    while len(cells):
        grid.visited[cells] = True
        numbers = cells + corners
        while True:
            values = grid.values[numbers]
            inside = values < 0
            needed = ~(values.abs() > doubtful)
            for one, other in EDGES:
                cut = inside[one] ^ inside[other]
                needed[one] |= cut
                needed[other] |= cut
            missing = grid.distinct(numbers[needed], unless=grid.sampled)
            if not len(missing):
                break
            grid.sample(missing, SAMPLES_DONE)
        crossed.append(cells[_mixed(inside)])
        beyond = [
            cells[_mixed(inside[face])] + (2 * side - 1) * grid.strides[axis] for (axis, side), face in FACES.items()
        ]
        cells = grid.distinct(torch.cat(beyond), unless=grid.visited)
    return torch.cat(crossed)


def _mixed(inside: Tensor) -> Tensor:
    """Where, of marks ``[K, C]``, some are set and some are not ``[C]``."""
    return inside.any(dim=0) & ~inside.all(dim=0)


def _march(grid: SampledGrid, cells: Tensor) -> TriangleMesh:
    corners = cells[:, None] + grid.offsets(CORNERS)
    used = grid.distinct(corners)
    rows = torch.empty(grid.values.shape, dtype=torch.int32, device=used.device)
    rows[used] = torch.arange(len(used), dtype=torch.int32, device=used.device)
    low, high = grid.box.cpu().numpy().astype(np.float64)
    positions = low + grid.places(used).cpu().numpy() * (high - low) / (grid.resolution - 1)
    values = grid.values[used].cpu().numpy().astype(np.float64)
    # A sample on the surface counts as outside, as it does for the published models; the library says inside.
    values[values == 0] = np.finfo(np.float64).tiny
    vertices, triangles, _ = igl.marching_cubes(values, positions, rows[corners].cpu().numpy().astype(np.int64), 0.0)
    return TriangleMesh(vertices, triangles)
