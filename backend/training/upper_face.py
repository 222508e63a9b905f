"""The upper face while somebody speaks: blinks, gaze and brows, as rig weights at 50 Hz.

Almost nothing of it is in the sound, so it is drawn from human statistics: 10 to 25 blinks a minute that
close in about 90 ms and open in about 175 ms (Bentivoglio et al. 1997; Trutoiu et al. 2011), gaze that rests
on the listener and leaves in saccades, brows that rise with pitch accents (Cave et al. 1996).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.emotion import NO_EXPRESSION, Expression

FRAME_RATE = 50
FloatArray = NDArray[np.float32]
Curve = NDArray[np.float64]


def upper_face(
    accents: Sequence[tuple[float, float]],
    pauses: Sequence[tuple[float, float]],
    frames: int,
    rng: np.random.Generator,
    felt: Expression = NO_EXPRESSION,
) -> dict[str, FloatArray]:
    """Weights of eyes, brows and cheeks by control name, each ``[frames]``.

    Args:
        accents: time in seconds and strength (0 to 1) of every vowel; the strong ones lift the brows.
        pauses: start and end in seconds of every pause; blinks are likelier there.
        frames: number of frames at 50 Hz.
        rng: the source of every draw.
    """
    times = np.arange(frames) / FRAME_RATE
    blink = _blinks(times, pauses, rng)
    curves = _gaze(times, rng)
    looking_down = (curves["eyeLookDown_L"] + curves["eyeLookDown_R"]) / 2
    raised, frown = _brows(times, accents, rng)
    lopsided = rng.normal(0.0, 0.08)
    squint = np.clip(rng.normal(0.04, 0.05), 0.0, 0.2) + 0.12 * blink
    for side, gain in (("L", 1.0 + lopsided), ("R", 1.0 - lopsided)):
        curves[f"eyeBlink_{side}"] = np.maximum(blink, 0.35 * looking_down)
        curves[f"eyeSquint_{side}"] = squint * gain
        curves[f"eyeWide_{side}"] = 0.25 * raised * gain * (1.0 - blink)
        curves[f"cheekSquint_{side}"] = 0.06 * blink
        curves[f"browInnerUp_{side}"] = raised * gain
        curves[f"browOuterUp_{side}"] = 0.7 * raised * gain
        curves[f"browDown_{side}"] = frown * gain + 0.05 * blink
    return {name: np.clip(curve, 0.0, 1.0).astype(np.float32) for name, curve in curves.items()}


def _blinks(times: Curve, pauses: Sequence[tuple[float, float]], rng: np.random.Generator) -> Curve:
    """Lid closure of both eyes: a renewal process of blinks, moved into a pause where one is near."""
    mean_interval = 60.0 / rng.uniform(10.0, 25.0)
    end = len(times) / FRAME_RATE
    closure = np.zeros(len(times))
    onset = rng.uniform(0.0, mean_interval)
    while onset < end:
        start = _pause_nearby(onset, pauses)
        closing, hold, opening = rng.uniform(0.08, 0.10), rng.uniform(0.022, 0.05), rng.uniform(0.15, 0.20)
        falling = _ease((times - start) / closing)
        rising = _ease((times - start - closing - hold) / opening)
        closure = np.maximum(closure, falling - rising)
        onset = max(onset, start) + 0.5 + rng.gamma(2.0, (mean_interval - 0.5) / 2.0)
    return closure


def _pause_nearby(onset: float, pauses: Sequence[tuple[float, float]]) -> float:
    """The time of the pause that begins within half a second of ``onset``, else ``onset`` itself."""
    for start, _ in pauses:
        if 0.0 <= start - onset < 0.5:
            return start
    return onset


def _gaze(times: Curve, rng: np.random.Generator) -> dict[str, Curve]:
    """Eye directions: fixations near the listener or, now and then, elsewhere, joined by saccades."""
    sideways, upwards = np.zeros(len(times)), np.zeros(len(times))
    home = rng.normal(0.0, 0.03, 2)
    position, now, end = home, 0.0, len(times) / FRAME_RATE
    sideways += position[0]
    upwards += position[1]
    while now < end:
        away = rng.random() < 0.12
        now += rng.gamma(2.0, 0.35) if away else rng.gamma(2.0, 0.7)
        spread = np.array([0.28, 0.15]) if away else np.array([0.04, 0.025])
        target = np.clip(home + rng.normal(0.0, 1.0, 2) * spread, -0.7, 0.7)
        step = _ease((times - now) / rng.uniform(0.04, 0.06))
        sideways += (target[0] - position[0]) * step
        upwards += (target[1] - position[1]) * step
        position = target
    to_left, to_right = np.maximum(sideways, 0.0), np.maximum(-sideways, 0.0)
    up, down = np.maximum(upwards, 0.0), np.maximum(-upwards, 0.0)
    return {
        "eyeLookOut_L": to_left,
        "eyeLookIn_R": to_left,
        "eyeLookIn_L": to_right,
        "eyeLookOut_R": to_right,
        **{f"eyeLookUp_{side}": up for side in "LR"},
        **{f"eyeLookDown_{side}": down for side in "LR"},
    }


def _brows(times: Curve, accents: Sequence[tuple[float, float]], rng: np.random.Generator) -> tuple[Curve, Curve]:
    """Brow raise and brow lowering: flashes on strong accents over a slowly wandering mood."""
    liveliness = rng.uniform(0.1, 0.5)
    raised, frown = np.zeros(len(times)), np.zeros(len(times))
    last = -1.0
    for time, strength in accents:
        if strength < 0.6 or time - last < 0.6 or rng.random() > 0.2 + liveliness:
            continue
        last = time
        height = liveliness * strength * rng.uniform(0.5, 1.2)
        flash = _ease((times - time + 0.16) / 0.16) - _ease((times - time - rng.uniform(0.02, 0.3)) / 0.35)
        if rng.random() < 0.8:
            raised = np.maximum(raised, height * flash)
        else:
            frown = np.maximum(frown, 0.6 * height * flash)
    mood = 0.06 * _wander(times, rng)
    return raised + np.maximum(mood, 0.0), frown + np.maximum(-mood, 0.0)


def _wander(times: Curve, rng: np.random.Generator) -> Curve:
    """A smooth curve of about unit size that changes over seconds."""
    total = np.zeros(len(times))
    for rate in rng.uniform(0.05, 0.3, 3):
        total += np.sin(2 * np.pi * (rate * times + rng.uniform()))
    return total / 3.0


def _ease(x: Curve) -> Curve:
    """A step from 0 to 1 of least jerk while x goes from 0 to 1."""
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x**3 * (10.0 - 15.0 * x + 6.0 * x * x))
