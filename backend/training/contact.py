"""Where the scans' lips and lids meet: the weights that close them, and the head's own rule of contact."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.evaluation.contact import ContactBand
from facetalk.head.contact import Rims
from training.rims import RimGrid

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

COLUMNS = 21  # stations along a rim line, between the corners


def smallest_closing_weight(head: Array, shape: Array, band: ContactBand, low: float, high: float) -> float:
    """Bisect for the smallest weight of ``shape`` at which the rims meet along four fifths of their length."""
    for _ in range(12):
        middle = 0.5 * (low + high)
        gap = contact_gap((head + middle * shape)[None], band)[0]
        if np.quantile(gap[np.isfinite(gap)], 0.8) > 0.0:  # a column may see no vertex
            low = middle
        else:
            high = middle
    return high


def contact_gap(posed: Array, band: ContactBand) -> Array:
    """Vertical gap ``[N, COLUMNS]`` between the rims of a band on heads ``[N, V, 3]``; negative where they cross."""
    left, right = (posed[:, corner, 0] for corner in band.corners)
    x = left[:, None] + (right - left)[:, None] * np.linspace(0.10, 0.90, COLUMNS)
    half_width = 0.75 * (right - left)[:, None, None] / COLUMNS
    extreme = []
    for vertices, sign in ((band.upper, 1.0), (band.lower, -1.0)):
        off_column = np.abs(posed[:, None, vertices, 0] - x[..., None]) > half_width
        height = np.where(off_column, np.inf, sign * posed[:, None, vertices, 1])
        extreme.append(sign * height.min(axis=-1))
    return np.asarray(extreme[0] - extreme[1])


@dataclass(frozen=True)
class KitContact:
    """Two facing rims of a kit of heads in one topology.

    Attributes:
        grid: their vertices ``[2, R, C]``.
        rims: on the mean head.
        near, gains: of ``Rims.bind``.
    """

    grid: Indices
    rims: Rims
    near: Tensor
    gains: Tensor

    @classmethod
    def of(cls, name: str, mean: Array, skin: Indices, grid: RimGrid) -> "KitContact":
        """The contact of the rims of a name on a mean head ``[V, 3]`` in canonical pose; its skin moves."""
        points = torch.from_numpy(mean)
        rims = Rims.of(name, points[torch.from_numpy(grid.vertices)], grid.line)
        movable = torch.zeros(len(mean), dtype=torch.bool)
        movable[torch.from_numpy(skin)] = True
        return cls(grid.vertices, rims, *rims.bind(points, movable))

    def resolve(self, posed: Array, touching: Tensor) -> None:
        """Part what crosses and close what is all but shut (``touching [N]``) on heads ``[N, V, 3]``, in place."""
        grid = torch.from_numpy(posed[:, self.grid])
        for axis, gain in self.rims.corrections(grid, touching.double(), self.gains):
            posed[:, self.near.numpy(), axis] += gain.numpy()
