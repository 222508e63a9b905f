"""Random rig poses for training the expression field: speech-like, emotional, single shapes, blinks and gaze."""

import numpy as np
from numpy.typing import NDArray

from training.rig import RIG_CONTROLS, TONGUE_CONTROLS

Array = NDArray[np.float64]

SPEECH = {
    "jawOpen": 0.5,
    "mouthFunnel": 0.6,
    "mouthPucker": 0.7,
    "mouthRollLower": 0.5,
    "mouthRollUpper": 0.4,
    "mouthShrugUpper": 0.4,
    "mouthShrugLower": 0.4,
    "mouthStretch": 0.5,
    "mouthSmile": 0.5,
    "mouthPress": 0.6,
    "mouthLowerDown": 0.6,
    "mouthUpperUp": 0.5,
    "mouthDimple": 0.4,
}
UPPER_FACE = (
    "browDown",
    "browInnerUp",
    "browOuterUp",
    "cheekSquint",
    "cheekRaiser",
    "eyeSquint",
    "eyeWide",
    "noseSneer",
)
GAZE = ("eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp")


def sample_rig_weights(generator: np.random.Generator, count: int) -> Array:
    """Random rig weights ``[count, R]`` in 0..1: half speech-like, the rest single shapes and wide combinations."""
    weights = np.zeros((count, len(RIG_CONTROLS)))
    for row in weights:
        kind = generator.random()
        if kind < 0.55:
            _speak(row, generator)
        elif kind < 0.75:
            row[generator.integers(len(RIG_CONTROLS))] = generator.uniform(0.2, 1.0)
        else:
            chosen = generator.choice(len(RIG_CONTROLS), 6, replace=False)
            row[chosen] = generator.uniform(0.0, 0.8, 6)
        _liven(row, generator)
    return weights


def _speak(row: Array, generator: np.random.Generator) -> None:
    active = generator.random(len(SPEECH)) < 0.45
    for (name, limit), is_active in zip(SPEECH.items(), active, strict=True):
        if is_active:
            _set(row, name, limit * generator.random() ** 1.5, generator)
    # Closures are what speech is read by: in a third of the poses the lips are shut on whatever jaw there is.
    if generator.random() < 0.35:
        jaw = row[RIG_CONTROLS.index("jawOpen")] * 0.5
        row[RIG_CONTROLS.index("jawOpen")] = jaw
        row[RIG_CONTROLS.index("mouthClose")] = jaw
    if generator.random() < 0.5:
        row[RIG_CONTROLS.index(str(generator.choice(TONGUE_CONTROLS)))] = generator.random()


def _liven(row: Array, generator: np.random.Generator) -> None:
    if generator.random() < 0.4:
        _set(row, "eyeBlink", float(generator.choice([1.0, generator.random()])), generator)
    if generator.random() < 0.5:
        name = str(generator.choice(GAZE))
        amount = generator.random() * 0.8
        opposite = {"eyeLookIn": "eyeLookOut", "eyeLookOut": "eyeLookIn"}.get(name, name)
        row[RIG_CONTROLS.index(f"{name}_L")] = amount
        row[RIG_CONTROLS.index(f"{opposite}_R")] = amount
    for name in UPPER_FACE:
        if generator.random() < 0.2:
            _set(row, name, generator.random() * 0.8, generator)


def _set(row: Array, name: str, amount: float, generator: np.random.Generator) -> None:
    """Set a control, or its left and right twins with a little asymmetry."""
    if name in RIG_CONTROLS:
        row[RIG_CONTROLS.index(name)] = amount
        return
    for side in ("L", "R"):
        row[RIG_CONTROLS.index(f"{name}_{side}")] = np.clip(amount * generator.uniform(0.85, 1.15), 0.0, 1.0)
