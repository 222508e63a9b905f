"""The measures of ``docs/measures.md``, as functions of curves."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facetalk.evaluation.lip_opening import LipOpening
from facetalk.runs import runs
from facetalk.topology.template import FaceMesh

CURVE_RATE = 50
CURVES = ("inner-lip height", "mouth width", "left eye opening", "right eye opening")
LIP_HEIGHT, MOUTH_WIDTH, LEFT_EYE, RIGHT_EYE = range(4)

# Below this share of the distance of the outer eye corners lips count as touching: tracked lips that are shut
# measure up to 0.02, and open ones start at about 0.04.
CLOSED = 0.02

# One frame of a 25 fps camera: whoever judges a closure cannot place it better.
CLOSURE_TOLERANCE = 0.04  # seconds

MAX_LAG = 0.2  # seconds
JITTER_FREQUENCY = 10.0  # Hz; syllables come at 3 to 8 Hz
BLINK_GAP = 0.1  # seconds
LOUDNESS_WINDOW = 0.04  # seconds
QUIET, LOUD = 0.05, 0.95  # of a clip's frames are quieter than its quiet, and its loud, parts
LOUDNESS_POWER = 0.3  # Stevens's law

Curve = NDArray[np.float32]


class LagCorrelation(NamedTuple):
    """How alike two curves run.

    Attributes:
        at_zero: Pearson correlation as they lie.
        best: the largest correlation within ``MAX_LAG``.
        lag: seconds by which the generated curve comes late there (negative: early).
    """

    at_zero: float
    best: float
    lag: float


class Closures(NamedTuple):
    """How well shut lips are met; each is NaN where there is nothing to count.

    Attributes:
        recall: share of the recording's closed frames near which the generated lips are closed.
        precision: share of the generated closed frames near which the recording's lips are closed.
        found: share of the recording's closures in mid-speech, from opening to opening, that are met at all.
    """

    recall: float
    precision: float
    found: float


def face_curves(vertices: NDArray[np.float32], face: FaceMesh) -> Curve:
    """Measure posed faces.

    Args:
        vertices: ``[F, V, 3]``, any unit.
        face: what was posed.

    Returns:
        ``[F, 4]``, columns as in ``CURVES``: distances over the distance of the outer eye corners.
    """
    landmarks = face.landmarks

    def distance(first: str, second: str) -> NDArray[np.float32]:
        between = vertices[:, landmarks[first]] - vertices[:, landmarks[second]]
        return np.asarray(np.linalg.norm(between, axis=1), np.float32)

    columns = [
        LipOpening(face).heights(vertices),
        distance("mouth_corner_left", "mouth_corner_right"),
        distance("upper_lid_left", "lower_lid_left"),
        distance("upper_lid_right", "lower_lid_right"),
    ]
    return np.stack(columns, axis=1) / distance("outer_eye_left", "outer_eye_right")[:, None]


def resample(curves: Curve, fps: float, frames: int) -> Curve:
    """Read curves ``[F, C]`` of a camera, frame 0 at time 0, at ``CURVE_RATE``; the last value holds.

    Returns:
        ``[frames, C]``, straight lines between the camera's frames.
    """
    times = np.arange(frames) / CURVE_RATE
    known = np.arange(len(curves)) / fps
    return np.stack([np.interp(times, known, column) for column in curves.T], axis=1).astype(np.float32)


def loudness(samples: NDArray[np.float32], sample_rate: int) -> Curve:
    """Loudness ``[T]`` at ``CURVE_RATE``: by Stevens's law a power of intensity in windows of 40 ms.

    The baseline every model must beat: who only opens the mouth when it is loud gets this far.
    """
    hop, half = sample_rate // CURVE_RATE, round(LOUDNESS_WINDOW * sample_rate / 2)
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    centres = np.arange(0, len(samples), hop)
    start, stop = np.maximum(centres - half, 0), np.minimum(centres + half, len(samples))
    return np.asarray(((energy[stop] - energy[start]) / (stop - start)) ** LOUDNESS_POWER, np.float32)


def speech_span(loudness: Curve) -> slice:
    """The frames from the first to the last in which there is speech, of a clip's loudness ``[T]``.

    Speech is what is nearer to the clip's loud parts than to its quiet ones, in dB. Pauses in between belong to it.
    """
    decibels = 10.0 / LOUDNESS_POWER * np.log10(np.maximum(loudness, 1e-9))
    spoken = np.flatnonzero(decibels >= np.quantile(decibels, [QUIET, LOUD]).mean())
    return slice(int(spoken[0]), int(spoken[-1]) + 1)


def correlation(first: Curve, second: Curve) -> float:
    """Pearson's correlation of two curves ``[T]``; NaN where one of them does not move at all."""
    a, b = first - first.mean(dtype=np.float64), second - second.mean(dtype=np.float64)
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 1e-12 else float("nan")


