"""Similarity transforms: a rotation, one scale and a translation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Similarity:
    """A rotation, uniform scale and translation: ``scale * rotation @ x + translation``.

    Attributes:
        rotation: ``[3, 3]``, proper.
        scale: head units per unit of the scan.
        translation: ``[3]``, head units.
    """

    rotation: Array
    scale: float
    translation: Array

    def apply(self, points: Array) -> Array:
        """Points ``[N, 3]`` of the scan in head space."""
        return np.asarray(self.scale * points @ self.rotation.T + self.translation)

    def apply_inverse(self, points: Array) -> Array:
        """Points ``[N, 3]`` of head space in the scan's."""
        return np.asarray((points - self.translation) @ self.rotation / self.scale)

    def followed_by(self, after: "Similarity") -> "Similarity":
        """This transform, and another one after it."""
        return Similarity(
            after.rotation @ self.rotation,
            after.scale * self.scale,
            after.scale * after.rotation @ self.translation + after.translation,
        )


def umeyama(source: Array, target: Array) -> Similarity:
    """The least-squares similarity from points ``[N, 3]`` to points ``[N, 3]``.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991), eq. 40 to 42.

    Raises:
        ValueError: the points lie on one line, so that the rotation is not determined.
    """
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    left, singular, right = np.linalg.svd((target - goal).T @ (source - middle) / len(source))
    if singular[1] < 1e-6 * singular[0]:
        raise ValueError("points on one line do not determine a rotation")
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    rotation = (left * sign) @ right
    scale = float((singular * sign).sum() / ((source - middle) ** 2).sum(axis=1).mean())
    return Similarity(rotation, scale, goal - scale * rotation @ middle)
