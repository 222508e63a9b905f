"""A signed distance on a regular grid, of which only some samples are known."""

from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor

from facetalk.head.parametric_head import DistanceField

POINTS_PER_CHUNK = 40_000  # evaluated between two reports of progress


class SampledGrid:
    """What is known of a field on a regular grid.

    Samples are numbered x slowest, with one layer of empty samples around the grid, so that every sample has all its
    neighbours. A cell has the number of its lowest corner.

    Attributes:
        values: sampled distances; or, with the right sign, a distance that the true one exceeds; NaN if unknown.
        sampled: whether the value is the field's own.
        nearby: the parts to be asked for at a sample, one bit each; none stands for all.
        settled: whether the sign is known; true outside the grid, where none is wanted.
        visited: whether the cell has been found to be crossed; true outside the grid, where there is none.
        strides: difference in number between neighbours along each axis.
        spacing: distance between neighbours along each axis, head units.
    """

    def __init__(
        self,
        distances: DistanceField,
        parts: int,
        box: Tensor,
        resolution: int,
        progress: Callable[[float], None],
    ) -> None:
        side = resolution + 2
        self.resolution, self.box, self.progress = resolution, box, progress
        self.bits = 2 ** torch.arange(parts, dtype=torch.int16, device=box.device)
        self.strides = (side * side, side, 1)
        self.spacing: list[float] = ((box[1] - box[0]) / (resolution - 1)).tolist()
        self.values = torch.full((side**3,), torch.nan, dtype=box.dtype, device=box.device)
        self.sampled = torch.zeros(side**3, dtype=torch.bool, device=box.device)
        self.nearby = torch.zeros(side**3, dtype=torch.int16, device=box.device)
        self.settled, self.visited = torch.ones_like(self.sampled), torch.ones_like(self.sampled)
        self.settled.view(side, side, side)[1:-1, 1:-1, 1:-1] = False
        self.visited.view(side, side, side)[1:-2, 1:-2, 1:-2] = False
        self._marks = torch.zeros(-(-(side**3) // 8) * 8, dtype=torch.bool, device=box.device)
        self._distances = distances
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

    def mark_nearby(self, numbers: Tensor, near: Tensor) -> None:
        """Say which parts ``[N, P]`` to ask for at samples ``[N]`` and all samples next to them."""
        marks = (near * self.bits).sum(dim=1, dtype=torch.int16)
        for offset in self.offsets(tuple(product((-1, 0, 1), repeat=3))).tolist():
            self.nearby[numbers + offset] |= marks

    def sample(self, numbers: Tensor, done: float) -> None:
        """Evaluate the field at samples ``[N]``, after which this fraction of all the work is done."""
        marks = self.nearby[numbers]
        marks[marks == 0] = self.bits.sum()
        self.sample_parts(numbers, (marks[:, None] & self.bits) > 0, done)

    def sample_parts(self, numbers: Tensor, wanted: Tensor, done: float) -> Tensor:
        """Evaluate wanted parts ``[N, P]`` of the field at samples ``[N]``: their distances ``[N, P]``."""
        start, self._done = self._done, done
        chunks = list(zip(numbers.split(POINTS_PER_CHUNK), wanted.split(POINTS_PER_CHUNK), strict=True))
        found = []
        for count, (chunk, asked) in enumerate(chunks if len(numbers) else (), start=1):
            points = self.box[0] + self.places(chunk) * ((self.box[1] - self.box[0]) / (self.resolution - 1))
            distances = self._distances(points, asked)
            if distances.isnan().any():
                raise ValueError("a distance is not a number")
            self.values[chunk] = distances.amin(dim=1).to(self.values)
            found.append(distances)
            self.progress(start + (done - start) * count / len(chunks))
        self.sampled[numbers] = True
        self.settled[numbers] = True
        return torch.cat(found) if found else self.values.new_empty(0, len(self.bits))
