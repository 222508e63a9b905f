"""What the expression field is trained on: random identities in random poses, as points with the places they go to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.head_layout import HeadLayout
from training.rig import PUPIL_CONTROLS, RIG_CONTROLS, TONGUE_CONTROLS
from training.training_heads import TrainingHeads, identity_code, part_of_vertex
from training.warp_samples import vertex_normals

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
# Full expressions, after the action units of Ekman and Friesen's Facial Action Coding System (1978).
EMOTIONS: dict[str, dict[str, float]] = {
    "joy": {"mouthSmile": 0.9, "cheekSquint": 0.7, "eyeSquint": 0.3, "mouthUpperUp": 0.3, "jawOpen": 0.15},
    "sadness": {"browInnerUp": 0.9, "mouthFrown": 0.8, "eyeSquint": 0.2, "mouthShrugLower": 0.4},
    "anger": {"browDown": 1.0, "eyeWide": 0.3, "noseSneer": 0.5, "mouthPress": 0.7, "eyeSquint": 0.3},
    "surprise": {"browInnerUp": 0.9, "browOuterUp": 0.9, "eyeWide": 0.8, "jawOpen": 0.5},
    "fear": {"browInnerUp": 0.9, "browDown": 0.4, "eyeWide": 0.9, "mouthStretch": 0.7, "jawOpen": 0.2},
    "disgust": {"noseSneer": 0.9, "mouthUpperUp": 0.6, "browDown": 0.4, "mouthFrown": 0.4, "cheekSquint": 0.4},
    "contempt": {"mouthDimple_L": 0.8, "mouthSmile_L": 0.4, "eyeSquint": 0.2},
}
# Seldom drawn, and hard: in training, this share of the poses has them at least at this weight.
HARD_POSES = (("eyeBlink", 1.0, 0.2), ("mouthRollLower", 0.6, 0.08), ("mouthRollUpper", 0.6, 0.08))
GAZE = ("eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp")


def sample_rig_weights(generator: np.random.Generator, count: int) -> Array:
    """Random rig weights ``[count, R]`` in 0..1: half like speech, the rest emotions, single shapes and mixtures."""
    weights = np.zeros((count, len(RIG_CONTROLS)))
    for row in weights:
        kind = generator.random()
        if kind < 0.5:
            _speak(row, generator)
        elif kind < 0.68:
            _feel(row, generator)
        elif kind < 0.85:
            row[generator.integers(len(RIG_CONTROLS))] = generator.uniform(0.2, 1.0)
        else:
            chosen = generator.choice(len(RIG_CONTROLS), 6, replace=False)
            row[chosen] = generator.uniform(0.0, 0.8, 6)
        _liven(row, generator)
    # It shuts a mouth as far as the jaw opens it (ARKit: "closure of the lips independent of jaw position").
    jaw, shut = RIG_CONTROLS.index("jawOpen"), RIG_CONTROLS.index("mouthClose")
    weights[:, shut] = np.minimum(weights[:, shut], weights[:, jaw])
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


def _feel(row: Array, generator: np.random.Generator) -> None:
    """An emotion at some strength, in a third of the poses while speaking."""
    if generator.random() < 0.33:
        _speak(row, generator)
    emotion = EMOTIONS[str(generator.choice(list(EMOTIONS)))]
    strength = generator.uniform(0.2, 1.0)
    for name, amount in emotion.items():
        _set(row, name, strength * amount, generator)


def _liven(row: Array, generator: np.random.Generator) -> None:
    if generator.random() < 0.4:
        _set(row, "eyeBlink", float(generator.choice([1.0, generator.random()])), generator)
    if generator.random() < 0.5:
        name = str(generator.choice(GAZE))
        amount = generator.random() * 0.8
        opposite = {"eyeLookIn": "eyeLookOut", "eyeLookOut": "eyeLookIn"}.get(name, name)
        row[RIG_CONTROLS.index(f"{name}_L")] = amount
        row[RIG_CONTROLS.index(f"{opposite}_R")] = amount
    if generator.random() < 0.2:
        row[[RIG_CONTROLS.index(name) for name in PUPIL_CONTROLS]] = generator.random()
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


def harden(weights: Array, generator: np.random.Generator) -> None:
    """Turn some of the poses ``[N, R]`` into full blinks and rolled lips, whatever else they are, in place."""
    for name, least, share in HARD_POSES:
        for number in np.flatnonzero(generator.random(len(weights)) < share):
            _set(weights[number], name, generator.uniform(least, 1.0), generator)


SKIN_OFFSETS = (-0.004, 0.016)  # head units off the skin: brows ride there
HELD_OUT_EVERY = 10  # of the draws of expressions, every tenth is never trained on
RIM_WEIGHT = 2.0  # of points of the rims of lips and lids, as a multiple of what they count in codes
VIEWS = 3  # choices of points for which a head is posed once: posing takes twice as long as a step of training


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
        code: shape code ``[S]``.
        points: points of the mean head ``[N, 3]``.
        parts: their part indices ``[N]``.
        weight: their weights in the loss ``[N]``.
        expressions: expression codes ``[T, E]``.
        displacement: how far the points go from the identity's canonical pose ``[T, N, 3]``.
        linear_fields: the neutral offset and the displacement per unit of every code dimension, ``[1 + E, N, 3]``.
    """

    code: Tensor
    points: Tensor
    parts: Tensor
    weight: Tensor
    expressions: Tensor
    displacement: Tensor
    linear_fields: Tensor


