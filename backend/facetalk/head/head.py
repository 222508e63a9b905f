"""The embedded head: a neural parametric head model as one object, read from a bundle.

An identity code is a shape code, independent standard normal weights, followed by weights of the hair styles. An
expression code of zero is the neutral face, lips closed and eyes open. The canonical pose has the mouth slightly open,
so that no two surfaces touch. ``carry`` takes points of the mean head to an identity; the contract that the published
heads share is in ``parametric_head``.
"""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facetalk.bundle import read_bundle
from facetalk.errors import UserError
from facetalk.head.contact import LIDS, LIPS, RIMS, Contact, Rims
from facetalk.head.eyes import SIDES, Eye, eye
from facetalk.head.head_fields import build_fields
from facetalk.head.head_points import HeadPoints
from facetalk.head.parametric_head import DistanceField
from facetalk.head.teeth import ROWS, ArchFrame, TeethWall, affine_fit, wall_points
from facetalk.head.tongue import Palate, palate_points, tongue

UNITS_PER_METRE = 4.0
MILLIMETRES = 1000.0 / UNITS_PER_METRE  # per head unit
IDENTITY_SIGMA = 0.8  # spread of sampled identities; at 1.0 the scans' mouth socket pierces one chin in twelve
IDENTITY_LIMIT = 2.5  # spreads from the mean at which a weight is cut
POINTS_PER_CHUNK = 20_000
HAIR = "hair"  # the last part
PREPARING_STEPS = 8  # of the inverse warp: it is done once, and lip corners need them
MEASURING_POINTS = (
    *("inner_lip_upper", "inner_lip_lower", "mouth_corner_left", "mouth_corner_right"),
    *("upper_lid_left", "lower_lid_left", "upper_lid_right", "lower_lid_right", "chin"),
)


