"""From signed distance to triangles: sparse marching cubes, coarse to fine.

Cells are halved like those of an octree. A cell is kept only if its centre is too near the surface to rule out that the
surface passes; the centre of a cell of an even number of finest cells is itself a sample of the finest grid, so that no
evaluation is lost. At the finest level a sample whose neighbour is far enough from the surface has the neighbour's
sign, and is evaluated only if the surface turns out to pass beside it. What remains is little more than the corners of
the cells that the surface passes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import igl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

POINTS_PER_CHUNK = 40_000  # evaluated between two reports of progress
COARSEST_CELLS = 16  # per axis, at least, if there are as many: the larger a cell, the farther off its value is trusted
HIGHEST_RESOLUTION = 1024  # the grid keeps 8 bytes a sample: 9 GB
OVERESTIMATE = 1.5  # the embedded head's worst is 1.47

# Corners of a cell in the order of the marching cubes tables, and the four of them on each of its faces.
CORNERS = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))
FACES = {
    (axis, side): [number for number, corner in enumerate(CORNERS) if corner[axis] == side]
    for axis, side in product(range(3), (0, 1))
}

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
    if not 2 <= resolution <= HIGHEST_RESOLUTION:
        raise ValueError(f"resolution {resolution} is not between 2 and {HIGHEST_RESOLUTION}")
    if overestimate < 1:
        raise ValueError(f"overestimate {overestimate} is below 1")
    grid = _SampledGrid(distance, box, resolution, progress or (lambda fraction: None))
    centres = _centres_near_surface(grid, overestimate)
    _settle_signs(grid, centres, overestimate)
    mesh = _march(grid, _crossed_cells(grid, centres))
    grid.progress(1.0)
    return mesh


class _SampledGrid:
    """What is known of a field on a regular grid.

    Samples are numbered x slowest, with one layer of empty samples around the grid, so that every sample has all its
    neighbours. A cell has the number of its lowest corner.

    Attributes:
        values: sampled distances; or, with the right sign, a distance that the true one exceeds; NaN if unknown.
        sampled: whether the value is the field's own.
        settled: whether the sign is known; true outside the grid, where none is wanted.
        visited: whether the cell has been found to be crossed; true outside the grid, where there is none.
        strides: difference in number between neighbours along each axis.
        spacing: distance between neighbours along each axis, head units.
    """

    def __init__(
        self,
        distance: Callable[[Tensor], Tensor],
        box: Tensor,
        resolution: int,
        progress: Callable[[float], None],
    ) -> None:
        side = resolution + 2
        self.resolution, self.box, self.progress = resolution, box, progress
        self.strides = (side * side, side, 1)
        self.spacing: list[float] = ((box[1] - box[0]) / (resolution - 1)).tolist()
        self.values = torch.full((side**3,), torch.nan, dtype=box.dtype, device=box.device)
        self.sampled = torch.zeros(side**3, dtype=torch.bool, device=box.device)
        self.settled, self.visited = torch.ones_like(self.sampled), torch.ones_like(self.sampled)
        self.settled.view(side, side, side)[1:-1, 1:-1, 1:-1] = False
        self.visited.view(side, side, side)[1:-2, 1:-2, 1:-2] = False
        self._marks = torch.zeros(-(-(side**3) // 8) * 8, dtype=torch.bool, device=box.device)
        self._distance = distance
        self._done = 0.0

    def offsets(self, steps: Sequence[tuple[int, ...]]) -> Tensor:
        """Differences in number ``[S]`` that steps along the axes make."""
        return (torch.tensor(steps) * torch.tensor(self.strides)).sum(dim=1).to(self.box.device)

    def numbers(self, places: Tensor) -> Tensor:
        """Numbers ``[N]`` of the samples at places ``[N, 3]``, counted from 0 along every axis."""
        return ((places + 1) * torch.tensor(self.strides, device=places.device)).sum(dim=1)

    def places(self, numbers: Tensor) -> Tensor:
        """Places ``[N, 3]`` of the samples with these numbers ``[N]``."""
        side = self.strides[1]
        return torch.stack([numbers // side**2, numbers // side % side, numbers % side], dim=1) - 1

    def distinct(self, numbers: Tensor, unless: Tensor | None = None) -> Tensor:
        """Every number once, in order, without those that are marked."""
        if unless is not None:
            numbers = numbers[~unless[numbers]]
        self._marks[numbers] = True
        # Eight marks are looked at as one number: nearly all are empty.
        filled = self._marks.view(torch.int64).nonzero()
        marks = self._marks.view(-1, 8)[filled[:, 0]]
        found = (filled * 8 + torch.arange(8, device=filled.device))[marks]
        self._marks[found] = False
        return found

    def sample(self, numbers: Tensor, done: float) -> None:
        """Evaluate the field at samples ``[N]``, after which this fraction of all the work is done."""
        start, self._done = self._done, done
        chunks = numbers.split(POINTS_PER_CHUNK) if len(numbers) else ()
        for count, chunk in enumerate(chunks, start=1):
            points = self.box[0] + self.places(chunk) * ((self.box[1] - self.box[0]) / (self.resolution - 1))
            values = self._distance(points)
            if values.isnan().any():
                raise ValueError("a distance is not a number")
            self.values[chunk] = values.to(self.values)
            self.progress(start + (done - start) * count / len(chunks))
        self.sampled[numbers] = True
        self.settled[numbers] = True


def _centres_near_surface(grid: _SampledGrid, overestimate: float) -> Tensor:
    """Centres ``[M]`` of the cells, two finest cells wide, that the surface may pass."""
    device, last = grid.box.device, grid.resolution - 1
    width = 2
    while math.ceil(last / (2 * width)) >= COARSEST_CELLS:
        width *= 2
    axis = torch.arange(0, last, width, device=device)
    lowest = torch.cartesian_prod(axis, axis, axis)
    while True:
        # The cells at the upper ends may stick out of the grid; what is inside is nearer to the last sample.
        centres = grid.numbers((lowest + width // 2).clamp(max=last))
        grid.sample(centres, CENTRES_DONE * (2 / width) ** 2)
        radius = width / 2 * float(np.linalg.norm(grid.spacing))
        kept = grid.values[centres].abs() <= overestimate * radius
        if width == 2:
            return centres[kept]
        width //= 2
        lowest = (lowest[kept, None] + width * torch.tensor(CORNERS, device=device)).view(-1, 3)
        lowest = lowest[(lowest < last).all(dim=1)]


def _settle_signs(grid: _SampledGrid, centres: Tensor, overestimate: float) -> None:
    """Find the sign at every corner of the finest cells around the centres.

    From the centres outwards, each ring takes its signs from the one before where that is far enough from the surface.
    """
    around = tuple(product((-1, 0, 1), repeat=3))
    neighbours = torch.tensor([side * stride for stride in grid.strides for side in (-1, 1)], device=centres.device)
    reach = overestimate * torch.tensor(grid.spacing, device=centres.device).repeat_interleave(2)
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


def _crossed_cells(grid: _SampledGrid, centres: Tensor) -> Tensor:
    """The finest cells ``[C]`` that the surface crosses, all their corners sampled.

    Found around the centres, and followed from cell to cell through the faces that the surface crosses.
    """
    corners = grid.offsets(CORNERS)
    cells = grid.distinct(centres[:, None] - corners, unless=grid.visited)
    inside = [grid.values[cells + corner] < 0 for corner in corners.tolist()]
    cells = cells[_mixed(inside)]
    crossed = [cells]
    while len(cells):
        grid.visited[cells] = True
        grid.sample(grid.distinct(cells[:, None] + corners, unless=grid.sampled), SAMPLES_DONE)
        inside = [grid.values[cells + corner] < 0 for corner in corners.tolist()]
        beyond = [
            cells[_mixed([inside[corner] for corner in face])] + (2 * side - 1) * grid.strides[axis]
            for (axis, side), face in FACES.items()
        ]
        cells = grid.distinct(torch.cat(beyond), unless=grid.visited)
        crossed.append(cells)
    return torch.cat(crossed)


def _mixed(inside: list[Tensor]) -> Tensor:
    """Where some of the marks are set and some are not."""
    marks = torch.stack(inside)
    return marks.any(dim=0) & ~marks.all(dim=0)


def _march(grid: _SampledGrid, cells: Tensor) -> TriangleMesh:
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
