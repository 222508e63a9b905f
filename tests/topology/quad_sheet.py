"""A sheet of quads to be tangled."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SIDE = 9
MIDDLE = SIDE * SIDE // 2


def sheet() -> tuple[Array, Indices]:
    """A flat square sheet of quads in the plane z = 0."""
    x, y = np.meshgrid(np.arange(SIDE, dtype=np.float64), np.arange(SIDE, dtype=np.float64), indexing="ij")
    index = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    return np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1), quads
