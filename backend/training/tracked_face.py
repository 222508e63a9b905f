"""Tracked face landmarks as distances and heights on the face, freed of the head's pose.

Landmarks are those of MediaPipe Face Mesh; left and right are the subject's. Lengths are over the distance of
the outer eye corners, as in ``docs/measures.md``, so that they mean the same on another head.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

FloatArray = NDArray[np.float64]

# Nose bridge and tip, eye corners, temples and forehead: what neither speech nor brows move.
STABLE_POINTS = (1, 4, 5, 6, 8, 9, 10, 33, 109, 127, 133, 151, 168, 195, 197, 263, 338, 356, 362)
OUTER_EYE_RIGHT, OUTER_EYE_LEFT, FOREHEAD, CHIN = 33, 263, 10, 152
DISTANCES = {"lip_height": (13, 14), "mouth_width": (308, 78), "left_eye": (386, 374), "right_eye": (159, 145)}
# Heights on the face, upwards; several points: their mean.
HEIGHTS = {
    "upper_lip": (13,),
    "lower_lip": (14,),
    "corners": (78, 308),
    "chin": (CHIN,),
    "inner_brow_left": (336, 296),
    "inner_brow_right": (107, 66),
    "outer_brow_left": (293, 334),
    "outer_brow_right": (63, 105),
}
MEASURES = (*DISTANCES, *HEIGHTS)

# Standard deviation, in camera frames, of the smoothing against tracking noise. Lips and lids move as fast as
# a camera of 25 frames can see, so that theirs is nearly none.
SMOOTHING = {"lip_height": 0.35, "left_eye": 0.35, "right_eye": 0.35, "mouth_width": 0.6}
OTHER_SMOOTHING = 1.0
POSE_PASSES = 3


@dataclass(frozen=True)
class TrackedFace:
    """``measures`` ``[clips, frames, len(MEASURES)]``, over the distance of the outer eye corners."""

    measures: FloatArray

    def curve(self, name: str) -> FloatArray:
        """One of ``MEASURES``: ``[clips, frames]``."""
        return self.measures[..., MEASURES.index(name)]


def measure_face(landmarks: FloatArray, index: list[int], missing: NDArray[np.bool_]) -> TrackedFace:
    """Take the head's pose out of landmarks and measure the face.

    Args:
        landmarks: ``[clips, frames, points, 3]``, x to the picture's right, y down, z away from the camera.
        index: the Face Mesh number of each point.
        missing: ``[clips, frames]``: frames without a face; they are filled along straight lines, so every
            clip needs a frame with one.
    """
    column = {number: place for place, number in enumerate(index)}
    seen = landmarks[~missing]
    posed, reference = without_pose(seen, [column[number] for number in STABLE_POINTS])
    axes, eye_distance = _face_axes(reference, column)
    on_face = posed @ axes.T / eye_distance
    values = np.full((*missing.shape, len(MEASURES)), np.nan)
    for place, (first, second) in enumerate(DISTANCES.values()):
        apart = on_face[:, column[first]] - on_face[:, column[second]]
        values[~missing, place] = np.linalg.norm(apart, axis=1)
    for place, points in enumerate(HEIGHTS.values(), start=len(DISTANCES)):
        values[~missing, place] = on_face[:, [column[number] for number in points], 1].mean(axis=1)
    return TrackedFace(_smoothed(_filled(values, missing)))


def without_pose(landmarks: FloatArray, stable: list[int]) -> tuple[FloatArray, FloatArray]:
    """Lay every frame on the mean face by a rigid motion and a scale.

    The least squares fit of Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", 1991, to the points ``stable``; the mean face and the fits to it are improved in turns.

    Args:
        landmarks: ``[N, points, 3]``.
        stable: the points that only the head moves.

    Returns:
        The frames ``[N, points, 3]`` and the mean face ``[points, 3]``.
    """
    reference = landmarks[0]
    for _ in range(POSE_PASSES):
        target = reference[stable] - reference[stable].mean(axis=0)
        centre = landmarks[:, stable].mean(axis=1, keepdims=True)
        source = landmarks[:, stable] - centre
        left, singular, right = np.linalg.svd(np.einsum("fni,nj->fij", source, target))
        handed = np.ones_like(singular)
        handed[:, 2] = np.sign(np.linalg.det(left @ right))
        scale = (singular * handed).sum(axis=1) / (source**2).sum(axis=(1, 2))
        rotation = (left * handed[:, None, :]) @ right * scale[:, None, None]
        posed = (landmarks - centre) @ rotation + reference[stable].mean(axis=0)
        reference = np.median(posed, axis=0)
    return posed, reference


def without_drift(curve: FloatArray, drivers: FloatArray, width: float) -> FloatArray:
    """A height without its slow part that the mouth does not explain, which is pose left over.

    Args:
        curve: ``[clips, frames]``.
        drivers: ``[clips, frames, D]``, what the mouth does; the curve's share in it, by least squares, stays.
        width: standard deviation, in frames, of what counts as slow.

    Returns:
        ``[clips, frames]``, less the constant too.
    """
    system = np.concatenate([drivers, np.ones((*curve.shape, 1))], axis=-1)
    solution, *_ = np.linalg.lstsq(system.reshape(-1, system.shape[-1]), curve.ravel(), rcond=None)
    unexplained = curve - system @ solution
    return np.asarray(curve - solution[-1] - gaussian_filter1d(unexplained, width, axis=1, mode="nearest"))


def _face_axes(reference: FloatArray, column: dict[int, int]) -> tuple[FloatArray, float]:
    """Rows: to the subject's left, up, and out of the face; and the distance of the outer eye corners."""
    across = reference[column[OUTER_EYE_LEFT]] - reference[column[OUTER_EYE_RIGHT]]
    eye_distance = float(np.linalg.norm(across))
    across = across / eye_distance
    up = reference[column[FOREHEAD]] - reference[column[CHIN]]
    up -= (up @ across) * across
    up /= np.linalg.norm(up)
    return np.stack([across, up, np.cross(across, up)]), eye_distance


def _filled(values: FloatArray, missing: NDArray[np.bool_]) -> FloatArray:
    place = np.arange(values.shape[1])
    for clip in np.flatnonzero(missing.any(axis=1)):
        seen = ~missing[clip]
        for curve in values[clip].T:
            curve[~seen] = np.interp(place[~seen], place[seen], curve[seen])
    return values


def _smoothed(values: FloatArray) -> FloatArray:
    widths = [SMOOTHING.get(name, OTHER_SMOOTHING) for name in MEASURES]
    columns = [
        gaussian_filter1d(values[..., place], width, axis=1, mode="nearest") for place, width in enumerate(widths)
    ]
    return np.stack(columns, axis=-1)
