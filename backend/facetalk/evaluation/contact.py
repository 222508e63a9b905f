"""Lips and lids as rims that meet: where they are, and the gap between them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

COLUMNS = 21  # stations along a rim line, between the corners


@dataclass(frozen=True)
class ContactBand:
    """Two facing rims (lips, or the lids of one eye) that may touch but not cross.

    Attributes:
        upper, lower: vertices of either side.
        corners: the two vertices where the rims join, by ascending x.
        reach: how far from the rim line a correction fades out, head units.
    """

    upper: Indices
    lower: Indices
    corners: tuple[int, int]
    reach: float


def contact_gap(posed: Array, band: ContactBand) -> Array:
    """Vertical gap ``[N, COLUMNS]`` between the rims of a band on heads ``[N, V, 3]``; negative where they cross."""
    top, bottom, _ = rims(posed, band)
    gap: Array = top - bottom
    return gap


def rims(posed: Array, band: ContactBand) -> tuple[Array, Array, Array]:
    """Lowest point of the upper rim, highest of the lower rim, ``[N, COLUMNS]``, and the columns' x."""
    left, right = (posed[:, corner, 0] for corner in band.corners)
    fraction = np.linspace(0.10, 0.90, COLUMNS)
    x = left[:, None] + (right - left)[:, None] * fraction
    half_width = 0.75 * (right - left)[:, None, None] / COLUMNS
    extreme = []
    for vertices, sign in ((band.upper, 1.0), (band.lower, -1.0)):
        off_column = np.abs(posed[:, None, vertices, 0] - x[..., None]) > half_width
        height = np.where(off_column, np.inf, sign * posed[:, None, vertices, 1])
        extreme.append(sign * height.min(axis=-1))
    return extreme[0], extreme[1], x
