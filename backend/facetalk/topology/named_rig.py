"""The named rig: one identity's face as a neutral shape and named shape keys that add up.

Every key is what the neural head makes of it at weight 1, so that a slider pulled alone shows the head's own face.
Between and beyond, a sum of keys only comes near what the head poses; corrective keys make up for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.topology.arkit_keys import ARKIT_KEYS, DONE_OVER, TONGUE_KEYS, key_code

Vertices = NDArray[np.float32]
Weights = NDArray[np.float64]
PoseCodes = Callable[[Tensor], Vertices]  # codes [T, E] to vertices [T, V, 3]

SMALLEST_OFFSET = 3e-5  # of the face's height (0.01 mm): what moves less stays, which makes files smaller by half


@dataclass(frozen=True)
class NamedRig:
    """Shape keys of one identity on one template.

    Attributes:
        neutral: ``[V, 3]`` in the mesh's units and axes; metres, z up, on the embedded templates.
        names: of the K named keys.
        offsets: what a weight of 1 of each moves ``[K, V, 3]``; weights run from 0 to 1.
        correctives: the same of the J corrective keys ``[J, V, 3]``; weights run from -1 to 1.
    """

    neutral: Vertices
    names: tuple[str, ...]
    offsets: Vertices
    correctives: Vertices

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of all K + J keys."""
        return (*self.names, *(f"corrective_{number:02d}" for number in range(1, len(self.correctives) + 1)))

    @property
    def key_offsets(self) -> Vertices:
        """Offsets ``[K + J, V, 3]`` of all keys."""
        return np.concatenate([self.offsets, self.correctives])

    def pose(self, weights: Weights) -> Vertices:
        """Vertices ``[T, V, 3]`` of weights ``[T, N]`` of the first N keys, as Blender adds them up."""
        used = weights.shape[1]
        offsets = self.key_offsets[:used].reshape(used, self.neutral.size)
        moved = weights.astype(np.float32) @ offsets
        return self.neutral + moved.reshape(len(weights), *self.neutral.shape)

    def with_correctives(self, correctives: Vertices) -> "NamedRig":
        """The same rig with these corrective keys ``[J, V, 3]``."""
        return replace(self, correctives=without_noise(correctives, self.neutral))


def decode_named_rig(pose: PoseCodes, controls: Sequence[str], rig_to_code: Tensor) -> NamedRig:
    """The named keys of an identity, without correctives: ARKit's 52, and those of the tongue that speech needs.

    Args:
        pose: poses the identity's template.
        controls: names of the head's R rig controls.
        rig_to_code: the linear map ``[R, E]`` from their weights to codes.

    Raises:
        UserError: the head lacks a control.
    """
    names = (*ARKIT_KEYS, *TONGUE_KEYS)
    codes = {name: key_code(name, controls, rig_to_code) for name in names}
    neutral = torch.zeros_like(codes[names[0]])
    under = torch.stack([codes[DONE_OVER[name]] if name in DONE_OVER else neutral for name in names])
    with_key = under + torch.stack(list(codes.values()))
    posed = pose(torch.cat([neutral[None], under, with_key]))
    offsets = posed[1 + len(names) :] - posed[1 : 1 + len(names)]
    nothing = np.zeros((0, *offsets.shape[1:]), np.float32)
    return NamedRig(posed[0], names, without_noise(offsets, posed[0]), nothing)


def without_noise(offsets: Vertices, neutral: Vertices) -> Vertices:
    """Offsets ``[K, V, 3]`` that are exactly zero where a vertex of the face ``[V, 3]`` hardly moves."""
    moves = np.linalg.norm(offsets, axis=-1, keepdims=True) > SMALLEST_OFFSET * float(np.ptp(neutral, axis=0).max())
    return np.ascontiguousarray(offsets * moves, dtype=np.float32)
