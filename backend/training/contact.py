"""Lips and lids as rims that meet: measuring the gap between them, closing what is left of it, parting what crosses."""

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
    top, bottom, _ = _rims(posed, band)
    gap: Array = top - bottom
    return gap


def smallest_closing_weight(head: Array, shape: Array, band: ContactBand, low: float, high: float) -> float:
    """Bisect for the smallest weight of ``shape`` at which the rims meet along four fifths of their length."""
    for _ in range(12):
        middle = 0.5 * (low + high)
        gap = contact_gap((head + middle * shape)[None], band)[0]
        if np.quantile(gap, 0.8) > 0.0:
            low = middle
        else:
            high = middle
    return high


def remaining_gap(head: Array, band: ContactBand, most: float) -> Array:
    """What one weight leaves open along a band, ``[COLUMNS]``: nothing where rims cross, ``most`` at most."""
    gap = contact_gap(head[None], band)[0]
    gap[~np.isfinite(gap)] = 0.0
    gap = np.clip(gap, 0.0, most)
    # A single column sees few vertices; the rim is a smooth line.
    padded = np.pad(gap, 1, mode="edge")
    return np.asarray(np.maximum(gap, 0.25 * padded[:-2] + 0.5 * gap + 0.25 * padded[2:]))


def close_gap(posed: Array, band: ContactBand, gap: Array) -> None:
    """Draw both rims to their middle by half of ``gap [N, COLUMNS]`` each, in place."""
    top, bottom, x = _rims(posed, band)
    _shift(posed, band, x, 0.5 * (top + bottom), -gap)


def part_crossing(posed: Array, band: ContactBand) -> None:
    """Where the rims cross, move both to their middle, in place."""
    top, bottom, x = _rims(posed, band)
    overlap = np.maximum(bottom - top, 0.0)
    overlap[~np.isfinite(overlap)] = 0.0
    ends = np.minimum(np.arange(COLUMNS), np.arange(COLUMNS)[::-1])
    overlap *= np.clip(ends / 4.0, 0.0, 1.0)  # the rims join at the corners: nothing to separate there
    _shift(posed, band, x, 0.5 * (top + bottom), overlap)


def _shift(posed: Array, band: ContactBand, x: Array, line: Array, amount: Array) -> None:
    """Part the rims by ``amount [N, COLUMNS]`` (negative closes), fading with distance from the rim line."""
    for frame in np.flatnonzero(np.abs(amount).max(axis=1) > 0.0):
        known = np.isfinite(line[frame])
        if not known.any():
            continue
        for vertices, sign in ((band.upper, 0.5), (band.lower, -0.5)):
            position = posed[frame, vertices]
            shift = np.interp(position[:, 0], x[frame], amount[frame], left=0.0, right=0.0)
            rim_height = np.interp(position[:, 0], x[frame][known], line[frame][known])
            fade = np.exp(-(((position[:, 1] - rim_height) / band.reach) ** 2))
            posed[frame, vertices, 1] += sign * shift * fade


def _rims(posed: Array, band: ContactBand) -> tuple[Array, Array, Array]:
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
