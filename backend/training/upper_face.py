"""The upper face while somebody speaks: lids, gaze, brows and cheeks as rig weights at 50 Hz.

Almost nothing of it is in the sound, so it is drawn from human statistics (`training.blinks`, `training.gaze`); brows
rise with pitch accents (Cave et al., "About the relationship between eyebrow movements and F0 variations", 1996), and a
feeling lies over all of it, now a little more, now a little less.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from training.blinks import blink_onsets, lid_closure
from training.eased import Curve, ease, wander
from training.emotion import NO_EXPRESSION, Expression
from training.gaze import gaze, look_weights

FRAME_RATE = 50
FloatArray = NDArray[np.float32]

ACCENTED = 0.6  # stress from which on a vowel may lift the brows
BETWEEN_FLASHES = 0.6  # seconds
FEELING_WAVERS = 0.2  # as a share of its strength
LIDS_FOLLOW_DOWN = 0.35  # how far lids close when the eyes look down, beyond what eyeLookDown does


def upper_face(
    accents: Sequence[tuple[float, float]],
    pauses: Sequence[tuple[float, float]],
    frames: int,
    rng: np.random.Generator,
    felt: Expression = NO_EXPRESSION,
) -> dict[str, FloatArray]:
    """Weights of eyes, brows, cheeks and nose by rig control, each ``[frames]``.

    Args:
        accents: time in seconds and strength (0 to 1) of every vowel; the strong ones lift the brows.
        pauses: start and end in seconds of every pause; blinks are likelier there.
        frames: number of frames at 50 Hz.
        rng: the source of every draw.
        felt: what the face shows beside.
    """
    times = np.arange(frames) / FRAME_RATE
    look = gaze(times, pauses, felt.gaze_down, rng)
    blink = lid_closure(times, blink_onsets(frames / FRAME_RATE, pauses, look.shifts, felt.blinks, rng), rng)
    raised, frown = _brows(times, accents, felt.brows, rng)
    curves = look_weights(look)
    lopsided = rng.normal(0.0, 0.08)
    squint = np.clip(rng.normal(0.04, 0.05), 0.0, 0.2) + 0.12 * blink
    feeling = 1.0 + FEELING_WAVERS * wander(times, rng)
    down = curves["eyeLookDown_L"]
    for side, gain in (("L", 1.0 + lopsided), ("R", 1.0 - lopsided)):
        own = {
            "eyeSquint": squint,
            "eyeWide": 0.25 * raised,
            "cheekSquint": 0.06 * blink,
            "browInnerUp": raised,
            "browOuterUp": 0.7 * raised,
            "browDown": frown + 0.05 * blink,
        }
        for name, curve in _with_feeling(own, felt, feeling).items():
            curves[f"{name}_{side}"] = curve * gain
        curves[f"eyeWide_{side}"] = curves[f"eyeWide_{side}"] * (1.0 - blink)
        curves[f"eyeBlink_{side}"] = np.maximum(blink, LIDS_FOLLOW_DOWN * down)
    return {name: np.clip(curve, 0.0, 1.0).astype(np.float32) for name, curve in curves.items()}


def _with_feeling(own: Mapping[str, Curve], felt: Expression, feeling: Curve) -> dict[str, Curve]:
    """Both together without ever leaving 0 to 1: what one does leaves less for the other."""
    names = [*own, *(name for name in felt.upper if name not in own)]
    nothing = np.zeros_like(feeling)
    shown = {name: np.clip(felt.upper.get(name, 0.0) * feeling, 0.0, 1.0) for name in names}
    return {name: 1.0 - (1.0 - np.clip(own.get(name, nothing), 0.0, 1.0)) * (1.0 - shown[name]) for name in names}


def _brows(
    times: Curve, accents: Sequence[tuple[float, float]], liveliness_factor: float, rng: np.random.Generator
) -> tuple[Curve, Curve]:
    """Brow raise and brow lowering: flashes on strong accents over a slowly wandering mood."""
    liveliness = rng.uniform(0.1, 0.5) * liveliness_factor
    raised, frown = np.zeros(len(times)), np.zeros(len(times))
    last = -1.0
    for time, strength in accents:
        if strength < ACCENTED or time - last < BETWEEN_FLASHES or rng.random() > 0.2 + liveliness:
            continue
        last = time
        height = liveliness * strength * rng.uniform(0.5, 1.2)
        flash = ease((times - time + 0.16) / 0.16) - ease((times - time - rng.uniform(0.02, 0.3)) / 0.35)
        if rng.random() < 0.8:
            raised = np.maximum(raised, height * flash)
        else:
            frown = np.maximum(frown, 0.6 * height * flash)
    mood = 0.06 * wander(times, rng)
    return raised + np.maximum(mood, 0.0), frown + np.maximum(-mood, 0.0)
