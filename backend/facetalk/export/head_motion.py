"""How a captured head turns, for Blender: what `blender_addon/head_motion.py` reads."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from facetalk.capture.captured_take import CapturedTake
from facetalk.capture.performance import RATE
from facetalk.runs import runs


@dataclass(frozen=True)
class HeadMotion:
    """Rotations in Blender's axes, and where the camera saw no face.

    Attributes:
        fps: of ``rotations``.
        rotations: quaternions, w first, each on the side of the one before.
        unseen: stretches without a face, seconds.
        cuts: seconds at which another shot begins.
    """

    fps: float
    rotations: list[list[float]]
    unseen: list[tuple[float, float]]
    cuts: list[float]

    @classmethod
    def of(cls, take: CapturedTake) -> "HeadMotion":
        """The head's motion of a take: its axes become Blender's (z up, face along -Y)."""
        w, x, y, z = take.rotations.astype(np.float64).T
        turned = np.stack([w, x, -z, y], axis=1)
        same_side = np.where((turned[1:] * turned[:-1]).sum(axis=1) < 0.0, -1.0, 1.0)
        turned *= np.cumprod(np.concatenate([[1.0], same_side]))[:, None]
        unseen = [(start / RATE, end / RATE) for start, end in runs(take.bridged)]
        return cls(float(RATE), np.round(turned, 6).tolist(), unseen, [cut / RATE for cut in take.cuts])

    def write(self, folder: Path) -> Path:
        """Write it into a folder; returns the file."""
        path = folder / "head_motion.json"
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path
