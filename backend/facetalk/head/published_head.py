"""A published neural parametric head (NPHM, its backward version of DPHM, MonoNPHM), read from an imported bundle.

It answers to ``ParametricHead``. Head units; codes have length 1 at most; neither the zero expression nor the canonical
pose is exactly the neutral face: a published model learns what it calls canonical.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from facetalk.bundle import read_bundle
from facetalk.errors import UserError
from facetalk.head.anchor_blend import blend_of
from facetalk.head.parametric_head import DistanceField
from facetalk.head.published_networks import FAMILIES, PublishedNetworks
from facetalk.head.published_points import POINTS_PER_CHUNK, BackwardPoints, ForwardPoints

RANDOM_SPREAD = 0.85  # of random identities, as the authors draw them


class PublishedHead:
    """A published head.

    Attributes:
        family: one of ``published_networks.FAMILIES``.
        device: where its networks are.
        parts: its one part, the skin.
        box: lowest and highest corner ``[2, 3]`` of canonical space.
        networks: the networks themselves.
        identity_names: ``average`` and one name for every training identity.
        rig_controls: names of the controls of our rig that it was taught by ``training.published_rig``; none without.
    """

    def __init__(self, config: dict[str, Any], tensors: dict[str, Tensor], device: torch.device) -> None:
        self.family = config["family"]
        if self.family not in FAMILIES:
            raise ValueError(f"the family {self.family!r} is unknown")
        self.device = device
        self.parts: tuple[str, ...] = tuple(config["parts"])
        self.box = torch.tensor(config["box"], device=device)
        self.networks = PublishedNetworks(tensors, blend_of(config["blend"])).to(device).eval()
        self.tables = {
            name.removeprefix("codes."): table.to(device)
            for name, table in tensors.items()
            if name.startswith("codes.")
        }
        self.rig_controls: tuple[str, ...] = tuple(config.get("rig_controls", ()))
        self._rig_to_code = tensors.get("rig_to_code", torch.zeros(0, self.expression_size)).float().to(device)
        if self._rig_to_code.shape != (len(self.rig_controls), self.expression_size):
            raise ValueError("its rig does not fit its codes")
        subjects = range(len(self.tables["identity"]))
        self.identity_names: tuple[str, ...] = ("average", *(f"subject-{row}" for row in subjects))

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> "PublishedHead":
        """Read a bundle that ``facetalk head import`` wrote.

        Raises:
            UserError: the bundle is missing, damaged, or holds another kind of head.
        """
        bundle = read_bundle(folder, "head")
        try:
            return cls(bundle.config, bundle.tensors, device)
        except (KeyError, ValueError, RuntimeError, IndexError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"{folder} does not hold a published head ({reason}): import it again.") from error

    @property
    def identity_size(self) -> int:
        """I, size of the identity code."""
        return self.tables["identity"].shape[1]

    @property
    def expression_size(self) -> int:
        """E, size of the expression code."""
        return self.tables["expression"].shape[1]

    @property
    def is_backward(self) -> bool:
        """Whether the expression field maps posed points to canonical ones."""
        return self.family != "nphm"

    @property
    def has_colour(self) -> bool:
        """Whether the model knows colours."""
        return self.networks.identity.has_colour

    def identity(self, name: str) -> Tensor:
        """The identity code ``[I]`` of a name: ``average``, ``subject-K`` of training, ``random-N`` for seed N.

        Raises:
            UserError: no such identity.
        """
        return self._code("identity", name)

    def appearance(self, name: str) -> Tensor:
        """The appearance code of a name: ``average``, ``subject-K`` of training, ``random-N`` for seed N.

        Raises:
            UserError: no such appearance, or the model knows no colours.
        """
        self._require_colour()
        return self._code("appearance", name)

    def expression(self, row: int) -> Tensor:
        """The expression code ``[E]`` of a training scan.

        Raises:
            UserError: no such scan.
        """
        table = self.tables["expression"]
        if not 0 <= row < len(table):
            raise UserError(f"There is no expression {row}: choose one from 0 to {len(table) - 1}.")
        return table[row]

    def rig_to_code(self) -> Tensor:
        """The linear map ``[R, E]`` from weights of our rig to expression codes.

        Raises:
            UserError: the head was taught none.
        """
        if not self.rig_controls:
            raise UserError(
                "This head's codes mean nothing to our motion models yet: teach it the rig with "
                "`python -m training.published_rig BUNDLE --output NEW`, and use the new bundle."
            )
        return self._rig_to_code

    def anchors(self, identity: Tensor) -> Tensor:
        """Anchors ``[A, 3]`` of an identity code ``[I]``."""
        return self.networks.identity.anchors(identity)

    def signed_distance(self, points: Tensor, identity: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Distances ``[N, 1]`` of canonical points ``[N, 3]`` to the skin, negative inside; differentiable.

        NPHM's blend is normalised here, unlike in the published network: the surface is the same.
        """
        queries = self._canonical_queries(points)
        chunks = [self.networks.identity(chunk, identity) for chunk in queries.split(POINTS_PER_CHUNK)]
        distances = torch.cat(chunks)[:, None]
        return distances if wanted is None else distances.masked_fill(~wanted.to(self.device), torch.inf)

    def distance_field(self, identity: Tensor) -> DistanceField:
        """``signed_distance`` of one identity ``[I]`` for very many points, not differentiable."""
        return torch.no_grad()(lambda points, wanted: self.signed_distance(points, identity, wanted))

    def identity_prior(self, identity: Tensor) -> Tensor:
        """How unlikely a code ``[I]`` is: mean square in units of the training codes', 0 at the mean face."""
        spread = (self.tables["identity"] ** 2).mean(dim=0)
        return (identity**2 / spread.clamp(min=0.01 * spread.mean())).mean()

    def expression_codes(self, identity: Tensor, expressions: Tensor) -> Tensor:
        """What the expression network is told about identity ``[I]`` and expressions ``[T, E]``: ``[T, K]``."""
        return self.networks.expression.codes(identity, self.anchors(identity), expressions.to(self.device))

    def offsets(self, points: Tensor, code: Tensor) -> Tensor:
        """How far the expression field moves points: ``[N, 3]`` by one of ``expression_codes``, or each by its own."""
        return self.networks.expression(points, code)[..., :3]

    def to_canonical(self, code: Tensor) -> Callable[[Tensor], Tensor]:
        """The map from posed to canonical points ``[N, 3]`` of a backward model, for one of ``expression_codes``."""

        def field(points: Tensor) -> Tensor:
            return points + self.offsets(points, code)

        return field

    def canonical(self, points: Tensor, codes: Tensor) -> Tensor:
        """``to_canonical`` of posed points ``[T, N, 3]``, frame by frame, for ``expression_codes`` ``[T, K]``."""
        return points + self.offsets(points, codes)

    def posed_distance(self, points: Tensor, identity: Tensor, expression: Tensor) -> Tensor:
        """Distances ``[N]`` of posed points ``[N, 3]`` to the head of a backward model; differentiable.

        Args:
            points: head units.
            identity: identity code ``[I]``.
            expression: expression code ``[E]``.

        Raises:
            UserError: the model is a forward one, which only moves canonical points.
        """
        queries = self._posed_queries(points, identity, expression)
        return torch.cat([self.networks.identity(chunk, identity) for chunk in queries.split(POINTS_PER_CHUNK)])

    def colours(self, points: Tensor, identity: Tensor, appearance: Tensor, expression: Tensor | None = None) -> Tensor:
        """Colours ``[N, 3]`` of points ``[N, 3]``, 0 to 1, sRGB.

        Args:
            points: canonical points, or posed ones if an expression is given.
            identity: identity code ``[I]``.
            appearance: appearance code.
            expression: expression code ``[E]``.

        Raises:
            UserError: the model knows no colours.
        """
        self._require_colour()
        if expression is None:
            queries = self._canonical_queries(points)
        else:
            queries = self._posed_queries(points, identity, expression)
        chunks = queries.split(POINTS_PER_CHUNK)
        colours = torch.cat([self.networks.identity.colours(chunk, identity, appearance) for chunk in chunks])
        return ((colours + 1) / 2).clamp(0, 1)

    @torch.no_grad()
    def prepare(
        self, points: Tensor, parts: Tensor, identity: Tensor, mobility: Tensor | None = None
    ) -> ForwardPoints | BackwardPoints:
        """Do once what all frames share (see ``ParametricHead``); there is one part, so ``parts`` changes nothing."""
        points, identity = points.to(self.device), identity.to(self.device)
        moved = points.new_ones(len(points), 1) if mobility is None else mobility.to(points)[:, None]
        if not self.is_backward:
            return ForwardPoints(self, points, identity, moved)
        (code,) = self.expression_codes(identity, points.new_zeros(1, self.expression_size))
        return BackwardPoints.at_rest(self, points, identity, moved, code)

    def _canonical_queries(self, points: Tensor) -> Tensor:
        return functional.pad(points.to(self.device), (0, self.networks.identity.ambient))

    def _posed_queries(self, points: Tensor, identity: Tensor, expression: Tensor) -> Tensor:
        if not self.is_backward:
            raise UserError("NPHM of 2023 has no field of posed space: mesh the canonical head and pose its vertices.")
        points = points.to(self.device)
        (code,) = self.expression_codes(identity, expression[None])
        moved = torch.cat([self.networks.expression(chunk, code) for chunk in points.split(POINTS_PER_CHUNK)])
        return functional.pad(points, (0, self.networks.identity.ambient)) + moved

    def _require_colour(self) -> None:
        if not self.has_colour:
            raise UserError("This head knows no colours: of the published models only MonoNPHM does.")

    def _code(self, what: str, name: str) -> Tensor:
        table = self.tables[what]
        kind, _, number = name.partition("-")
        plain = number.isdecimal() and len(number) < 10
        if name == "average":
            return torch.zeros_like(table[0])
        if kind == "subject" and plain and int(number) < len(table):
            return table[int(number)]
        if kind == "random" and plain:
            noise = torch.randn(table.shape[1], generator=torch.Generator().manual_seed(int(number))).to(table)
            code = table.mean(dim=0) + RANDOM_SPREAD * table.std(dim=0, correction=0) * noise
            return code / code.norm().clamp(min=1.0)
        raise UserError(
            f"There is no {what} named {name!r}: choose average, subject-0 to subject-{len(table) - 1}, or random-N "
            "with a number N."
        )
