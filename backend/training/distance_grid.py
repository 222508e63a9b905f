"""Signed distances sampled on a regular grid: what hair is sculpted in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, map_coordinates

Array = NDArray[np.float64]
Values = NDArray[np.float32]


@dataclass(frozen=True)
class DistanceGrid:
    """A scalar field on the corners of equal cubes.

    Attributes:
        low: position of the first sample ``[3]``, head units.
        spacing: between neighbouring samples, head units.
        values: ``[X, Y, Z]``, head units, negative inside.
    """

    low: Array
    spacing: float
    values: Values

    def sample(self, points: Array) -> Array:
        """Trilinear values ``[...]`` at points ``[..., 3]``; beyond the grid its border continues."""
        places = np.moveaxis((points - self.low) / self.spacing, -1, 0)
        return np.asarray(map_coordinates(self.values, places, order=1, mode="nearest", output=np.float64))

    def direction(self, points: Array) -> Array:
        """Unit gradient ``[..., 3]`` at points ``[..., 3]``, by central differences over two cells."""
        step = self.spacing * np.eye(3)
        slope = np.stack([self.sample(points + axis) - self.sample(points - axis) for axis in step], axis=-1)
        return np.asarray(slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-9))

    def resampled(self, low: Array, spacing: float, shape: tuple[int, int, int]) -> Values:
        """Trilinear values on another grid."""
        return np.asarray(
            affine_transform(
                self.values,
                np.full(3, spacing / self.spacing),
                offset=(low - self.low) / self.spacing,
                output_shape=shape,
                order=1,
                mode="nearest",
                output=np.float32,
            )
        )


def axes_of(low: Array, high: Array, spacing: float) -> list[Array]:
    """Sample positions along the three axes of the grid that starts at ``low`` and ends within a cell of ``high``."""
    return [np.arange(start, end, spacing) for start, end in zip(low, high, strict=True)]
