"""What the fit compares: places of landmarks, and the gaps that an eye is quick to see, each with its weight."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetalk.capture.face_points import INNER_LOWER_LIP, INNER_UPPER_LIP, LEFT_EYE, REGIONS, RIGHT_EYE, EyeContour
from facetalk.capture.speaker import LID_PAIRS, OPEN, SHUT, Speaker, column_of, lip_height
from facetalk.runs import runs

# Squared errors, over the distance of the outer eye corners; of a region: the mean over its points.
IMPORTANCE = {"lips": 8.0, "lids": 6.0, "brows": 4.0, "jaw": 3.0, "irises": 12.0}
GAP_IMPORTANCE = 120.0  # of the mean over the gaps between the lips
DEPTH_IMPORTANCE = 40.0  # of the mean over what lips that touch are apart in depth
WIDTH_IMPORTANCE = 8.0
LID_IMPORTANCE = 30.0
GAP_PAIRS = slice(2, 9)  # of the inner lips' points: away from the corners
# Lips that shut for less than this press on each other, so that what learns from them leaves them shut.
PRESSED, PRESSED_FRAMES = -0.008, 20
CLOSING = 0.8  # of the lids' way: from here on the eye is shut
REACHED = 0.001  # a gap that may be left between the head's lips, or lids, where they are shut

FloatArray = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Observed:
    """What one shot shows at 50 Hz.

    Attributes:
        change: of every landmark from the speaker's rest ``[T, N, 3]``, head units, lids scaled to our head's.
        gaps: wanted change of the gaps between the lips ``[T, 7]``, over the eyes' distance.
        shut_lips: ``[T]``.
        shut_eyes: right, left ``[T, 2]``.
    """

    change: FloatArray
    gaps: FloatArray
    shut_lips: Flags
    shut_eyes: Flags


class Measurements:
    """Weighted measurements of changes from rest, linear in them."""

    def __init__(self, numbers: tuple[int, ...], head_rest: FloatArray, eye_distance: float) -> None:
        """Lay out the measurements.

        Args:
            numbers: the landmarks.
            head_rest: of our head ``[N, 3]``.
            eye_distance: of our head.
        """
        self.numbers, self._eyes = numbers, eye_distance
        at = column_of(numbers)
        self.regions = {name: [at[number] for number in members] for name, members in REGIONS.items()}
        self._upper = [at[number] for number in INNER_UPPER_LIP[GAP_PAIRS]]
        self._lower = [at[number] for number in INNER_LOWER_LIP[GAP_PAIRS]]
        self._corners = (at[308], at[78])
        eyes = (RIGHT_EYE, LEFT_EYE)
        self._lids = [_lid_columns(eye, at) for eye in eyes]
        self._contours = [[at[number] for number in (*eye.upper, *eye.lower)] for eye in eyes]
        rest_lids = [head_rest[upper, 1].mean() - head_rest[lower, 1].mean() for upper, lower in self._lids]
        self._open_eyes = np.array(rest_lids) / eye_distance

    def observe(self, points: FloatArray, speaker: Speaker) -> Observed:
        """Understand landmarks ``[T, N, 3]`` of one shot at 50 Hz, head units."""
        change = points - speaker.rest
        for own, scale in zip(self._contours, speaker.lid_scale, strict=True):
            change[:, own, 1] *= scale
        height = lip_height(points, self.numbers, self._eyes)
        shut = height < SHUT
        apart = (points[:, self._upper, 1] - points[:, self._lower, 1]) / self._eyes
        gaps = np.clip((height - SHUT) / (OPEN - SHUT), 0.0, 1.0)[:, None] * np.maximum(apart, 0.0)
        gaps[_short_runs(shut, PRESSED_FRAMES)] = PRESSED
        # The lips' own points are to say the same as the gaps between them.
        wider = (gaps - self._lip_gaps(change, 1)) * self._eyes / 2.0
        change[:, self._upper, 1] += wider
        change[:, self._lower, 1] -= wider
        return Observed(change, gaps, shut, self._eye_change(change) < -CLOSING * self._open_eyes)

    def wanted(self, observed: Observed) -> FloatArray:
        """Weighted measurements ``[T, M]`` that the head should show."""
        lids = np.where(observed.shut_eyes, -self._open_eyes, self._eye_change(observed.change))
        return self._weighted(observed.change, observed.gaps, np.zeros_like(observed.gaps), lids)

    def of(self, change: FloatArray) -> FloatArray:
        """Weighted measurements ``[T, M]`` of changes ``[T, N, 3]`` of the head's landmarks from its rest."""
        return self._weighted(change, self._lip_gaps(change, 1), self._lip_gaps(change, 2), self._eye_change(change))

    def error(self, observed: Observed, achieved: FloatArray) -> FloatArray:
        """What is left to do ``[T, M]``, where the head's landmarks have changed by ``achieved`` ``[T, N, 3]``.

        Lips that are shut need not be pressed into each other: contact forbids it. In depth they are to stay as they
        touch at rest; lips that are apart may be wherever they like, for no tracker sees depth well.
        """
        gaps, lids = self._lip_gaps(achieved, 1), self._eye_change(achieved)
        shut = observed.shut_lips[:, None]
        gaps = np.where(shut & (gaps < REACHED), observed.gaps, gaps)
        depths = np.where(shut, self._lip_gaps(achieved, 2), 0.0)
        lids = np.where(observed.shut_eyes & (lids + self._open_eyes < REACHED), -self._open_eyes, lids)
        return self.wanted(observed) - self._weighted(achieved, gaps, depths, lids)

    def _lip_gaps(self, change: FloatArray, axis: int) -> FloatArray:
        return (change[:, self._upper, axis] - change[:, self._lower, axis]) / self._eyes

    def _eye_change(self, change: FloatArray) -> FloatArray:
        apart = [change[:, upper, 1].mean(axis=1) - change[:, lower, 1].mean(axis=1) for upper, lower in self._lids]
        return np.stack(apart, axis=1) / self._eyes

    def _weighted(self, change: FloatArray, gaps: FloatArray, depths: FloatArray, lids: FloatArray) -> FloatArray:
        frames = len(change)
        left, right = self._corners
        width = (change[:, left, 0] - change[:, right, 0])[:, None] / self._eyes
        rows = [
            change[:, columns, :2].reshape(frames, -1) * (np.sqrt(IMPORTANCE[name] / len(columns)) / self._eyes)
            for name, columns in self.regions.items()
        ]
        pairs = gaps.shape[1]
        rows += [gaps * np.sqrt(GAP_IMPORTANCE / pairs), depths * np.sqrt(DEPTH_IMPORTANCE / pairs)]
        return np.concatenate([*rows, width * np.sqrt(WIDTH_IMPORTANCE), lids * np.sqrt(LID_IMPORTANCE)], axis=1)


def _lid_columns(eye: EyeContour, at: dict[int, int]) -> tuple[list[int], list[int]]:
    return [at[number] for number in eye.upper[LID_PAIRS]], [at[number] for number in eye.lower[LID_PAIRS]]


def _short_runs(flags: Flags, longest: int) -> Flags:
    """The flags, without their runs of more than ``longest`` and those at either end."""
    short = np.zeros_like(flags)
    for start, end in runs(flags):
        short[start:end] = end - start <= longest and start > 0 and end < len(flags)
    return short
