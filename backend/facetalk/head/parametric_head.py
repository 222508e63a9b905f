"""What every neural parametric head offers, the embedded one and the published ones alike.

Head units are the NPHM family's: FLAME metres times 4, y up, z out of the face.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

# Points [N, 3] and which parts are wanted [N, P] to distances [N, P], infinite where they are not wanted.
DistanceField = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Posed:
    """Points of one identity in some poses.

    Attributes:
        points: ``[T, N, 3]``, head units.
        converged: ``[T, N]`` bool. A backward field is inverted by root finding, which may fail at single points;
            forward fields never fail.
    """

    points: Tensor
    converged: Tensor


class PreparedPoints(Protocol):
    """Canonical points of one identity, ready to be posed by any number of codes."""

    def pose(self, expressions: Tensor) -> Posed:
        """Pose the points by expression codes ``[T, E]``, consecutive frames of one motion."""
        ...

    def subset(self, indices: Tensor) -> "PreparedPoints":
        """Some of the points, at different indices ``[M]``: posed as they are among all, at the cost of a few."""
        ...


class FollowedPoints(PreparedPoints, Protocol):
    """Prepared points that go on from one stretch of a motion to the next."""

    def follow(self, expressions: Tensor) -> tuple[Posed, Self]:
        """``pose``, and the points ready for the frames that come next."""
        ...


class ParametricHead(Protocol):
    """A neural parametric head.

    Attributes:
        device: where its networks are.
        parts: names of its parts, in the order of the signed distances.
        box: lowest and highest corner ``[2, 3]`` of canonical space.
        identity_size: I, size of the identity code; zero is the mean face.
        expression_size: E, size of the expression code.
    """

    device: torch.device
    parts: tuple[str, ...]
    box: Tensor

    @property
    def identity_size(self) -> int:
        """I."""
        ...

    @property
    def expression_size(self) -> int:
        """E."""
        ...

    def anchors(self, identity: Tensor) -> Tensor:
        """Anchors ``[A, 3]`` of an identity code ``[I]``."""
        ...

    def signed_distance(self, points: Tensor, identity: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Distances ``[N, P]`` of canonical points ``[N, 3]`` to every part, negative inside.

        Differentiable in points and code. Only the zero level is exact; elsewhere a value is near the distance.
        Distances that are not ``wanted`` (``[N, P]``, all by default) are infinite, and need not cost anything.
        """
        ...

    def distance_field(self, identity: Tensor) -> DistanceField:
        """``signed_distance`` of one identity ``[I]`` for very many points, not differentiable.

        What the head can do once for an identity, it does here; distances are the same to 0.02 mm.
        """
        ...

    def identity_prior(self, identity: Tensor) -> Tensor:
        """How unlikely a code ``[I]`` is: a differentiable scalar, 0 at the mean face, about 1 at a typical one."""
        ...

    def prepare(
        self, points: Tensor, parts: Tensor, identity: Tensor, mobility: Tensor | None = None
    ) -> PreparedPoints:
        """Do once what all frames share.

        Args:
            points: canonical points ``[N, 3]``.
            parts: part index of every point ``[N]``.
            identity: identity code ``[I]``.
            mobility: share of its displacement that every point makes ``[N]``; all of it by default.
        """
        ...


class RiggedHead(ParametricHead, Protocol):
    """A head other than the embedded one that was taught what its codes mean.

    Attributes:
        rig_controls: names of the rig's R controls.
    """

    rig_controls: tuple[str, ...]

    def identity(self, name: str) -> Tensor:
        """The identity code ``[I]`` of a name.

        Raises:
            UserError: no such identity.
        """
        ...

    def rig_to_code(self) -> Tensor:
        """The linear map ``[R, E]`` from weights of the rig to expression codes."""
        ...

    def prepare(
        self, points: Tensor, parts: Tensor, identity: Tensor, mobility: Tensor | None = None
    ) -> FollowedPoints:
        """See ``ParametricHead``."""
        ...
