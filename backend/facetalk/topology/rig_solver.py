"""Weights of a named rig that come nearest to posed vertices: 0 to 1, few at once, the same for the same face.

A frame is a convex quadratic programme in as many unknowns as there are named keys. Many frames are solved together
by L-BFGS-B (Byrd, Lu, Nocedal and Zhu, 1995; scipy's). A price on every weight keeps those at zero that hardly help.
Corrective keys then take what is left, by projection, and leave the named weights alone.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from facetalk.errors import UserError
from facetalk.topology.arkit_keys import OPPOSED
from facetalk.topology.face_metric import FaceMetric
from facetalk.topology.named_rig import NamedRig, Vertices, Weights

PRICE = 0.003  # of a weight, in units of the millimetres that its key moves: what it gains has to be more
OPPOSED_PRICE = 0.3  # of the square of the sum of opposed weights, in the same units
FRAMES_AT_ONCE = 200
ITERATIONS = 500
MEMORY = 20  # steps that L-BFGS-B remembers
RELATIVE_TOLERANCE = 1e-11


class RigSolver:
    """Finds weights of one rig.

    Attributes:
        rig: its keys.
        metric: how much it matters where a vertex is off.
    """

    def __init__(self, rig: NamedRig, metric: FaceMetric) -> None:
        """Prepare what all frames share.

        Args:
            rig: its correctives as ``find_correctives`` gives them, or none.
            metric: how much it matters where a vertex is off.
        """
        self.rig = rig
        self.metric = metric
        self._keys = metric.measure(rig.offsets)
        self._correctives = metric.measure(rig.correctives)
        gram = self._keys.astype(np.float64) @ self._keys.T.astype(np.float64)
        self._scale = 1.0 / np.sqrt(np.maximum(np.diag(gram), 1e-12))  # the keys' own lengths become 1
        self._curvature = gram * np.outer(self._scale, self._scale)
        for pair in OPPOSED:
            both = np.isin(rig.names, pair).astype(np.float64)
            self._curvature += OPPOSED_PRICE * np.outer(both, both)
        self._apart = np.linalg.pinv(self._correctives.astype(np.float64))

    def solve(self, frames: Vertices) -> Weights:
        """Weights ``[T, K + J]`` of posed vertices ``[T, V, 3]``.

        Raises:
            UserError: a vertex is not finite.
        """
        if not np.isfinite(frames).all():
            raise UserError("The take has frames whose vertices are not finite numbers: make the take again.")
        chunks = [frames[first : first + FRAMES_AT_ONCE] for first in range(0, len(frames), FRAMES_AT_ONCE)]
        count = len(self.rig.names) + len(self.rig.correctives)
        return np.concatenate([np.zeros((0, count)), *(self._solve(chunk) for chunk in chunks)])

    def residual(self, frames: Vertices, weights: Weights) -> Vertices:
        """What weights ``[T, N]`` of the first N keys leave of posed vertices ``[T, V, 3]``."""
        return frames - self.rig.pose(weights)

    def _solve(self, frames: Vertices) -> Weights:
        wanted = self.metric.measure(frames - self.rig.neutral)
        named = self._named_weights((wanted @ self._keys.T).astype(np.float64))
        left = wanted - named.astype(np.float32) @ self._keys
        return np.concatenate([named, left @ self._apart], axis=1)

    def _named_weights(self, pull: NDArray[np.float64]) -> Weights:
        """Weights ``[T, K]`` for ``pull [T, K]``, the products of what is wanted with the keys."""
        gain = pull * self._scale - PRICE
        shape = gain.shape

        def cost(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            weights = flat.reshape(shape)
            bent = weights @ self._curvature
            return float(((0.5 * bent - gain) * weights).sum()), (bent - gain).ravel()

        highest = np.tile(1.0 / self._scale, len(gain))
        found = minimize(
            cost,
            np.zeros(gain.size),
            jac=True,
            method="L-BFGS-B",
            bounds=np.stack([np.zeros_like(highest), highest], axis=1),
            options={"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "maxcor": MEMORY, "ftol": RELATIVE_TOLERANCE},
        )
        return np.clip(found.x.reshape(shape) * self._scale, 0.0, 1.0)
