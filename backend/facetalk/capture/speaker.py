"""What is the speaker's own: the face at rest, how far the eyes open, and when the lips are in contact.

A speaker's face is another than our head's. What can be carried over is the change from rest, and events that are the
same on every face: lips that touch, lids that are shut.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetalk.capture.face_points import INNER_LOWER_LIP, INNER_UPPER_LIP, LEFT_EYE, REGIONS, RIGHT_EYE, EyeContour
from facetalk.errors import UserError

# Inner-lip height over the distance of the outer eye corners: trackers show lips that touch at up to SHUT and hardly
# ever between the two; from OPEN on they are taken at their word. SHUT is that of `docs/measures.md`.
SHUT, OPEN = 0.020, 0.032
ENOUGH_SHUT = 5  # frames with lips shut that tell how the speaker rests
LEAST_OPEN = 5.0  # percent of the frames, which tell it where the lips never shut
EYES_OPEN = 75.0  # percentile of the lids' distances
EYES_SHUT = 0.5  # percentile; a face of 30 fps blinks in 2 % of its frames
BLINKED = 0.6  # of the open eyes' distance: if the least is more, nobody has blinked
SHUT_LIDS = 0.3  # of it: how far apart shut lids are tracked, where nobody has blinked
LID_PAIRS = slice(2, 7)  # of a contour's points: away from the corners

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Speaker:
    """A speaker at rest.

    Attributes:
        rest: landmarks ``[N, 3]``, head units: lips shut, eyes open, looking ahead.
        lid_scale: our head's eye opening over the way the speaker's lids go to shut, right and left eye.
    """

    rest: FloatArray
    lid_scale: tuple[float, float]


def column_of(numbers: Sequence[int]) -> dict[int, int]:
    """The place of each landmark."""
    return {number: place for place, number in enumerate(numbers)}


def lip_height(points: FloatArray, numbers: Sequence[int], eye_distance: float) -> FloatArray:
    """Inner-lip height ``[T]`` of landmarks ``[T, N, 3]``, over the distance of the outer eye corners."""
    at = column_of(numbers)
    return np.asarray(np.linalg.norm(points[:, at[13]] - points[:, at[14]], axis=1) / eye_distance)


def lid_distance(points: FloatArray, numbers: Sequence[int], eye: EyeContour) -> FloatArray:
    """How far apart the lids of an eye are ``[T]``, head units: mean height between the rims."""
    at = column_of(numbers)
    upper, lower = ([at[number] for number in rim[LID_PAIRS]] for rim in eye)
    return np.asarray((points[:, upper, 1] - points[:, lower, 1]).mean(axis=1))


def know_speaker(points: FloatArray, numbers: tuple[int, ...], head_rest: FloatArray, eye_distance: float) -> Speaker:
    """Learn the speaker's rest from all frames that show the face.

    Lips and jaw rest where the lips are shut, if only they are shut anywhere; brows, lids and eyes where they are
    most of the time, blinks left out.

    Args:
        points: ``[T, N, 3]`` head units, freed of the head's pose.
        numbers: the N landmarks.
        head_rest: those of our head at rest ``[N, 3]``.
        eye_distance: of our head's outer eye corners.

    Raises:
        UserError: there are no frames.
    """
    if not len(points):
        raise UserError("No frame shows the face: one must be in view.")
    at = column_of(numbers)
    height = lip_height(points, numbers, eye_distance)
    resting = height < SHUT
    if resting.sum() < ENOUGH_SHUT:
        resting = height <= np.percentile(height, LEAST_OPEN)
    rest = np.median(points, axis=0)
    mouth = [at[number] for region in ("lips", "jaw") for number in REGIONS[region]]
    rest[mouth] = np.median(points[resting][:, mouth], axis=0)
    scales = []
    for eye in (RIGHT_EYE, LEFT_EYE):
        distance = lid_distance(points, numbers, eye)
        wide, least = np.percentile(distance, [EYES_OPEN, EYES_SHUT])
        awake = distance >= np.median(distance)
        own = [at[number] for number in (*eye.upper, *eye.lower)]
        rest[own] = np.median(points[awake][:, own], axis=0)
        shut = least if least < BLINKED * wide else SHUT_LIDS * wide
        ours = float(lid_distance(head_rest[None], numbers, eye)[0])
        scales.append(ours / max(float(lid_distance(rest[None], numbers, eye)[0] - shut), 0.2 * ours))
    gap = float(lip_height(rest[None], numbers, eye_distance)[0])
    if gap > SHUT:
        _shut_lips(rest, at)
    return Speaker(rest, (scales[0], scales[1]))


def _shut_lips(rest: FloatArray, at: dict[int, int]) -> None:
    """Bring the lower lip and the jaw of a face that never rests up to the upper lip, in place."""
    drop = rest[at[13], 1] - rest[at[14], 1]
    inner = set(INNER_LOWER_LIP) - set(INNER_UPPER_LIP)
    lower = [at[number] for number in (*inner, 146, 91, 181, 84, 17, 314, 405, 321, 375, *REGIONS["jaw"])]
    rest[lower, 1] += drop
