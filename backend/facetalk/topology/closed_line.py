"""Places along a closed line of points: of a loop that follows another."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]

FINER = 32  # places between two points of a line
SMOOTHINGS = 4  # of places along it


def along_line(loop: Array, ring: Array) -> Array:
    """Where the points of a loop ``[N, 3]`` are along a closed line ``[M, 3]``, in its vertices ``[N]``.

    They go round once and never back, whichever way, and about as evenly as the loop does.
    """
    every = np.arange(FINER * len(ring)) / FINER
    places = every[cKDTree(on_line(ring, every)).query(loop)[1]]
    steps = (np.diff(places, append=places[0]) + 0.5 * len(ring)) % len(ring) - 0.5 * len(ring)
    direction = np.sign(steps.sum())
    # round the line once, from the first point on
    along = direction * np.concatenate([[0.0], steps[:-1].cumsum()])
    along = np.maximum.accumulate(along).clip(0.0, len(ring))
    even = np.linspace(0.0, len(ring), len(loop), endpoint=False)
    slack = along - even
    for _ in range(SMOOTHINGS):
        slack = 0.5 * slack + 0.25 * (np.roll(slack, 1) + np.roll(slack, -1))
    return (places[0] + direction * (even + slack)) % len(ring)


def on_line(ring: Array, places: Array) -> Array:
    """Points ``[N, 3]`` at places ``[N]`` along a closed line ``[M, 3]``, in its vertices."""
    below = np.floor(places).astype(np.int64) % len(ring)
    share = (places - np.floor(places))[:, None]
    return np.asarray(ring[below] * (1.0 - share) + ring[(below + 1) % len(ring)] * share)
