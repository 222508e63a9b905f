"""From landmarks to a performance: rig weights and head rotations at 50 Hz, and how well they show what was seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, interp1d
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp

from facetalk.capture.code_fitting import Objective, fit_weights
from facetalk.capture.face_points import REGIONS, SURE
from facetalk.capture.fitted_head import FittedHead
from facetalk.capture.head_pose import UnposedFace, remove_pose, shots
from facetalk.capture.landmarks import TrackedLandmarks
from facetalk.capture.measurements import Measurements, Observed
from facetalk.capture.rig_prior import SLOW, change_cost, limits, prior
from facetalk.capture.speaker import know_speaker, lip_height
from facetalk.errors import UserError

RATE = 50  # the take's, per second
ROUNDS = 4  # in which what the linear response got wrong is made up for
# Standard deviations, in camera frames, against the tracker's noise: lips and lids move as fast as a camera sees.
POINT_BLUR, ROTATION_BLUR = 0.35, 1.0
MAPPED = tuple(dict.fromkeys((*(number for region in REGIONS.values() for number in region), *SURE)))

FloatArray = NDArray[np.float64]
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Performance:
    """One recording's face over time, frame ``i`` at ``i / RATE`` seconds.

    Attributes:
        name: of the recording.
        weights: rig weights ``[T, R]``.
        rotations: of the head, from its space to the viewer's: quaternions ``[T, 4]``, w first.
        bridged: ``[T]``: no face was seen, the frame leads from one that was to the next.
        cuts: frames at which another shot begins.
        tracked_height: inner-lip height over the eyes' distance as tracked ``[T]``.
        errors: by region, root mean square over its points ``[T]``, in percent of the eyes' distance.
        pixels: of the picture per percent of that distance ``[T]``.
    """

    name: str
    weights: FloatArray
    rotations: FloatArray
    bridged: NDArray[np.bool_]
    cuts: tuple[int, ...]
    tracked_height: FloatArray
    errors: dict[str, FloatArray]
    pixels: FloatArray


@dataclass(frozen=True)
class _Shot:
    """A stretch without a cut, at the take's rate."""

    points: FloatArray
    rotations: FloatArray
    bridged: NDArray[np.bool_]
    pixels: FloatArray


def capture(
    recordings: Sequence[TrackedLandmarks], head: FittedHead, progress: Progress | None = None
) -> list[Performance]:
    """Fit a head to recordings of one speaker.

    Args:
        recordings: at least one; those of one speaker share what is known of the face at rest.
        head: prepared for the landmarks ``MAPPED``.
        progress: told the fraction of frames that is done; may raise to cancel.

    Raises:
        UserError: a recording shows no face.
    """
    for each in recordings:
        if not each.seen.any():
            raise UserError(f"{each.name} shows no face in any of its frames: one must be in view, from the front.")
    cut = [[_stretch(each, span) for span in shots(each)] for each in recordings]
    sure = head.rest[[MAPPED.index(number) for number in SURE]]
    unposed = remove_pose([shot for each in cut for shot in each], MAPPED, sure)
    seen = np.concatenate([shot.points[shot.seen] for shot in unposed])
    speaker = know_speaker(seen, MAPPED, head.rest, head.eye_distance)
    measurements = Measurements(MAPPED, head.rest, head.eye_distance)
    objective = Objective(
        response=measurements.of(head.response),
        prior=prior(head.controls),
        change_cost=change_cost(head.controls),
        slow=SLOW,
        limit=limits(head.controls),
    )
    performances, done = [], 0
    total = sum(len(each.times) for each in recordings)
    waiting = iter(unposed)
    for recording, stretches in zip(recordings, cut, strict=True):
        faces = [next(waiting) for _ in stretches]
        starts = [0, *(_frame(face.times[0]) for face in faces[1:]), _frame(_end(recording))]
        timeline = [_resampled(face, start, stop) for face, start, stop in zip(faces, starts, starts[1:], strict=False)]
        fitted = []
        for shot in timeline:
            observed = measurements.observe(shot.points, speaker)
            fitted.append((_solve(observed, measurements, objective, head), observed))
        performances.append(_joined(recording.name, timeline, fitted, starts, measurements, head))
        done += len(recording.times)
        if progress is not None:
            progress(done / total)
    return performances


