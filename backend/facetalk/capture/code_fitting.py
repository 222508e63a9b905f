"""Rig weights that make a head do what landmarks show: within bounds, smooth in time, as small as will do.

A code is a rig's weights in another basis, and in the rig's basis bounds and costs mean something. Minimised is, over
windows of a recording that overlap, as in FaceTalk's data fitting (Aneja et al. 2024): the squared error of what is
seen, a Huber loss of the change from frame to frame, and a quadratic prior of the weights. All is convex, so that no
start matters; solved by accelerated projected gradients (Beck and Teboulle, "A fast iterative shrinkage-thresholding
algorithm", 2009) with a step for every control, restarted where they overshoot (O'Donoghue and Candes, 2015).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WINDOW, OVERLAP = 500, 50  # frames of 50 Hz
WINDOWS_AT_ONCE = 16
ITERATIONS = 150

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Objective:
    """What is minimised, but for what is seen.

    Attributes:
        response: ``[R, M]``, what a weight of 1 of each control changes of the M measurements, weighted.
        prior: ``[R, R]``, positive definite: the cost of weights.
        change_cost: of the change of a weight from one frame to the next, squared, ``[R]``.
        slow: changes beyond this cost in proportion only, so that a mouth may shut at once.
        limit: of each weight ``[R]``; 0 for what cannot be seen.
    """

    response: FloatArray
    prior: FloatArray
    change_cost: FloatArray
    slow: float
    limit: FloatArray


def fit_weights(measured: FloatArray, objective: Objective, start: FloatArray | None = None) -> FloatArray:
    """Rig weights ``[T, R]``, 0 to 1, of weighted measurements ``[T, M]``, changes from rest at 50 Hz.

    Args:
        measured: of one shot.
        objective: what is minimised.
        start: weights to begin from ``[T, R]``.
    """
    wanted = measured @ objective.response.T
    begin = np.zeros_like(wanted) if start is None else start
    frames = len(wanted)
    firsts = range(0, max(frames - OVERLAP, 1), WINDOW - OVERLAP)
    solver = _Solver(objective)
    total, shares = np.zeros_like(wanted), np.zeros((frames, 1))
    for group in (firsts[place : place + WINDOWS_AT_ONCE] for place in range(0, len(firsts), WINDOWS_AT_ONCE)):
        length = min(WINDOW, frames)
        # The last window ends with the recording, whatever that makes its overlap.
        spans = [slice(min(first, frames - length), min(first, frames - length) + length) for first in group]
        solved = solver.solve(np.stack([wanted[span] for span in spans]), np.stack([begin[span] for span in spans]))
        share = _share(length)
        for span, weights in zip(spans, solved, strict=True):
            total[span] += share * weights
            shares[span] += share
    return total / shares


def _share(length: int) -> FloatArray:
    """How much a window's frames count ``[length, 1]``: less and less towards its ends."""
    from_end = np.minimum(np.arange(length), np.arange(length)[::-1])
    return np.clip((from_end + 1.0) / OVERLAP, 0.0, 1.0)[:, None]


class _Solver:
    """Solves windows of one objective, in scaled weights: every control's own curvature is 1."""

    def __init__(self, objective: Objective) -> None:
        curvature = objective.response @ objective.response.T + objective.prior
        scale = 1.0 / np.sqrt(np.diag(curvature))
        scaled = curvature * np.outer(scale, scale)
        self._scale = torch.from_numpy(scale)
        self._curvature = torch.from_numpy(scaled)
        self._limit = torch.from_numpy(objective.limit / scale)
        self._change_cost = torch.from_numpy(objective.change_cost * scale**2)
        self._slow = torch.from_numpy(objective.slow / scale)
        # The first difference of a curve that changes its sign every frame has a gain of 4.
        self._rate = 1.0 / (np.linalg.eigvalsh(scaled)[-1] + 4.0 * float(self._change_cost.max()))

    @torch.no_grad()
    def solve(self, wanted: FloatArray, start: FloatArray) -> FloatArray:
        """Weights ``[W, T, R]`` for ``wanted`` ``[W, T, R]``, the gradient's constant part."""
        goal = torch.from_numpy(wanted) * self._scale
        weights = torch.from_numpy(start) / self._scale
        ahead, momentum = weights, 1.0
        for _ in range(ITERATIONS):
            gradient = ahead @ self._curvature - goal + self._roughness(ahead)
            following = torch.minimum((ahead - self._rate * gradient).clamp(min=0.0), self._limit)
            step = following - weights
            if float(((ahead - following) * step).sum()) > 0.0:
                momentum = 1.0
            next_momentum = (1.0 + (1.0 + 4.0 * momentum**2) ** 0.5) / 2.0
            ahead = following + (momentum - 1.0) / next_momentum * step
            weights, momentum = following, next_momentum
        return np.asarray((weights * self._scale).numpy())

    def _roughness(self, weights: Tensor) -> Tensor:
        """Gradient of the Huber losses of the differences along frames."""
        change = weights.diff(dim=1)
        pull = torch.clamp(change, -self._slow, self._slow) * self._change_cost
        gradient = torch.zeros_like(weights)
        gradient[:, :-1] -= pull
        gradient[:, 1:] += pull
        return gradient
