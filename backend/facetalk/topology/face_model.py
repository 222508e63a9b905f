"""The template as our head makes it: linear in an identity and in the little that heads at rest differ in pose.

Published heads have no warp that could carry the template. What they have in common with ours is that they are faces:
this model is fitted to theirs (``face_registration``).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.head.expression_field import ExpressionField
from facetalk.head.head import Head
from facetalk.topology.connected_pieces import connected_pieces
from facetalk.topology.template import Template

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

POSE_CONTROLS = ("jawOpen", "eyeBlink_L", "eyeBlink_R")
POSE_SIZE = 1 + len(POSE_CONTROLS)  # the share of the way from canonical to rest pose goes first
REST_POSE: Array = np.eye(POSE_SIZE)[0]
SKIN = 0


@dataclass(frozen=True)
class FaceModel:
    """A template on our head, with the fields that move it.

    Attributes:
        head: ours.
        template: lies on its mean.
        outer: vertices of the skin that can be seen from outside ``[N]``: not the lining of mouth and eye sockets.
        quads: of these alone ``[Q, 4]``, numbered as they are in ``outer``.
    """

    head: Head
    template: Template
    outer: Indices
    quads: Indices

    @classmethod
    def of(cls, head: Head, template: Template) -> "FaceModel":
        """The model of a template."""
        outer = outer_skin(template)
        return cls(head, template, outer, renumbered(template.quads, outer))

    @cached_property
    def mean(self) -> Array:
        """The outer skin on the mean head, canonical ``[N, 3]``."""
        return self.template.vertices[self.outer].astype(np.float64)

    @cached_property
    def identity_fields(self) -> Array:
        """What moves the outer skin from the mean head to an identity ``[S + J, N, 3]``."""
        points = self._points(self.outer)
        return _array(self.head.identity_field.warp.field.fields(*points))

    def coefficients(self, shape: Array) -> Array:
        """Of the identity fields ``[S + J]``, for a shape code ``[S]``; the first S are the code itself."""
        return _array(self.head.identity_field.warp.coefficients(self._tensor(shape)[None])[0])

    def pose_fields(self, shape: Array) -> Array:
        """What poses the outer skin of a shape code ``[S]``: from canonical to rest, and by ``POSE_CONTROLS``."""
        fields = self._expression_field.fields(*self._points(self.outer), self._tensor(shape))
        return _array(torch.tensordot(self._pose_to_coefficients, fields[: self._linear], dims=1))

    def skin(self, shape: Array, pose: Array, pose_fields: Array) -> Array:
        """The outer skin ``[N, 3]`` of a shape code ``[S]`` in a pose ``[POSE_SIZE]`` under its ``pose_fields``."""
        moved = np.tensordot(self.coefficients(shape), self.identity_fields, axes=1)
        return np.asarray(self.mean + moved + np.tensordot(pose, pose_fields, axes=1))

    @torch.no_grad()
    def whole(self, shape: Array, pose: Array) -> Array:
        """All vertices of the template ``[V, 3]``, of a shape code ``[S]`` in a pose ``[POSE_SIZE]``."""
        every = np.arange(len(self.template.vertices))
        points, parts = self._points(every)
        code = self._tensor(shape)
        carried = self.head.identity_field.warp(points, parts, code)
        linear = self._tensor(pose) @ self._pose_to_coefficients
        coefficients = torch.cat([linear, linear.new_zeros(self._expression_field.field.count - self._linear)])
        field = self._expression_field.field
        moved = field.displacement(points, parts, coefficients, self._expression_field.compress(code))
        return _array(carried + moved * self._tensor(self.template.mobility)[:, None])

    def identity(self, shape: Array) -> Tensor:
        """The identity code ``[I]``, bald, of a shape code ``[S]``."""
        return torch.cat([self._tensor(shape), torch.zeros(len(self.head.hair_styles), device=self.head.device)])

    @property
    def _expression_field(self) -> ExpressionField:
        return self.head.expression_field

    @property
    def _linear(self) -> int:
        """How many of the expression field's coefficients a code is linear in."""
        return 1 + self.head.expression_size

    @cached_property
    def _pose_to_coefficients(self) -> Tensor:
        """Maps a pose to the linear coefficients of the expression field ``[POSE_SIZE, 1 + E]``."""
        controls = list(self.head.config["rig_controls"])
        rows = self.head.rig_to_code()[[controls.index(name) for name in POSE_CONTROLS]]
        return torch.block_diag(torch.ones(1, 1, device=rows.device), rows)

    def _points(self, vertices: Indices) -> tuple[Tensor, Tensor]:
        """Vertices on the mean head, and what they move with."""
        points = torch.from_numpy(self.template.vertices[vertices]).to(self.head.device)
        moves_with = torch.tensor([*self.head.config["moves_with"], SKIN], device=self.head.device)
        return points, moves_with[torch.from_numpy(self.template.parts[vertices].astype(np.int64))]

    def _tensor(self, values: NDArray[np.float64] | NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.head.device)


def outer_skin(template: Template) -> Indices:
    """Vertices of the skin that can be seen from outside ``[N]``, lips and lids up to their feature edges.

    These loops part the skin: its largest piece is the outside, the others line the mouth and the sockets.
    """
    skin = template.parts == SKIN
    edge = np.zeros(len(skin), np.bool_)
    edge[template.groups["feature_edges"]] = True
    sides = np.stack([template.quads, np.roll(template.quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    joined = sides[skin[sides].all(axis=1) & ~edge[sides].any(axis=1)]
    piece = connected_pieces(joined, len(skin))
    largest = np.bincount(piece[skin & ~edge]).argmax()
    return np.flatnonzero(skin & ((piece == largest) | edge))


def renumbered(quads: NDArray[np.int32] | Indices, vertices: Indices) -> Indices:
    """The quads ``[Q, 4]`` that have all their corners among some vertices, numbered as they are there."""
    number = np.full(int(max(quads.max(), vertices.max())) + 1, -1)
    number[vertices] = np.arange(len(vertices))
    found = number[quads]
    return np.asarray(found[(found >= 0).all(axis=1)], np.int64)


def _array(values: Tensor) -> Array:
    return np.asarray(values.detach().double().cpu().numpy())