def _solve(observed: Observed, measurements: Measurements, objective: Objective, head: FittedHead) -> FloatArray:
    """Rig weights ``[T, R]`` of a shot."""
    goal = measurements.wanted(observed)
    weights = fit_weights(goal, objective)
    for _ in range(ROUNDS - 1):
        goal = weights @ objective.response + measurements.error(observed, head.pose(weights) - head.rest)
        weights = fit_weights(goal, objective, weights)
    return weights


def _joined(
    name: str,
    timeline: list[_Shot],
    fitted: list[tuple[FloatArray, Observed]],
    starts: list[int],
    measurements: Measurements,
    head: FittedHead,
) -> Performance:
    weights = np.concatenate([each for each, _ in fitted])
    change = np.concatenate([observed.change for _, observed in fitted])
    left = (head.pose(weights) - head.rest - change)[..., :2] * (100.0 / head.eye_distance)
    points = np.concatenate([shot.points for shot in timeline])
    return Performance(
        name=name,
        weights=weights,
        rotations=np.concatenate([shot.rotations for shot in timeline]),
        bridged=np.concatenate([shot.bridged for shot in timeline]),
        cuts=tuple(starts[1:-1]),
        tracked_height=lip_height(points, MAPPED, head.eye_distance),
        errors={
            region: np.sqrt((left[:, columns] ** 2).sum(axis=-1).mean(axis=1))
            for region, columns in measurements.regions.items()
        },
        pixels=np.concatenate([shot.pixels for shot in timeline]) * head.eye_distance / 100.0,
    )


def _stretch(recording: TrackedLandmarks, span: slice) -> TrackedLandmarks:
    return TrackedLandmarks(
        recording.name, recording.times[span], recording.points[span], recording.seen[span], recording.index
    )


def _frame(time: float) -> int:
    return round(time * RATE)


def _end(recording: TrackedLandmarks) -> float:
    """When the last frame's picture ends, as far as is known."""
    times = recording.times
    return float(times[-1] + (np.median(np.diff(times)) if len(times) > 1 else 1.0 / RATE))


def _resampled(face: UnposedFace, start: int, stop: int) -> _Shot:
    """A shot at the take's rate, from frame ``start`` to ``stop``; without a face, it goes from one to the next."""
    known = np.flatnonzero(face.seen)
    times = np.arange(start, max(stop, start + 1)) / RATE
    within = np.clip(times, face.times[known[0]], face.times[known[-1]])
    nearest = _nearest(face, times)
    if len(known) == 1:
        one = known[0]
        points, turns = face.points[[one] * len(times)], Rotation.from_matrix(face.rotations[[one] * len(times)])
    else:
        filled = interp1d(face.times[known], face.points[known], axis=0, bounds_error=False, fill_value="extrapolate")
        every = filled(np.clip(face.times, face.times[known[0]], face.times[known[-1]]))
        blurred = gaussian_filter1d(every, POINT_BLUR, axis=0, mode="nearest")
        points = CubicSpline(face.times, blurred, axis=0)(within)
        turns = Slerp(face.times[known], _blurred(Rotation.from_matrix(face.rotations[known])))(within)
    scale = np.interp(times, face.times[known], face.scale[known])
    return _Shot(points, turns.as_quat()[:, [3, 0, 1, 2]], ~face.seen[nearest], scale)


def _nearest(face: UnposedFace, times: FloatArray) -> NDArray[np.int64]:
    after = np.clip(np.searchsorted(face.times, times), min(1, len(face.times) - 1), len(face.times) - 1)
    return after - (times - face.times[after - 1] < face.times[after] - times)


def _blurred(rotations: Rotation) -> Rotation:
    quaternions = rotations.as_quat()
    flips = np.cumprod(np.concatenate([[1.0], np.sign((quaternions[1:] * quaternions[:-1]).sum(axis=1))]))
    blurred = gaussian_filter1d(quaternions * flips[:, None], ROTATION_BLUR, axis=0, mode="nearest")
    return Rotation.from_quat(blurred)
