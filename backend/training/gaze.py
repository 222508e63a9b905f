"""Where the eyes of a talker look: fixations on the listener and elsewhere, joined by saccades.

Speakers look at their listener in stretches of seconds and away in shorter ones, mostly as they begin to speak (Kendon,
"Some functions of gaze-direction in social interaction", 1967; Lee, Badler, Badler, "Eyes alive", 2002); while they
look at the face, small saccades wander between eyes and mouth.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from facetalk.head.eyes import GAZE_DEGREES
from training.eased import Curve, ease

# Duration of a saccade over its size, the main sequence: Carpenter, "Movements of the eyes", 1988. Seconds, degrees.
SACCADE_SECONDS, SACCADE_SECONDS_PER_DEGREE = 0.021, 0.0022
LARGE_SHIFT = 0.4  # weight: one that brings a blink
AT_LISTENER = (2.0, 0.35)  # shape and scale, in seconds, of a fixation's duration
ELSEWHERE = (2.5, 0.4)
AVERSION, AVERSION_AT_START = 0.12, 0.45  # probability that a fixation goes elsewhere; as speech begins
FURTHEST = 0.7


class Gaze(NamedTuple):
    """Eye direction ``[T]`` as weights, to the subject's left and upwards; and when it shifts far, in seconds."""

    left: Curve
    up: Curve
    shifts: list[float]


def gaze(times: Curve, pauses: Sequence[tuple[float, float]], lowered: float, rng: np.random.Generator) -> Gaze:
    """Draw where the eyes look at ``times`` ``[T]``.

    Args:
        times: seconds, from 0 on.
        pauses: start and end in seconds of every pause.
        lowered: how far the eyes stay down, as a weight.
        rng: of every draw.
    """
    home = rng.normal(0.0, 0.03, 2) - [0.0, lowered]
    position, now = home, 0.0
    shifts: list[float] = []
    path = np.repeat(home[:, None], len(times), axis=1)
    end = float(times[-1]) if len(times) else 0.0
    away = False
    while True:
        now += rng.gamma(*(ELSEWHERE if away else AT_LISTENER))
        if now >= end:
            return Gaze(path[0], path[1], shifts)
        starting = any(abs(now - stop) < 0.4 for _, stop in pauses)
        away = bool(rng.random() < (AVERSION_AT_START if starting else AVERSION))
        spread = np.array([0.28, 0.15]) if away else np.array([0.04, 0.025])
        target = np.clip(home + rng.normal(0.0, 1.0, 2) * spread, -FURTHEST, FURTHEST)
        size = float(np.hypot(*(target - position)))
        duration = SACCADE_SECONDS + SACCADE_SECONDS_PER_DEGREE * GAZE_DEGREES * size
        path += (target - position)[:, None] * ease((times - now) / duration)
        if size > LARGE_SHIFT:
            shifts.append(now)
        position = target


def look_weights(look: Gaze) -> dict[str, Curve]:
    """Weights by rig control; both eyes turn alike."""
    to_left, to_right = np.maximum(look.left, 0.0), np.maximum(-look.left, 0.0)
    up, down = np.maximum(look.up, 0.0), np.maximum(-look.up, 0.0)
    return {
        "eyeLookOut_L": to_left,
        "eyeLookIn_R": to_left,
        "eyeLookIn_L": to_right,
        "eyeLookOut_R": to_right,
        **{f"eyeLookUp_{side}": up for side in "LR"},
        **{f"eyeLookDown_{side}": down for side in "LR"},
    }
