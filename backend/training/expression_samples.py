"""What the expression field is trained on: random identities in random poses, as points with the places they go to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.head_layout import HeadLayout
from training.rig import RIG_CONTROLS, TONGUE_CONTROLS
from training.training_heads import PARTS, TrainingHeads, identity_code

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


@dataclass(frozen=True)
class CaseCounts:
    """How many identities there are, how many of them (the last) are held out, and what one case holds."""

    identities: int
    held_out: int
    points: int
    poses: int


@dataclass(frozen=True)
class ExpressionCase:
    """One identity in many poses.

    Attributes:
        code: identity code ``[I]``.
        points: canonical points ``[N, 3]``.
        parts: their part indices ``[N]``.
        weight: their weights in the loss ``[N]``.
        expressions: expression codes ``[T, E]``.
        displacement: where the points go ``[T, N, 3]``.
        linear_fields: the neutral offset and the displacement per unit of every code dimension, ``[1 + E, N, 3]``.
    """

    code: Tensor
    points: Tensor
    parts: Tensor
    weight: Tensor
    expressions: Tensor
    displacement: Tensor
    linear_fields: Tensor


class ExpressionCases:
    """Draws random identities in random poses, as canonical points with the places they go to."""

    def __init__(self, heads: TrainingHeads, layout: HeadLayout, counts: CaseCounts) -> None:
        self.heads, self.rig_to_code, self.counts = heads, layout.rig_to_code, counts
        self.code_to_rig = np.linalg.pinv(layout.rig_to_code)
        self.part = np.full(len(layout.importance), -1)
        for index, name in enumerate(PARTS):
            self.part[heads.vertices_of[name]] = index
        self.usable = np.flatnonzero(self.part >= 0)
        importance = layout.importance[self.usable]
        self.weight = np.sqrt(importance / importance.min())
        self.chance = self.weight / self.weight.sum()
        self.codes = [identity_code(index) for index in range(counts.identities)]
        self.calibrations = [heads.calibrate(code) for code in self.codes]

    def draw(self, generator: np.random.Generator, held_out: bool = False) -> ExpressionCase:
        """One training identity, or a held-out one, in as many random poses as the settings say."""
        first_held_out = self.counts.identities - self.counts.held_out
        low, high = (first_held_out, self.counts.identities) if held_out else (0, first_held_out)
        index = int(generator.integers(low, high))
        code, calibration = self.codes[index], self.calibrations[index]
        weights = sample_rig_weights(generator, self.counts.poses)
        rest = np.zeros((1, len(RIG_CONTROLS)))
        posed = self.heads.pose(code, calibration, np.concatenate([rest, weights]))
        canonical = self.heads.canonical(code, calibration)
        rows = generator.choice(len(self.usable), self.counts.points, p=self.chance)
        vertices = self.usable[rows]
        displacement = posed[:, vertices] - canonical[vertices]
        controls = self.heads.linear_controls(code, calibration, vertices)
        linear = np.tensordot(self.code_to_rig, controls, axes=1)
        return ExpressionCase(
            code=as_tensor(code),
            points=as_tensor(canonical[vertices]),
            parts=torch.from_numpy(self.part[vertices]),
            weight=as_tensor(self.weight[rows]),
            expressions=as_tensor(weights @ self.rig_to_code),
            displacement=as_tensor(displacement[1:]),
            linear_fields=as_tensor(np.concatenate([displacement[:1], linear])),
        )


def as_tensor(array: NDArray[Any]) -> Tensor:
    """A float32 tensor of an array of any layout."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
