"""Lips and lids as rims that meet: where they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class ContactBand:
    """Two facing rims (lips, or the lids of one eye) that may touch but not cross.

    Attributes:
        upper, lower: vertices of either side.
        corners: the two vertices where the rims join, by ascending x.
    """

    upper: Indices
    lower: Indices
    corners: tuple[int, int]
