"""Curves at another rate: rig weights are made at 50 Hz, speech features may have another."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", np.float16, np.float32, np.float64)


def at_rate(curves: NDArray[Number], rate: int, wanted: int, frames: int) -> NDArray[Number]:
    """Curves ``[T, C]`` at another rate, linear between frames; what is asked for beyond their end stays as it was.

    Args:
        curves: frame i is time ``i / rate`` seconds.
        rate: theirs, per second.
        wanted: the result's.
        frames: the result's number.
    """
    known = np.arange(len(curves))
    places = np.arange(frames) * (rate / wanted)
    return np.stack([np.interp(places, known, column) for column in curves.T], axis=1).astype(curves.dtype)
