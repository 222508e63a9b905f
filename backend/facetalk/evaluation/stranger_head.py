"""A stranger: our own head as it would look if it were somebody else's, so that landing on it can be measured.

It is a signed distance of skin alone, eyeballs grown into it, in another place, turn and size, bent so that no identity
of ours is quite like it, with codes of another basis, and no warp. What only the measure knows is the truth: where the
template would lie if it had come by our warp.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.head.head import MILLIMETRES, Head
from facetalk.head.parametric_head import DistanceField, FollowedPoints, Posed, PreparedPoints
from facetalk.head.published_points import BackwardPoints
from facetalk.head.similarity import Similarity
from facetalk.topology.rigid_parts import make_rigid, rigid_parts
from facetalk.topology.template import Template
from facetalk.topology.wrap import wrap

Array = NDArray[np.float64]

VISIBLE = ("skin", "eyeballs")
WAVES, WAVELENGTHS = 24, (0.25, 0.6)  # of a bend; head units, 6 to 15 cm
UNBENDING_STEPS = 30


class Bend:
    """A smooth random deformation of space.

    Args:
        millimetres: root mean square of the displacement.
        generator: draws it.
    """

    def __init__(self, millimetres: float, generator: np.random.Generator) -> None:
        direction = generator.normal(size=(WAVES, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        lengths = generator.uniform(*WAVELENGTHS, (WAVES, 1))
        amplitude = generator.normal(size=(WAVES, 3)) * millimetres / MILLIMETRES / np.sqrt(1.5 * WAVES)
        self._frequency = torch.from_numpy(2.0 * np.pi * direction / lengths).float()
        self._phase = torch.from_numpy(generator.uniform(0.0, 2.0 * np.pi, WAVES)).float()
        self._amplitude = torch.from_numpy(amplitude).float()

    def straight(self, points: Tensor) -> Tensor:
        """Where bent points ``[..., 3]`` were before."""
        return points - torch.sin(points @ self._frequency.T + self._phase) @ self._amplitude

    def bent(self, points: Tensor) -> Tensor:
        """Where points ``[..., 3]`` come to lie."""
        found = points
        for _ in range(UNBENDING_STEPS):
            found = points + (found - self.straight(found))
        return found


@dataclass(frozen=True)
class Disguise:
    """What makes our head a stranger's.

    Attributes:
        place: from our head's space, once bent, to the stranger's.
        bend: of our head's space.
        codes: an orthogonal matrix, from our expression codes to the stranger's ``[E, E]``.
        backward: whether its expression field maps posed points to canonical ones.
    """

    place: Similarity
    bend: Bend
    codes: Tensor
    backward: bool

    @classmethod
    def drawn(
        cls, expression_size: int, place: Similarity, bend_mm: float, seed: int, backward: bool = False
    ) -> "Disguise":
        """A random one of an average bend."""
        codes, _ = torch.linalg.qr(
            torch.randn(expression_size, expression_size, generator=torch.Generator().manual_seed(seed))
        )
        return cls(place, Bend(bend_mm, np.random.default_rng(seed)), codes, backward)

    def put_on(self, points: Tensor) -> Tensor:
        """Points ``[..., 3]`` of our head where the stranger has them."""
        turned = self.bend.bent(points) @ _like(self.place.rotation, points).T
        return self.place.scale * turned + _like(self.place.translation, points)

    def taken_off(self, points: Tensor) -> Tensor:
        """Points ``[..., 3]`` of the stranger where our head has them."""
        back = (points - _like(self.place.translation, points)) @ _like(self.place.rotation, points)
        return self.bend.straight(back / self.place.scale)


@dataclass(frozen=True)
class StrangerPoints:
    """Points of a stranger with a forward field, ready to be posed (see ``PreparedPoints``)."""

    disguise: Disguise
    points: PreparedPoints

    def pose(self, expressions: Tensor) -> Posed:
        """Posed points for expression codes ``[T, E]``."""
        posed = self.points.pose(expressions @ self.disguise.codes.T)
        return Posed(self.disguise.put_on(posed.points), posed.converged)

    def follow(self, expressions: Tensor) -> tuple[Posed, "StrangerPoints"]:
        """``pose``; there is nothing to remember."""
        return self.pose(expressions), self

    def subset(self, indices: Tensor) -> "StrangerPoints":
        """Some of the points."""
        return StrangerPoints(self.disguise, self.points.subset(indices))


class StrangerHead:
    """Our head in disguise; a ``RiggedHead``.

    Attributes:
        device, parts, box, rig_controls: as of a published head.
        size: compared with our head.
        codes: the matrix that turns our expression codes into the stranger's ``[E, E]``.
    """

    def __init__(self, head: Head, disguise: Disguise) -> None:
        self._head, self._disguise = head, disguise
        self.size, self.codes = disguise.place.scale, disguise.codes
        self.device = head.device
        self.parts: tuple[str, ...] = ("skin",)
        self.rig_controls: tuple[str, ...] = tuple(head.config["rig_controls"])
        corners = disguise.put_on(torch.cartesian_prod(*head.box.T))
        self.box = torch.stack([corners.amin(dim=0), corners.amax(dim=0)])
        self._visible = torch.tensor([name in VISIBLE for name in head.parts], device=head.device)

    @property
    def identity_size(self) -> int:
        """I."""
        return self._head.identity_size

    @property
    def expression_size(self) -> int:
        """E."""
        return self._head.expression_size

    def identity(self, name: str) -> Tensor:
        """The code ``[I]`` of ``average`` or ``random-N``, bald."""
        return self._head.with_hair(self._head.identity(name), None)

    def rig_to_code(self) -> Tensor:
        """The map ``[R, E]`` from weights of our rig to the stranger's codes."""
        return self._head.rig_to_code() @ self._disguise.codes

    def truth(self, template: Template, identity: Tensor) -> Array:
        """Where the template lies on an identity ``[I]`` in truth: ``[V, 3]``, canonical."""
        own = torch.from_numpy(wrap(self._head, identity, template))
        return np.asarray(self._disguise.put_on(own).double().numpy())

    def true_poses(self, template: Template, identity: Tensor, codes: Tensor) -> Array:
        """Where the template would go in truth, under expression codes of ours ``[T, E]``: ``[T, V, 3]``."""
        landed = torch.from_numpy(wrap(self._head, identity, template))
        parts = torch.from_numpy(template.parts.astype(np.int64))
        points = self._head.prepare(landed, parts, identity, torch.from_numpy(template.mobility))
        posed = make_rigid(points.pose(codes).points, rigid_parts(template, landed))
        return np.asarray(self._disguise.put_on(posed).double().numpy())

    def anchors(self, identity: Tensor) -> Tensor:
        """Anchors ``[A, 3]``."""
        return self._disguise.put_on(self._head.anchors(identity))

    def signed_distance(self, points: Tensor, identity: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Distances ``[N, 1]`` to the skin, negative inside."""
        return self._distances(lambda own, asked: self._head.signed_distance(own, identity, asked), points, wanted)

    def distance_field(self, identity: Tensor) -> DistanceField:
        """``signed_distance`` of one identity for very many points."""
        field = self._head.distance_field(identity)
        return lambda points, wanted: self._distances(field, points, wanted)

    def identity_prior(self, identity: Tensor) -> Tensor:
        """How unlikely a code is."""
        return self._head.identity_prior(identity)

    def prepare(
        self, points: Tensor, parts: Tensor, identity: Tensor, mobility: Tensor | None = None
    ) -> FollowedPoints:
        """Points ``[N, 3]`` of an identity, ready to be posed; there is one part, so ``parts`` changes nothing."""
        if not self._disguise.backward:
            own = self._disguise.taken_off(points)
            return StrangerPoints(self._disguise, self._head.prepare(own, torch.zeros_like(parts), identity, mobility))
        moved = points.new_ones(len(points), 1) if mobility is None else mobility[:, None].to(points)
        (code,) = self.expression_codes(identity, points.new_zeros(1, self.expression_size))
        return BackwardPoints.at_rest(self, points, identity, moved, code)

    def expression_codes(self, identity: Tensor, expressions: Tensor) -> Tensor:
        """What the backward field is told of an identity ``[I]`` and expressions ``[T, E]``."""
        own = expressions @ self._disguise.codes.T
        return torch.cat([own, identity[: self._head.shape_size].expand(len(own), -1)], dim=1)

    def canonical(self, points: Tensor, codes: Tensor) -> Tensor:
        """``to_canonical`` of points ``[T, N, 3]``, frame by frame."""
        return torch.stack([self.to_canonical(code)(frame) for frame, code in zip(points, codes, strict=True)])

    def to_canonical(self, code: Tensor) -> Callable[[Tensor], Tensor]:
        """The map from posed to canonical points ``[N, 3]``: back by what our field moves the point found there by."""
        expression, shape = code.split([self.expression_size, self._head.shape_size])
        field, warp = self._head.expression_field, self._head.identity_field.warp
        with torch.no_grad():
            coefficients = field.coefficients(expression[None], shape)[0]

        def canonical(points: Tensor) -> Tensor:
            own = self._disguise.taken_off(points)
            skin = torch.zeros(len(points), dtype=torch.long, device=points.device)
            sources = warp.backward_warp(own, skin, shape)
            return self._disguise.put_on(
                own - field.field.displacement(sources, skin, coefficients, field.compress(shape))
            )

        return canonical

    def _distances(self, field: DistanceField, points: Tensor, wanted: Tensor | None) -> Tensor:
        own = self._disguise.taken_off(points)
        distances = field(own, self._visible.expand(len(own), -1))[:, self._visible].amin(dim=1, keepdim=True)
        distances = self._disguise.place.scale * distances
        return distances if wanted is None else distances.masked_fill(~wanted, torch.inf)


def _like(values: Array, points: Tensor) -> Tensor:
    return torch.from_numpy(values).to(points)
