"""Points of published heads, posed: moved by a forward expression field, found by inverting a backward one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from facetalk.head.foreseen_roots import foreseen_roots
from facetalk.head.parametric_head import Posed
from facetalk.head.root_finding import Roots, find_roots, follow_roots, start_at

POINTS_PER_CHUNK = 20_000
POSE_TOLERANCE = 4e-5  # head units: 0.01 mm
LEAST_MOBILITY = 0.05  # by which what is foreseen of a point is divided


class ForwardHead(Protocol):
    """A head whose expression field says how far canonical points go."""

    def expression_codes(self, identity: Tensor, expressions: Tensor) -> Tensor:
        """What the field is told about identity ``[I]`` and expressions ``[T, E]``: ``[T, K]``."""
        ...

    def offsets(self, points: Tensor, code: Tensor) -> Tensor:
        """How far points ``[N, 3]`` go ``[N, 3]``, for one of ``expression_codes``."""
        ...


class BackwardHead(Protocol):
    """A head whose expression field maps posed points to canonical ones."""

    def expression_codes(self, identity: Tensor, expressions: Tensor) -> Tensor:
        """What the field is told about identity ``[I]`` and expressions ``[T, E]``: ``[T, K]``."""
        ...

    def to_canonical(self, code: Tensor) -> Callable[[Tensor], Tensor]:
        """The map from posed to canonical points ``[N, 3]``, for one of ``expression_codes``."""
        ...

    def canonical(self, points: Tensor, codes: Tensor) -> Tensor:
        """Canonical points of posed ones ``[T, N, 3]``, frame by frame, for ``expression_codes`` ``[T, K]``."""
        ...


@dataclass(frozen=True)
class ForwardPoints:
    """Canonical points of one identity under a forward expression field (see ``PreparedPoints``)."""

    head: ForwardHead
    points: Tensor  # [N, 3]
    identity: Tensor  # [I]
    mobility: Tensor  # [N, 1]

    @torch.no_grad()
    def pose(self, expressions: Tensor) -> Posed:
        """Posed points for expression codes ``[T, E]``; a forward field never fails."""
        codes = self.head.expression_codes(self.identity, expressions)
        chunks = self.points.split(POINTS_PER_CHUNK)
        frames = [torch.cat([self.head.offsets(chunk, code) for chunk in chunks]) for code in codes]
        offsets = torch.stack(frames) if frames else self.points.new_zeros(0, *self.points.shape)
        converged = torch.ones(offsets.shape[:2], dtype=torch.bool, device=offsets.device)
        return Posed(self.points + self.mobility * offsets, converged)

    def follow(self, expressions: Tensor) -> tuple[Posed, "ForwardPoints"]:
        """``pose``; a forward field has nothing to remember."""
        return self.pose(expressions), self

    def subset(self, indices: Tensor) -> "ForwardPoints":
        """Some of the points, at indices ``[M]``."""
        return replace(self, points=self.points[indices], mobility=self.mobility[indices])


@dataclass(frozen=True)
class BackwardPoints:
    """Canonical points of one identity under a backward expression field (see ``PreparedPoints``).

    A backward field says which canonical point a posed one belongs to. The posed point is followed from the frame
    before, that of the first frame from where the points begin: the zero expression, or the end of a stretch before.
    """

    head: BackwardHead
    points: Tensor  # [N, 3]
    identity: Tensor  # [I]
    mobility: Tensor  # [N, 1]
    start: Roots
    start_code: Tensor  # [K]

    @classmethod
    def at_rest(
        cls, head: BackwardHead, points: Tensor, identity: Tensor, mobility: Tensor, code: Tensor
    ) -> "BackwardPoints":
        """Points ``[N, 3]`` where a code ``[K]``, that of the zero expression, puts them."""
        field = head.to_canonical(code)
        roots = find_roots(field, points, start_at(field, 2 * points - field(points)), POSE_TOLERANCE)
        return cls(head, points, identity, mobility, roots, code)

    def pose(self, expressions: Tensor) -> Posed:
        """Posed points for expression codes ``[T, E]``; points not found keep the best guess and are marked."""
        return self.follow(expressions)[0]

    @torch.no_grad()
    def follow(self, expressions: Tensor) -> tuple[Posed, "BackwardPoints"]:
        """``pose``, and the points as the last frame leaves them."""
        roots, before, posed, converged = self.start, self.start_code, [], []
        for code in self.head.expression_codes(self.identity, expressions):
            roots = follow_roots(self.head.to_canonical, self.points, roots, before, code, POSE_TOLERANCE)
            before = code
            posed.append(self.points + self.mobility * (roots.points - self.points))
            converged.append(roots.errors <= POSE_TOLERANCE)
        if not posed:
            none = self.points.new_zeros(0, *self.points.shape)
            return Posed(none, none[..., 0].bool()), self
        return Posed(torch.stack(posed), torch.stack(converged)), replace(self, start=roots, start_code=before)

    @torch.no_grad()
    def pose_near(self, expressions: Tensor, foreseen: Tensor) -> Posed:
        """``pose`` of frames that need not follow each other, in all of which one knows about where the points go.

        Args:
            expressions: codes ``[T, E]``.
            foreseen: about where the points are ``[T, N, 3]``; what is not found near there is marked.
        """
        codes = self.head.expression_codes(self.identity, expressions)
        start = self.points + (foreseen - self.points) / self.mobility.clamp(min=LEAST_MOBILITY)
        inverse = self.start.inverse_jacobians
        roots, found = foreseen_roots(self.head.canonical, codes, self.points, start, inverse, POSE_TOLERANCE)
        return Posed(self.points + self.mobility * (roots - self.points), found)

    def subset(self, indices: Tensor) -> "BackwardPoints":
        """Some of the points, at indices ``[M]``."""
        start = Roots(*(each[indices] for each in (self.start.points, self.start.errors, self.start.inverse_jacobians)))
        return replace(self, points=self.points[indices], mobility=self.mobility[indices], start=start)
