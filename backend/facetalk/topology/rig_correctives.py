"""Corrective keys: the few shapes that what a named rig leaves of spoken motion is mostly made of."""

import numpy as np
from numpy.typing import NDArray

from facetalk.topology.face_metric import FaceMetric
from facetalk.topology.named_rig import Vertices

ENOUGH = 0.02  # millimetres: root mean square that correctives should leave, by the metric
MOST_CORRECTIVES = 24


def find_correctives(
    residual: Vertices, metric: FaceMetric, enough: float = ENOUGH, most: int = MOST_CORRECTIVES
) -> Vertices:
    """The principal components ``[J, V, 3]`` of residuals about zero, the strongest first.

    Each is scaled so that its weights run within -1 and 1 over the given frames, the farther end up.

    Args:
        residual: what named keys leave of some frames ``[T, V, 3]``.
        metric: by which components are principal.
        enough: millimetres of root mean square, by the metric, below which no further component is taken.
        most: components.
    """
    measured = metric.measure(residual)
    # Of fewer frames than numbers in one, the products of frames say as much as the frames, and are quickly decomposed.
    squares, frames = np.linalg.eigh((measured @ measured.T).astype(np.float64))
    strengths = np.sqrt(np.maximum(squares[::-1], 0.0))
    count = min(components_needed(strengths, enough), most)
    frames = frames[:, ::-1][:, :count] * strengths[:count]
    farthest = frames[np.abs(frames).argmax(axis=0), np.arange(count)] if len(frames) else np.ones(count)
    # A component is the sum of the frames by their shares in it, so it exists for vertices of no importance as well.
    mixture = (frames / np.maximum(strengths[:count] ** 2, 1e-12) * farthest).astype(np.float32)
    components = mixture.T @ residual.reshape(len(residual), -1)
    return components.reshape(count, *residual.shape[1:])


def components_needed(strengths: NDArray[np.float64], enough: float) -> int:
    """How many principal components, of falling strength, leave less than ``enough`` of root mean square.

    Args:
        strengths: one for each of as many frames ``[T]``.
        enough: in their unit.
    """
    left = np.concatenate([np.cumsum((strengths**2)[::-1])[::-1], [0.0]]) / max(len(strengths), 1)
    return int(np.argmax(np.sqrt(left) <= enough))
