"""Rig weights that make a head do what was measured on a face: bounded, smooth in time, as small as will do."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ITERATIONS = 600


def fit_weights(
    targets: FloatArray, response: FloatArray, importance: FloatArray, cost: FloatArray, smoothness: float
) -> FloatArray:
    """Solve ``targets = weights @ response`` for weights in 0 to 1, all clips and frames at once.

    Minimises, over every clip, the squared error of each measure times its ``importance``, plus ``cost`` times
    the squared weights, plus ``smoothness`` times the squared second differences of the weights in time; by
    projected gradient descent with momentum (FISTA, Beck and Teboulle 2009), restarted where it overshoots.

    Args:
        targets: ``[clips, frames, M]``, changes of the measures from the neutral face.
        response: ``[C, M]``, what a weight of 1 of each control changes.
        importance: ``[M]``.
        cost: ``[C]``, how far each control is from being the obvious choice.
        smoothness: in units of ``cost``.

    Returns:
        ``[clips, frames, C]``.
    """
    hessian = (response * importance) @ response.T + np.diag(cost)
    wanted = (targets * importance) @ response.T
    # The second difference of a curve that changes its sign every frame has a gain of 16.
    rate = 1.0 / (np.linalg.eigvalsh(hessian)[-1] + 16.0 * smoothness)
    weights = np.zeros_like(wanted)
    ahead, momentum = weights, 1.0
    for _ in range(ITERATIONS):
        gradient = ahead @ hessian - wanted + smoothness * _bending(ahead)
        following = np.clip(ahead - rate * gradient, 0.0, 1.0)
        step = following - weights
        if np.sum((ahead - following) * step) > 0.0:
            momentum = 1.0
        next_momentum = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = following + (momentum - 1.0) / next_momentum * step
        weights, momentum = following, next_momentum
    return weights


def _bending(weights: FloatArray) -> FloatArray:
    """Gradient of half the squared second differences along frames."""
    bend = np.diff(weights, n=2, axis=1)
    gradient = np.zeros_like(weights)
    gradient[:, :-2] += bend
    gradient[:, 1:-1] -= 2.0 * bend
    gradient[:, 2:] += bend
    return gradient