@dataclass(frozen=True)
class _PosedIdentity:
    """An identity by number in poses ``[T, R]``, and how far vertices go, at rest and there ``[1 + T, V, 3]``."""

    seed: int
    index: int
    weights: Array
    displacement: Array


class ExpressionCases:
    """Draws random identities in random poses."""

    def __init__(self, heads: TrainingHeads, layout: HeadLayout, counts: CaseCounts) -> None:
        self.heads, self.rig_to_code, self.counts = heads, layout.rig_to_code, counts
        self.code_to_rig = np.linalg.pinv(layout.rig_to_code)
        average = identity_code(0)
        self.mean = heads.canonical(average, heads.calibrate(average))
        self.normals = vertex_normals(self.mean, np.concatenate(list(heads.triangles_of.values())))
        self.part = part_of_vertex(heads, len(self.mean))
        self.usable = np.flatnonzero((self.part >= 0) & (layout.importance > 0.0))
        importance = layout.importance[self.usable]
        on_rims = np.isin(self.usable, np.concatenate([rims.vertices.flatten() for rims in layout.rims.values()]))
        self.weight = np.sqrt(importance / importance.min()) * np.where(on_rims, RIM_WEIGHT, 1.0)
        self.chance = self.weight / self.weight.sum()
        self.codes = [identity_code(index) for index in range(counts.identities)]
        self.calibrations = [heads.calibrate(code) for code in self.codes]
        self._latest: _PosedIdentity | None = None

    def train(self, number: int) -> ExpressionCase:
        """The ``number``-th case to train on."""
        draw, view = divmod(number, VIEWS)
        seed = draw + draw // (HELD_OUT_EVERY - 1) + 1  # leaves out the multiples of ten
        if self._latest is None or self._latest.seed != seed:
            self._latest = self._pose(seed, range(self.counts.identities - self.counts.held_out), hard=True)
        return self._see(self._latest, view)

    def held_out(self, number: int) -> ExpressionCase:
        """The ``number``-th case of identities and expressions never trained on."""
        first = self.counts.identities - self.counts.held_out
        return self._see(self._pose(number * HELD_OUT_EVERY, range(first, self.counts.identities), hard=False), 0)

    def _pose(self, seed: int, identities: range, hard: bool) -> _PosedIdentity:
        generator = np.random.default_rng([seed, 1])
        index = int(generator.integers(identities.start, identities.stop))
        code, calibration = self.codes[index], self.calibrations[index]
        weights = sample_rig_weights(generator, self.counts.poses)
        if hard:
            harden(weights, generator)
        rest = np.zeros((1, len(RIG_CONTROLS)))
        posed = self.heads.pose(code, calibration, np.concatenate([rest, weights]))
        return _PosedIdentity(seed, index, weights, posed - self.heads.canonical(code, calibration))

    def _see(self, head: _PosedIdentity, view: int) -> ExpressionCase:
        """A posed identity at random points."""
        generator = np.random.default_rng([head.seed, 2, view])
        code, calibration = self.codes[head.index], self.calibrations[head.index]
        rows = generator.choice(len(self.usable), self.counts.points, p=self.chance)
        vertices = self.usable[rows]
        displacement = head.displacement[:, vertices]
        controls = self.heads.linear_controls(code, calibration, vertices)
        linear = np.tensordot(self.code_to_rig, controls, axes=1)
        off_skin = (self.part[vertices] == 0) & (generator.random(len(vertices)) < 0.3)
        offset = off_skin * generator.uniform(*SKIN_OFFSETS, len(vertices))
        return ExpressionCase(
            code=as_tensor(code),
            points=as_tensor(self.mean[vertices] + offset[:, None] * self.normals[vertices]),
            parts=torch.from_numpy(self.part[vertices]),
            weight=as_tensor(self.weight[rows]),
            expressions=as_tensor(head.weights @ self.rig_to_code),
            displacement=as_tensor(displacement[1:]),
            linear_fields=as_tensor(np.concatenate([displacement[:1], linear])),
        )


def as_tensor(array: NDArray[Any]) -> Tensor:
    """A float32 tensor of an array of any layout."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
