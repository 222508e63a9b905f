"""Curves in time that eyes and brows move along."""

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]


def ease(x: Curve) -> Curve:
    """A step from 0 to 1 of least jerk while x goes from 0 to 1 (Flash and Hogan, 1985)."""
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x**3 * (10.0 - 15.0 * x + 6.0 * x * x))


def wander(times: Curve, rng: np.random.Generator) -> Curve:
    """A smooth curve within -1 and 1 that changes over seconds: ``[T]`` at ``times`` in seconds."""
    total = np.zeros(len(times))
    for rate in rng.uniform(0.05, 0.3, 3):
        total += np.sin(2 * np.pi * (rate * times + rng.uniform()))
    return total / 3.0
