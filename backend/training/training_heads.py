"""What head training needs to know of a family of parametric heads, whatever kit they come from."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facetalk.head.head import IDENTITY_LIMIT, IDENTITY_SIGMA

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

PARTS = ("skin", "eyeballs", "upper_teeth", "lower_teeth", "mouth")  # each moves on its own
BROWS = "brows"  # the next part of the head; brows ride on the skin
CODE_SIZE_IDENTITY = 100
BOX = np.array([(-0.55, -0.62, -0.95), (0.55, 0.75, 0.40)])  # the NPHM family's, with room for a neck below


@dataclass(frozen=True)
class Calibration:
    """What makes one identity close.

    Attributes:
        lip_seal: weight of ``mouthClose`` at rest.
        blink_left, blink_right: weight of a full blink.
    """

    lip_seal: float
    blink_left: float
    blink_right: float


class TrainingHeads(Protocol):
    """A family of heads in one topology, posed by rig weights in the order of ``RIG_CONTROLS``; head units.

    Attributes:
        vertices_of: part name -> vertex indices.
        triangles_of: part name -> triangles ``[F, 3]``; every part is watertight.
    """

    vertices_of: dict[str, Indices]
    triangles_of: dict[str, Indices]

    def calibrate(self, code: Array) -> Calibration:
        """What makes the identity ``[100]`` close."""
        ...

    def pose(self, code: Array, calibration: Calibration, weights: Array) -> Array:
        """Vertices ``[N, V, 3]`` under rig weights ``[N, R]``."""
        ...

    def canonical(self, code: Array, calibration: Calibration) -> Array:
        """Vertices ``[V, 3]`` in canonical pose."""
        ...

    def linear_controls(self, code: Array, calibration: Calibration, vertices: Indices) -> Array:
        """Displacement per unit of every control ``[R, N, 3]`` at some vertices ``[N]``, to first order."""
        ...


def part_of_vertex(heads: TrainingHeads, count: int) -> Indices:
    """The index in ``PARTS`` of every vertex ``[count]``; -1 where a vertex belongs to none."""
    part = np.full(count, -1)
    for index, name in enumerate(PARTS):
        part[heads.vertices_of[name]] = index
    return part


def sample_identity_code(generator: np.random.Generator) -> Array:
    """A random identity code ``[100]``, normal with sigma 0.8 cut at 2.5 sigma."""
    raw = np.clip(generator.standard_normal(CODE_SIZE_IDENTITY), -IDENTITY_LIMIT, IDENTITY_LIMIT)
    return np.asarray(IDENTITY_SIGMA * raw)


def identity_code(index: int) -> Array:
    """The training identity code ``[100]`` of an index; 0 is the mean head."""
    code = sample_identity_code(np.random.default_rng(index))
    return code if index else np.zeros_like(code)
