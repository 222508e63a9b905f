"""Where the scans' lips and lids do not meet: closing what is left of a gap, parting what crosses."""

import numpy as np
from numpy.typing import NDArray

from facetalk.evaluation.contact import COLUMNS, ContactBand, contact_gap, rims

Array = NDArray[np.float64]


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
    top, bottom, x = rims(posed, band)
    _shift(posed, band, x, 0.5 * (top + bottom), -gap)


def part_crossing(posed: Array, band: ContactBand, allowed: float = 0.0) -> None:
    """Where the rims cross by more than ``allowed``, part them by the rest, in place."""
    top, bottom, x = rims(posed, band)
    overlap = np.maximum(bottom - top - allowed, 0.0)
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
        corners = posed[frame, list(band.corners), 0]
        stations, shifts = np.array([corners[0], *x[frame], corners[1]]), np.array([0.0, *amount[frame], 0.0])
        for vertices, sign in ((band.upper, 0.5), (band.lower, -0.5)):
            position = posed[frame, vertices]
            shift = np.interp(position[:, 0], stations, shifts)
            rim_height = np.interp(position[:, 0], x[frame][known], line[frame][known])
            fade = np.exp(-(((position[:, 1] - rim_height) / band.reach) ** 2))
            posed[frame, vertices, 1] += sign * shift * fade