class Head:
    """A neural parametric head.

    Attributes:
        parts: part names, in the order of the signed distances; hair is the last.
        hair_styles: names of the hair styles.
        box: lowest and highest corner ``[2, 3]`` of canonical space.
        landmark_names: names of the landmarks.
    """

    def __init__(self, config: dict[str, Any], tensors: dict[str, Tensor], device: torch.device) -> None:
        self.config = config
        self.device = device
        self.parts: tuple[str, ...] = (*config["parts"], HAIR)
        self.hair_styles: tuple[str, ...] = tuple(config["hair_styles"])
        self.box = torch.tensor(config["box"], device=device)
        self.landmark_names: tuple[str, ...] = tuple(config["landmarks"])
        self._tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
        self.identity_field, self.expression_field = build_fields(config)
        for field, prefix in ((self.identity_field, "identity_field."), (self.expression_field, "expression_field.")):
            state = {name[len(prefix) :]: t.float() for name, t in tensors.items() if name.startswith(prefix)}
            field.load_state_dict(state)
            field.to(device).eval().requires_grad_(False)
        # The hair rides on the skin.
        self._moves_with = torch.tensor([*config["moves_with"], 0], device=device)

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
    def shape_size(self) -> int:
        """S, size of the shape code."""
        return int(self.config["shape_size"])

    @property
    def identity_size(self) -> int:
        """I, size of the identity code: shape and hair."""
        return self.shape_size + len(self.hair_styles)

    @property
    def expression_size(self) -> int:
        """E, size of the expression code."""
        return int(self.config["expression_size"])

    def identity(self, name: str) -> Tensor:
        """The identity code ``[I]`` of a name: ``average``, or ``random-N`` for seed N.

        Raises:
            UserError: no such identity.
        """
        if name == "average":
            return torch.zeros(self.identity_size, device=self.device)
        kind, _, seed = name.partition("-")
        if kind == "random" and seed.isdecimal() and len(seed) < 10:
            return self.sample_identity(int(seed))
        raise UserError(f"There is no identity named {name!r}: choose average, or random-N with a number N.")

    def sample_identity(self, seed: int) -> Tensor:
        """A random identity code ``[I]``, hair and all; the same seed gives the same head."""
        generator = torch.Generator().manual_seed(seed)
        shape = sample_shape_code(generator, self.shape_size)
        style = int(torch.randint(len(self.hair_styles) + 1, (1,), generator=generator))
        hair = torch.eye(len(self.hair_styles) + 1)[style, : len(self.hair_styles)]  # the last draw is bald
        return torch.cat([shape, hair]).to(self.device)

    def with_hair(self, identity: Tensor, style: str | None) -> Tensor:
        """An identity code with another hair style, or bald.

        Raises:
            UserError: no such style.
        """
        if style is not None and style not in self.hair_styles:
            raise UserError(f"There is no hair style named {style!r}: choose one of {', '.join(self.hair_styles)}.")
        hair = [float(name == style) for name in self.hair_styles]
        return torch.cat([identity[: self.shape_size], identity.new_tensor(hair)])

    def hair_style(self, identity: Tensor) -> str | None:
        """The hair style that prevails in an identity code, or None if it is bald."""
        hair = identity[self.shape_size :]
        return self.hair_styles[int(hair.argmax())] if len(hair) and hair.max() > 0.5 else None

    def identity_prior(self, identity: Tensor) -> Tensor:
        """How unlikely a code is: the mean square of its shape weights in spreads."""
        return (identity[: self.shape_size] / IDENTITY_SIGMA).square().mean()

    def anchors(self, identity: Tensor) -> Tensor:
        """Anchors ``[A, 3]`` of an identity code ``[I]``: those of the mean head, carried along."""
        mean = self.identity_field.warp.field.trunk.anchors
        return self.carry(mean, torch.zeros(len(mean), dtype=torch.long, device=self.device), identity)

    def landmarks(self, identity: Tensor) -> Tensor:
        """Canonical landmarks ``[L, 3]`` of an identity code ``[I]``, in the order of ``landmark_names``."""
        mean = self._tensors["landmarks"].float()
        return self.carry(mean, torch.zeros(len(mean), dtype=torch.long, device=self.device), identity)

    def rim_lines(self, identity: Tensor) -> dict[str, Tensor]:
        """The lines along which lips and lids of an identity touch, by name: canonical, closed, ``[N, 3]``."""
        lines = {}
        for name in RIMS:
            upper, lower = self._tensors[f"rims.{name}"].float()[:, self.config["rim_lines"][name]]
            mean = torch.cat([upper, lower.flip(0), upper[:1]])
            lines[name] = self.carry(mean, torch.zeros(len(mean), dtype=torch.long, device=self.device), identity)
        return lines

    def carry(self, points: Tensor, parts: Tensor, identity: Tensor) -> Tensor:
        """Where points ``[N, 3]`` of the mean head, of parts ``[N]``, are on an identity, in canonical pose."""
        moving = self._moves_with[parts.to(self.device)]
        return self.identity_field.warp(points.to(self.device), moving, identity[: self.shape_size])

    def rig_to_code(self) -> Tensor:
        """The linear map ``[R, E]`` from the training rig's weights to expression codes."""
        return self._tensors["rig_to_code"].float()

    def signed_distance(self, points: Tensor, identity: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Distances ``[N, P]`` of canonical points ``[N, 3]`` to every wanted part, negative inside."""
        shape, hair = identity[: self.shape_size], identity[self.shape_size :]
        chunks = points.to(self.device).split(POINTS_PER_CHUNK)
        asked = [None] * len(chunks) if wanted is None else wanted.to(self.device).split(POINTS_PER_CHUNK)
        return torch.cat(
            [self.identity_field(chunk, shape, hair, parts) for chunk, parts in zip(chunks, asked, strict=True)]
        )

    @torch.no_grad()
    def distance_field(self, identity: Tensor) -> DistanceField:
        """``signed_distance`` of one identity for very many points: the way back to the mean head is prepared."""
        shape, hair = identity[: self.shape_size], identity[self.shape_size :]
        inverses = self.identity_field.inverses(shape, self.box)

        @torch.no_grad()
        def field(points: Tensor, wanted: Tensor) -> Tensor:
            chunks = zip(points.split(POINTS_PER_CHUNK), wanted.split(POINTS_PER_CHUNK), strict=True)
            return torch.cat([self.identity_field(chunk, shape, hair, parts, inverses) for chunk, parts in chunks])

        return field

    @torch.no_grad()
    def prepare(self, points: Tensor, parts: Tensor, identity: Tensor, mobility: Tensor | None = None) -> HeadPoints:
        """Find canonical points ``[N, 3]`` of an identity on the mean head, and read the expression field there."""
        points, moving = points.to(self.device), self._moves_with[parts.to(self.device)]
        shape = identity[: self.shape_size]
        sources, fields = [], []
        for chunk, part in zip(points.split(POINTS_PER_CHUNK), moving.split(POINTS_PER_CHUNK), strict=True):
            sources.append(self.identity_field.warp.backward_warp(chunk, part, shape, PREPARING_STEPS))
            fields.append(self.expression_field.fields(sources[-1], part, shape))
        every = torch.cat(fields, dim=1)
        if mobility is not None:
            every = every * mobility.to(every)[:, None]
        on_mean = torch.cat(sources)
        contacts = self._contacts(on_mean, moving, identity, points, every)
        teeth = self._teeth(on_mean, moving, identity)
        eyes = self._eyes(points, moving, identity, contacts[1:])
        rig = (self.config["rig_controls"], self._tensors["code_to_rig"].float(), self.rig_to_code().float())
        own_tongue = tongue(rig, on_mean, moving == self._moving("mouth"), Palate.over(self._palate(identity)))
        return HeadPoints(points, every, contacts, teeth, eyes, own_tongue, self.expression_field, shape)

    def _palate(self, identity: Tensor) -> Tensor:
        """Points of an identity's palate and upper teeth ``[N, 3]``, canonical."""
        mean = self._mean_palate
        return self.carry(mean, torch.full((len(mean),), self.parts.index("mouth"), device=self.device), identity)

    @cached_property
    def _mean_palate(self) -> Tensor:
        wanted = torch.tensor([part in ("mouth", "upper_teeth") for part in self.parts], device=self.device)

        def distance(points: Tensor) -> Tensor:
            distances = self.signed_distance(points, self.identity("average"), wanted.expand(len(points), -1))
            return distances[:, wanted].amin(dim=1)

        return palate_points(distance, self.device)

    def _moving(self, part: str) -> int:
        """What a part moves with, as the expression field counts it."""
        return int(self._moves_with[self.parts.index(part)])

    def _contacts(
        self, sources: Tensor, moving: Tensor, identity: Tensor, points: Tensor, fields: Tensor
    ) -> tuple[Contact, ...]:
        """Lips and lids of an identity, and which points ``[N, 3]``, of parts ``[N]``, they move.

        Args:
            sources: the points on the mean head.
            moving: their parts.
            identity: its code.
            points: in the identity's canonical pose.
            fields: the expression field's vector fields there ``[K, N, 3]``.
        """
        contacts = []
        for name in RIMS:
            rims = Rims.of(name, self._tensors[f"rims.{name}"].float(), self.config["rim_lines"][name])
            fit = rims.fit(sources, moving == 0)
            flat = rims.grid.reshape(-1, 3)
            skin = torch.zeros(len(flat), dtype=torch.long, device=self.device)
            own = fit.moved(self.carry(flat, skin, identity), points)
            own_fields = fit.moved(self.expression_field.fields(flat, skin, identity[: self.shape_size]), fields)
            passing = replace(rims, grid=fit.moved(flat, sources).view_as(rims.grid))
            near, gains = passing.bind(sources, moving == 0)
            contacts.append(Contact(passing, own, own_fields, near, gains, self._blink(name)))
        return tuple(contacts)

    def _teeth(self, sources: Tensor, moving: Tensor, identity: Tensor) -> tuple[TeethWall, ...]:
        """Both rows of teeth, and the points ``[N, 3]`` of the mean head, of parts ``[N]``, that they keep out."""
        walls = []
        for row in ROWS:
            frame, radius = ArchFrame(**self.config["arches"][row]), self._tensors[f"arches.{row}"].float()
            mean = wall_points(frame, radius)
            parts = torch.full((len(mean),), self.parts.index(row), device=self.device)
            fields = self.expression_field.fields(mean, self._moves_with[parts], identity[: self.shape_size])
            none = torch.empty(0, dtype=torch.long, device=self.device)
            wall = TeethWall(frame, radius, affine_fit(mean), self.carry(mean, parts, identity), fields, none)
            walls.append(replace(wall, lips=(wall.near(sources) & (moving == 0)).nonzero()[:, 0]))
        return tuple(walls)

    def _blink(self, rims: str) -> Tensor | None:
        """Maps codes to the weight that shuts rims ``[E]``: lids have one."""
        if rims == LIPS:
            return None
        side = SIDES[LIDS.index(rims)]
        control = list(self.config["rig_controls"]).index(f"eyeBlink_{side}")
        return self._tensors["code_to_rig"].float()[:, control]

    def _eyes(self, points: Tensor, moving: Tensor, identity: Tensor, lids: tuple[Contact, ...]) -> tuple[Eye, ...]:
        """The eyes of an identity, and which of the points ``[N, 3]`` of parts ``[N]`` they have to do with."""
        eyeballs = self.parts.index("eyeballs")
        rig = (self.config["rig_controls"], self._tensors["code_to_rig"].float())
        eyes = []
        shells = zip(SIDES, self._tensors["eyeballs"], self._tensors["gaze"], lids, strict=True)
        for side, shell, gaze, contact in shells:
            parts = torch.full((len(shell),), eyeballs, device=self.device)
            own = self.carry(shell.float(), parts, identity)
            rims, upper = contact.points.view(2, -1, 3), contact.upper(len(points))
            eyes.append(eye(side, own, gaze.float(), rig, points, (moving == eyeballs, moving == 0), rims, upper))
        return tuple(eyes)


def sample_shape_code(generator: torch.Generator, size: int) -> Tensor:
    """A random shape code ``[size]`` on the CPU."""
    return IDENTITY_SIGMA * torch.randn(size, generator=generator).clamp(-IDENTITY_LIMIT, IDENTITY_LIMIT)


def to_blender(points: Tensor) -> Tensor:
    """Head units, y up, face along +z, to metres, z up, face along -Y: the only place where axes and units change."""
    x, y, z = points.unbind(-1)
    return torch.stack([x, -z, y], dim=-1) / UNITS_PER_METRE
