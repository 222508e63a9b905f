"""Curves that run straight between few keys: what an animator can edit, and an hour of which fits into memory."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def straightened(curves: Array, tolerances: Array) -> Array:
    """Curves that are off by a tolerance at most, straight between as few of their own values as a single pass finds.

    From every key a curve goes straight to the last value from which it leaves none in between by more than its
    tolerance: Sklansky and Gonzalez, Pattern Recognition 12, 1980.

    Args:
        curves: values of N curves ``[F, N]``, a frame each.
        tolerances: of each ``[N]``, positive.

    Returns:
        ``[F, N]``; the first and the last frame are as they were.
    """
    frames, straight = np.arange(len(curves)), np.empty_like(curves)
    for number, keys in enumerate(_keys(curves, tolerances).T):
        straight[:, number] = np.interp(frames, frames[keys], curves[keys, number])
    return straight


def _keys(curves: Array, tolerances: Array) -> Flags:
    """Which values are keys ``[F, N]``: of all curves at once, frame by frame."""
    keys = np.zeros(curves.shape, dtype=np.bool_)
    keys[[0, -1]] = True
    begin, start = np.zeros(curves.shape[1]), curves[0].astype(np.float64)
    least, most = np.full(curves.shape[1], -np.inf), np.full(curves.shape[1], np.inf)  # slopes that pass all since
    for frame in range(1, len(curves)):
        slope = (curves[frame] - start) / (frame - begin)
        leaving = (slope < least) | (slope > most)
        keys[frame - 1] |= leaving
        begin[leaving], start[leaving] = frame - 1, curves[frame - 1, leaving]
        least[leaving], most[leaving] = -np.inf, np.inf
        least = np.maximum(least, (curves[frame] - tolerances - start) / (frame - begin))
        most = np.minimum(most, (curves[frame] + tolerances - start) / (frame - begin))
    return keys
