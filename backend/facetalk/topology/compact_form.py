"""A take in its compact form: some tens of displacements with a curve each, in place of hundreds of frames.

Displacements are principal modes of the frames, weighted anew until no vertex is farther off than allowed: least
squares alone would spend modes on the jaw, which is large, and miss lids, which are small.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SPAN = 0.1  # of the tolerance: how close the span of all modes stays to the frames, before the fewest are sought
SHRINKING = 0.85  # of the number of modes: how many are tried next
ROUNDS = 10  # of weighing vertices anew
SAMPLE = 1024  # frames that weights are found on
FAINTEST = 0.02  # weight of a vertex, if the heaviest has 1
CHUNK = 128  # frames in memory at a time


@dataclass(frozen=True)
class CompactForm:
    """Frames as ``neutral + curves @ displacements``, in the unit of the frames.

    Attributes:
        displacements: ``[K, V, 3]``, each as far as its curve ever takes it.
        curves: ``[F, K]``, within -1 to 1.
        error: how far off a vertex is at most, in any frame.
    """

    displacements: Floats
    curves: Floats
    error: float


class FrameSpan:
    """Takes frames as they come, holding a span of directions that they lie in instead of the frames."""

    def __init__(self, neutral: Floats, tolerances: Floats) -> None:
        """Prepare for frames.

        Args:
            neutral: ``[V, 3]``: no displacement.
            tolerances: how far each vertex may be off ``[V]``, in the same unit.
        """
        self._neutral = neutral
        self._tolerances = tolerances.astype(np.float32)[:, None]
        # Displacements are divided by tolerances: then 1 is the limit everywhere.
        self._directions = np.empty((0, neutral.size), np.float32)
        self._weights: list[Floats] = []
        self._off = 0.0

    def add(self, frames: Floats) -> None:
        """Take the next frames ``[n, V, 3]``."""
        moved = ((frames - self._neutral) / self._tolerances).reshape(len(frames), -1)
        weights, left = self._split(moved)
        if _off(left).max(initial=0.0) > SPAN:
            self._widen(left)
            weights, left = self._split(moved)
        self._weights.append(weights)
        self._off = max(self._off, float(_off(left).max(initial=0.0)))

    def fewest(self, progress: Callable[[float], None] = lambda fraction: None) -> CompactForm:
        """The compact form with as few displacements as the tolerances allow.

        Args:
            progress: told the fraction that is done; may raise to cancel.
        """
        count = len(self._directions)
        weights = np.concatenate([np.pad(each, ((0, 0), (0, count - each.shape[1]))) for each in self._weights])
        limit = 1.0 - self._off
        importance = np.ones(len(self._neutral), np.float32)
        best = modes = _modes(self._directions, weights, importance)
        easy = weights[:: -(-len(weights) // SAMPLE)]
        size = _least(lambda size: self._misses(easy, best, size).max() <= limit, count)
        hardest = np.argsort([off.max() for off in self._offs(weights, best, size // 2)])[-SAMPLE:]
        sample = weights[hardest]
        size = _least(lambda size: self._misses(sample, best, size).max() <= limit, count)
        for done in range(ROUNDS):
            progress(done / ROUNDS)
            fewer = int(SHRINKING * size)
            off = self._misses(sample, modes, fewer)
            if off.max() <= limit:
                best, size = modes, fewer
            importance *= np.sqrt(off / max(float(off.max()), FAINTEST))
            importance = np.maximum(importance / max(float(importance.max()), FAINTEST), FAINTEST)
            modes = _modes(self._directions, weights, importance)
        if len(sample) < len(weights):
            size = _least(lambda size: self._misses(weights, best, size).max() <= limit, count)
        progress(1.0)
        return self._form(weights, best, size)

    def _split(self, moved: Floats) -> tuple[Floats, Floats]:
        """Weights ``[n, R]`` of the directions in frames ``[n, D]``, and what is left of these."""
        weights = moved @ self._directions.T
        left = moved - weights @ self._directions
        return weights, left

    def _widen(self, left: Floats) -> None:
        """Add directions until little is left of frames ``[n, D]``."""
        left = left.copy()
        for _ in range(len(left)):
            off = _off(left).max(axis=1)
            if off.max() <= SPAN:
                break
            direction = left[off.argmax()]
            for _ in range(2):  # single precision frees it of the others only so far
                direction = direction - (self._directions @ direction) @ self._directions
                direction = direction / np.linalg.norm(direction)
            left -= np.outer(left @ direction, direction)
            self._directions = np.concatenate([self._directions, direction[None]])

    def _misses(self, weights: Floats, modes: "_Modes", size: int) -> Floats:
        """How far off each vertex is at most with so many modes ``[V]``, in tolerances."""
        worst = np.zeros(len(self._neutral), np.float32)
        for off in self._offs(weights, modes, size):
            np.maximum(worst, off, out=worst)
        return worst

    def _offs(self, weights: Floats, modes: "_Modes", size: int) -> Iterator[Floats]:
        """How far off each vertex is with so many modes ``[V]``, in tolerances, frame by frame."""
        left = weights - weights @ modes.to_curves[:, :size] @ modes.to_weights[:size]
        for start in range(0, len(left), CHUNK):
            yield from _off(left[start : start + CHUNK] @ self._directions)

    def _form(self, weights: Floats, modes: "_Modes", size: int) -> CompactForm:
        curves = weights @ modes.to_curves[:, :size]
        most = curves[np.abs(curves).argmax(axis=0), np.arange(size)] if size else np.empty(0, np.float32)
        displacements = (modes.to_weights[:size] * most[:, None]) @ self._directions
        shapes = displacements.reshape(size, *self._neutral.shape) * self._tolerances
        misses = self._misses(weights, modes, size) + self._off
        error = float((misses * self._tolerances[:, 0]).max())
        return CompactForm(shapes.astype(np.float32), (curves / most).astype(np.float32), error)


@dataclass(frozen=True)
class _Modes:
    """Modes of frames that are given by weights of directions, strongest first.

    Attributes:
        to_curves: maps weights of the directions to those of the modes ``[R, R]``.
        to_weights: maps weights of the modes to those of the directions ``[R, R]``.
    """

    to_curves: Floats
    to_weights: Floats


def _modes(directions: Floats, weights: Floats, importance: Floats) -> _Modes:
    """Principal modes of frames ``weights [F, R] @ directions [R, 3 V]``; ``importance [V]`` weighs vertices."""
    weighed = directions * np.repeat(importance, 3)
    root = np.linalg.cholesky((weighed @ weighed.T).astype(np.float64) + 1e-9 * np.eye(len(directions)))
    spread = weights.astype(np.float64).T @ weights
    _, vectors = np.linalg.eigh(root.T @ spread @ root)
    vectors = vectors[:, ::-1]
    to_weights = np.linalg.solve(root.T, vectors).T
    return _Modes((root @ vectors).astype(np.float32), to_weights.astype(np.float32))


def _off(moved: Floats) -> Floats:
    """Lengths ``[n, V]`` of displacements ``[n, 3 V]``."""
    each = moved.reshape(len(moved), -1, 3)
    lengths: Floats = np.sqrt(np.einsum("nvc,nvc->nv", each, each))
    return lengths


def _least(is_enough: Callable[[int], bool], most: int) -> int:
    """The least number that is enough, if more are enough where fewer are; ``most`` is."""
    fewest = 0
    while fewest < most:
        middle = (fewest + most) // 2
        if is_enough(middle):
            most = middle
        else:
            fewest = middle + 1
    return most
