"""The head: a neural parametric head model as one object, read from a bundle.

Head units are the NPHM family's: FLAME metres times 4, y up, z out of the face. Codes: an identity code is a vector of
independent standard normal weights; an expression code of zero is the neutral face, lips closed and eyes open. The
canonical pose that the identity field describes has the mouth slightly open, so that no two surfaces touch.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facetalk.bundle import read_bundle
from facetalk.errors import UserError
from facetalk.head.expression_field import ExpressionField, displace
from facetalk.head.identity_field import IdentityField, nearest_anchors

UNITS_PER_METRE = 4.0
IDENTITY_SIGMA = 0.8  # spread of sampled identities; at 1.0 the scans' mouth socket pierces one chin in twelve
IDENTITY_LIMIT = 2.5  # spreads from the mean at which a weight is cut
POINTS_PER_CHUNK = 20_000
FRAMES_PER_CHUNK = 64
MEASURING_POINTS = (
    *("inner_lip_upper", "inner_lip_lower", "mouth_corner_left", "mouth_corner_right"),
    *("upper_lid_left", "lower_lid_left", "upper_lid_right", "lower_lid_right", "chin"),
)


@dataclass(frozen=True)
class PosedPoints:
    """Canonical points of one identity, ready to be posed by any number of codes.

    Attributes:
        points: canonical points ``[N, 3]``, head units.
        identity: identity code ``[I]``.
        fields: the expression field's vector fields at the points, ``[K, N, 3]``.
    """

    points: Tensor
    identity: Tensor
    fields: Tensor


class Head:
    """A neural parametric head.

    Attributes:
        parts: part names, in the order of the identity field's channels.
        box: lowest and highest corner ``[2, 3]`` of canonical space.
        landmark_names: names of the landmarks.
        identity_names: names of the identities that come with the bundle.
    """

    def __init__(self, config: dict[str, Any], tensors: dict[str, Tensor], device: torch.device) -> None:
        self.config = config
        self.device = device
        self.parts: tuple[str, ...] = tuple(config["parts"])
        self.box = torch.tensor(config["box"], device=device)
        self.landmark_names: tuple[str, ...] = tuple(config["landmarks"])
        self.identity_names: tuple[str, ...] = tuple(config["identities"])
        self._tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
        self.identity_field, self.expression_field = build_fields(config)
        for field, prefix in ((self.identity_field, "identity_field."), (self.expression_field, "expression_field.")):
            state = {name[len(prefix) :]: t.float() for name, t in tensors.items() if name.startswith(prefix)}
            field.load_state_dict(state)
            field.to(device).eval().requires_grad_(False)

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> "Head":
        """Read a head bundle.

        Raises:
            UserError: the bundle is missing, damaged, or of other sizes than it says.
        """
        bundle = read_bundle(folder, "head")
        try:
            return cls(bundle.config, bundle.tensors, device)
        except (KeyError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{folder} does not hold a complete head ({reason}): get the bundle again.") from error

    @property
    def identity_size(self) -> int:
        """I, size of the identity code."""
        return int(self.config["identity_size"])

    @property
    def expression_size(self) -> int:
        """E, size of the expression code."""
        return int(self.config["expression_size"])

    def identity(self, name: str) -> Tensor:
        """The identity code ``[I]`` of a name: one of ``identity_names``, or ``random-N`` for seed N.

        Raises:
            UserError: no such identity.
        """
        if name in self.identity_names:
            return self._tensors["identities"][self.identity_names.index(name)].float()
        kind, _, seed = name.partition("-")
        if kind == "random" and seed.isdecimal() and len(seed) < 10:
            return self.sample_identity(int(seed))
        raise UserError(
            f"There is no identity named {name!r}: choose one of {', '.join(self.identity_names)}, or random-N "
            "with a number N."
        )

    def sample_identity(self, seed: int) -> Tensor:
        """A random identity code ``[I]``; the same seed gives the same face."""
        return sample_identity_code(seed, self.identity_size).to(self.device)

    def anchors(self, identity: Tensor) -> Tensor:
        """Anchors ``[A, 3]`` of an identity code ``[I]``."""
        return self.identity_field.anchors(identity[None])[0]

    def rig_to_code(self) -> Tensor:
        """The linear map ``[R, E]`` from the training rig's weights to expression codes."""
        return self._tensors["rig_to_code"].float()

    def landmarks(self, identity: Tensor) -> Tensor:
        """Canonical landmarks ``[L, 3]`` of an identity code ``[I]``, in the order of ``landmark_names``."""
        modes = self._tensors["landmark_modes"].float()
        return self._tensors["landmark_mean"].float() + torch.tensordot(identity, modes, dims=1)

    @torch.no_grad()
    def signed_distance(self, points: Tensor, identity: Tensor) -> Tensor:
        """Distances ``[N, P]`` of canonical points ``[N, 3]`` to every part, negative inside."""
        chunks = points.to(self.device).split(POINTS_PER_CHUNK)
        return torch.cat([self.identity_field(chunk[None], identity[None])[0] for chunk in chunks])

    def part_distance(self, points: Tensor, parts: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
        """Distance ``[N]`` of canonical points ``[N, 3]`` to their own parts ``[N]``, and its gradient ``[N, 3]``."""
        distances, gradients = [], []
        for chunk, part in zip(points.split(POINTS_PER_CHUNK), parts.split(POINTS_PER_CHUNK), strict=True):
            chunk = chunk.detach().requires_grad_(True)
            with torch.enable_grad():
                every = self.identity_field(chunk[None], identity[None])[0]
                own = every.gather(1, part[:, None])[:, 0]
                (gradient,) = torch.autograd.grad(own.sum(), chunk)
            distances.append(own.detach())
            gradients.append(gradient)
        return torch.cat(distances), torch.cat(gradients)

    @torch.no_grad()
    def prepare(self, points: Tensor, parts: Tensor, identity: Tensor, mobility: Tensor | None = None) -> PosedPoints:
        """Read the expression field at canonical points, once for all frames.

        Args:
            points: ``[N, 3]``, head units.
            parts: part index of every point ``[N]``.
            identity: identity code ``[I]``.
            mobility: share of the displacement that every point makes ``[N]``; all of it by default.
        """
        points, parts = points.to(self.device), parts.to(self.device)
        fields = []
        for chunk, part in zip(points.split(POINTS_PER_CHUNK), parts.split(POINTS_PER_CHUNK), strict=True):
            aligned = align(self.identity_field, chunk[None], identity[None])[0]
            fields.append(self.expression_field.fields(chunk, aligned, part, identity))
        every = torch.cat(fields, dim=1)
        if mobility is not None:
            every = every * mobility.to(every)[:, None]
        return PosedPoints(points, identity, every)

    @torch.no_grad()
    def pose(self, prepared: PosedPoints, expressions: Tensor) -> Tensor:
        """Posed points ``[T, N, 3]`` in head units, for expression codes ``[T, E]``."""
        posed = []
        for chunk in expressions.to(self.device).split(FRAMES_PER_CHUNK):
            coefficients = self.expression_field.coefficients(chunk, prepared.identity)
            posed.append(prepared.points + displace(prepared.fields, coefficients))
        return torch.cat(posed)


def sample_identity_code(seed: int, size: int) -> Tensor:
    """A random identity code ``[size]`` on the CPU; the same seed gives the same face."""
    generator = torch.Generator().manual_seed(seed)
    return IDENTITY_SIGMA * torch.randn(size, generator=generator).clamp(-IDENTITY_LIMIT, IDENTITY_LIMIT)


def build_fields(config: dict[str, Any]) -> tuple[IdentityField, ExpressionField]:
    """Untrained fields with the sizes of a head bundle's configuration."""
    anchors = torch.zeros(config["anchors"], 3)
    parts = len(config["parts"])
    identity = IdentityField(
        config["identity_size"], anchors, config["anchor_pairs"], parts, **config["identity_field"]
    )
    expression = ExpressionField(
        config["identity_size"], config["expression_size"], parts, **config["expression_field"]
    )
    return identity, expression


def align(field: IdentityField, points: Tensor, codes: Tensor) -> Tensor:
    """Move points ``[B, N, 3]`` by the offset of their anchors from the mean head's: a rough way back to the mean face.

    It spares the expression field from learning anew, for every identity, where the mouth is.
    """
    anchors = field.anchors(codes)
    nearest = min(8, anchors.shape[1] - 1)
    chosen, blend = nearest_anchors(points, anchors, nearest, field.radius)
    batch = torch.arange(len(points), device=points.device)[:, None, None]
    offset = (anchors - field.anchor_mean)[batch, chosen]
    return points - (offset * blend[..., None]).sum(dim=2)


def to_blender(points: Tensor) -> Tensor:
    """Head units, y up, face along +z, to metres, z up, face along -Y: the only place where axes and units change."""
    x, y, z = points.unbind(-1)
    return torch.stack([x, -z, y], dim=-1) / UNITS_PER_METRE
