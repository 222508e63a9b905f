"""What stands in for the embedded face, an imported head or a mesh of the user's, and performs an animator's takes."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from facetalk.animate import CAPTURED_RATE, Animator, Pose, Progress
from facetalk.clip import Clip
from facetalk.head.head import Head
from facetalk.keyed_take import keyed_take
from facetalk.take import FrameBatch, KeyedTake, TakeSettings
from facetalk.topology.template import AnyMesh


class StandIn(ABC):
    """Poses the codes of an animator's takes in its own way.

    Args:
        animator: makes the performances, in codes of the embedded head.
    """

    def __init__(self, animator: Animator) -> None:
        self._animator = animator

    @abstractmethod
    def mesh(self, identity: str, hair: str | None = None) -> AnyMesh:
        """The mesh at rest.

        Raises:
            UserError: it has no such face or hair.
        """

    @abstractmethod
    def _posing(self, identity: str) -> Pose:
        """Poses the frames of one take, in order."""

    @property
    def device(self) -> torch.device:
        """Where the models run."""
        return self._animator.device

    @property
    def head(self) -> Head:
        """The head whose codes ``codes`` and ``poses`` speak: the embedded one."""
        return self._animator.head

    @property
    def code_rate(self) -> int:
        """Codes per second that speech becomes."""
        return self._animator.code_rate

    def frame_count(self, clip: Clip, fps: float) -> int:
        """Frames of a take, as ``Animator.frame_count``."""
        return self._animator.frame_count(clip, fps)

    def codes(self, clip: Clip, settings: TakeSettings, progress: Progress | None = None) -> Tensor:
        """The take as expression codes of the embedded head, as ``Animator.codes``."""
        return self._animator.codes(clip, settings, progress)

    def frames(self, clip: Clip, settings: TakeSettings, progress: Progress | None = None) -> Iterator[FrameBatch]:
        """Pose a take, in the mesh's own units and axes; otherwise as ``Animator.frames``."""
        self.mesh(settings.identity, settings.hair)
        return self._animator.perform(self._posing(settings.identity), clip, settings, progress)

    def poses(
        self,
        codes: Tensor,
        settings: TakeSettings,
        progress: Progress | None = None,
        *,
        rate: int = CAPTURED_RATE,
        frame_count: int | None = None,
    ) -> Iterator[FrameBatch]:
        """Pose expression codes, in the mesh's own units and axes; otherwise as ``Animator.poses``."""
        pose = self._posing(settings.identity)
        return self._animator.perform_codes(pose, codes, settings, progress, rate=rate, frame_count=frame_count)

    def keyed(self, clip: Clip, settings: TakeSettings, progress: Progress | None = None) -> KeyedTake:
        """A take as shape keys with curves, as ``keyed_take`` makes it."""
        return keyed_take(self, clip, settings, progress or (lambda stage, fraction: None))