def lag_correlation(generated: Curve, recorded: Curve) -> LagCorrelation:
    """Correlate two curves ``[T]`` at ``CURVE_RATE``; NaN where one of them does not move at all."""
    reach = min(round(MAX_LAG * CURVE_RATE), len(generated) // 2)
    by_lag = {lag: correlation(_from(generated, lag), _from(recorded, -lag)) for lag in range(-reach, reach + 1)}
    best = max(by_lag, key=lambda lag: (np.nan_to_num(by_lag[lag], nan=-2.0), -abs(lag)))
    return LagCorrelation(by_lag[0], by_lag[best], best / CURVE_RATE)


def closures(generated: Curve, recorded: Curve) -> Closures:
    """Compare when the lips are shut, from inner-lip heights ``[T]`` at ``CURVE_RATE``."""
    ours, theirs = generated < CLOSED, recorded < CLOSED
    near_ours, near_theirs = _widened(ours), _widened(theirs)
    in_speech = [(start, stop) for start, stop in runs(theirs) if start > 0 and stop < len(theirs)]
    return Closures(
        recall=_mean(near_ours[theirs]),
        precision=_mean(near_theirs[ours]),
        found=_mean(np.array([near_ours[start:stop].any() for start, stop in in_speech])),
    )


def jitter(curve: Curve) -> float:
    """Share of the curve's variance above ``JITTER_FREQUENCY``, from a curve ``[T]`` at ``CURVE_RATE``."""
    # The window keeps a curve that ends elsewhere than it began from looking like a jump.
    movement = (curve - curve.mean(dtype=np.float64)) * np.hanning(len(curve))
    power = np.abs(np.fft.rfft(movement)) ** 2
    total = power.sum()
    above = power[np.fft.rfftfreq(len(curve), 1 / CURVE_RATE) > JITTER_FREQUENCY].sum()
    return float(above / total) if total > 1e-12 else 0.0


def count_blinks(curves: Curve) -> int:
    """How often the eyes go below half their median opening, from curves ``[T, 4]`` at ``CURVE_RATE``."""
    opening = curves[:, [LEFT_EYE, RIGHT_EYE]].mean(axis=1)
    shut = runs(opening < 0.5 * float(np.median(opening)))
    pauses = [start - previous for (_, previous), (start, _) in pairwise(shut)]
    return len(shut) - sum(pause < BLINK_GAP * CURVE_RATE for pause in pauses)


def take_variation(takes: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far takes of one line differ, for each curve.

    Args:
        takes: ``[K, T, C]``.

    Returns:
        ``[C]``: root mean square over time of the deviation over takes, divided by the curve's own deviation
        in time (mean over takes). 0: all takes are the same; 1: as far apart as moments of one take.
    """
    between = np.sqrt(takes.var(axis=0, dtype=np.float64).mean(axis=0))
    within = takes.std(axis=1, dtype=np.float64).mean(axis=0)
    return np.asarray(np.divide(between, within, out=np.zeros_like(between), where=within > 0))


def take_spread(takes: NDArray[np.float32]) -> float:
    """How far takes of one line lay points apart.

    Args:
        takes: ``[K, T, N, 3]``, any unit.

    Returns:
        Root mean square over time and points of the points' standard deviation over takes, in that unit.
    """
    return float(np.sqrt(takes.var(axis=0, dtype=np.float64).sum(axis=-1).mean()))


def _from(curve: Curve, lag: int) -> Curve:
    """The part of the curve that meets its partner when it is taken ``lag`` frames later."""
    return curve[lag:] if lag >= 0 else curve[:lag]


def _widened(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    reach = round(CLOSURE_TOLERANCE * CURVE_RATE)
    return np.convolve(flags, np.ones(2 * reach + 1), mode="full")[reach : reach + len(flags)] > 0


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")
