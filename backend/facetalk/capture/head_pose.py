"""The head's pose taken out of landmarks: what is left is the face's own motion, in the head's space.

A similarity per frame lays what only the head moves (``face_points.STABLE``) on the speaker's mean face, and one more
for the whole recording lays that on our head. Rotations are kept apart, for the take.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetalk.capture.face_points import OUTER_EYE_LEFT, OUTER_EYE_RIGHT, STABLE, SURE
from facetalk.capture.landmarks import TrackedLandmarks
from facetalk.head.similarity import Similarity, umeyama

PASSES = 3  # in which the mean face and the fits to it improve each other
PICTURE_TO_HEAD = np.array([1.0, -1.0, -1.0])  # x right, y down, z away -> x right, y up, z to the viewer
JUMP = 0.35  # of the outer eye corners' distance in one frame: no head moves so fast, this is a cut
RESIZE = 0.15  # change of the face's size in one frame: a cut, too

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class UnposedFace:
    """One shot of a face, freed of the head's pose.

    Attributes:
        name: of the recording.
        times: ``[T]`` seconds.
        points: ``[T, N, 3]`` head units, in the head's space.
        rotations: ``[T, 3, 3]``, from the head's space to the viewer's: x right, y up, z to the viewer.
        scale: pixels per head unit ``[T]``.
        seen: ``[T]``; what the others hold means nothing.
    """

    name: str
    times: FloatArray
    points: FloatArray
    rotations: FloatArray
    scale: FloatArray
    seen: NDArray[np.bool_]


def shots(landmarks: TrackedLandmarks) -> list[slice]:
    """The stretches of a recording between cuts: where the face jumps or changes its size at once.

    Stretches in which no face is seen belong to what is before them.
    """
    seen = np.flatnonzero(landmarks.seen)
    stable = landmarks.select(STABLE)[seen, :, :2]
    size = stable.std(axis=1).mean(axis=1)
    right, left = landmarks.select((OUTER_EYE_RIGHT, OUTER_EYE_LEFT))[seen].swapaxes(0, 1)
    eyes = np.linalg.norm(left - right, axis=1)
    moved = np.linalg.norm(np.diff(stable.mean(axis=1), axis=0), axis=1) / np.maximum(eyes[:-1], 1e-6)
    resized = np.abs(np.diff(np.log(np.maximum(size, 1e-6))))
    unseen = np.diff(seen) - 1
    cut = (moved > JUMP * (1 + unseen)) | (resized > RESIZE * (1 + unseen))
    starts = [0, *(int(each) for each in seen[1:][cut])]
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(landmarks.times)], strict=True)]


def remove_pose(
    recordings: Sequence[TrackedLandmarks], numbers: tuple[int, ...], head_points: FloatArray
) -> list[UnposedFace]:
    """Take the head's pose out of recordings of one speaker.

    Args:
        recordings: shots, each with at least one frame that shows the face.
        numbers: the landmarks that are wanted.
        head_points: where ``SURE`` lies on our head at rest ``[len(SURE), 3]``, head units.

    Returns:
        The recordings, in their order; points are ``numbers``.
    """
    stable = np.concatenate([each.select(STABLE)[each.seen] for each in recordings]) * PICTURE_TO_HEAD
    to_mean, mean = align(stable)
    onto_head = umeyama(mean[[STABLE.index(number) for number in SURE]], head_points)
    unposed, first = [], 0
    for each in recordings:
        count = int(each.seen.sum())
        fits = to_mean[first : first + count]
        first += count
        unposed.append(_unposed(each, numbers, [fit.followed_by(onto_head) for fit in fits]))
    return unposed


def align(faces: FloatArray) -> tuple[list[Similarity], FloatArray]:
    """Lay faces ``[F, N, 3]`` on their mean: the similarity of each, and the mean face ``[N, 3]``."""
    mean = faces[len(faces) // 2]
    for _ in range(PASSES):
        rotation, scale, translation = _similarities(faces, mean)
        laid = scale[:, None, None] * np.einsum("fij,fnj->fni", rotation, faces) + translation[:, None]
        mean = np.median(laid, axis=0)
    fits = [Similarity(r, float(s), t) for r, s, t in zip(rotation, scale, translation, strict=True)]
    return fits, mean


def _similarities(faces: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Umeyama's fits of many faces at once: rotations, scales and translations."""
    goal = target - target.mean(axis=0)
    middle = faces.mean(axis=1, keepdims=True)
    source = faces - middle
    left, singular, right = np.linalg.svd(np.einsum("ni,fnj->fij", goal, source))
    handed = np.ones_like(singular)
    handed[:, 2] = np.sign(np.linalg.det(left @ right))
    rotation = (left * handed[:, None, :]) @ right
    turned = np.einsum("fij,fnj->fni", rotation, source)
    scale = (turned * goal).sum(axis=(1, 2)) / (turned**2).sum(axis=(1, 2))
    translation = target.mean(axis=0) - scale[:, None] * np.einsum("fij,fj->fi", rotation, middle[:, 0])
    return rotation, scale, translation


def _unposed(landmarks: TrackedLandmarks, numbers: tuple[int, ...], fits: list[Similarity]) -> UnposedFace:
    tracked = landmarks.select(numbers) * PICTURE_TO_HEAD
    count = len(landmarks.times)
    points, rotations, scale = np.zeros(tracked.shape), np.tile(np.eye(3), (count, 1, 1)), np.ones(count)
    for frame, fit in zip(np.flatnonzero(landmarks.seen), fits, strict=True):
        points[frame] = fit.apply(tracked[frame])
        rotations[frame] = fit.rotation.T
        scale[frame] = 1.0 / fit.scale
    return UnposedFace(landmarks.name, landmarks.times, points, rotations, scale, landmarks.seen)
