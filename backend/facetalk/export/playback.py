"""A captured take as a source of frames, so that it becomes a file the way generated takes do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from facetalk.capture.captured_take import CapturedTake
from facetalk.clip import SAMPLE_RATE, Clip
from facetalk.service.stream import Progress
from facetalk.take import FrameBatch, TakeSettings

if TYPE_CHECKING:
    import torch

    from facetalk.animate import Animator
    from facetalk.topology.template import FaceMesh


@dataclass(frozen=True)
class Playback:
    """An animator that plays a take instead of making one: a ``stream.TakeSource``."""

    animator: "Animator"
    take: CapturedTake
    device: "torch.device" = field(init=False)
    models: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", self.animator.device)
        object.__setattr__(self, "models", self.animator.models)

    def clip(self) -> Clip:
        """Silence of the take's length."""
        return Clip(np.zeros(round(self.take.seconds * SAMPLE_RATE), np.float32))

    def mesh(self, identity: str, hair: str | None = None) -> "FaceMesh":
        """The neutral face of one identity."""
        return self.animator.mesh(identity, hair)

    def frame_count(self, clip: Clip, fps: float) -> int:
        """How many frames the take becomes."""
        return self.animator.frame_count(clip, fps)

    def frames(self, clip: Clip, settings: TakeSettings, progress: Progress | None = None) -> Iterator[FrameBatch]:
        """The take's frames, in batches."""
        del clip
        return self.animator.poses(self.take.codes, settings, progress)
