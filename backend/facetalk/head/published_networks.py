"""The networks of the published neural parametric heads, rebuilt from their tensors.

Three generations share one scheme: anchors follow from the identity code, small networks around the anchors are blended
into a signed distance, and an expression network moves points.

- ``nphm``: Giebenhain et al., "Learning Neural Parametric Head Models" (CVPR 2023). Forward: canonical to posed.
- ``nphm-backward``: the same with backward deformations, as released with Tang et al., "DPHM" (CVPR 2024).
- ``mononphm``: Giebenhain et al., "MonoNPHM" (CVPR 2024). Backward, with colour.

Tensors come in one normal form for all three (``published_checkpoints`` makes it): layers of networks of one shape are
stacked ``[S, out, in]``, and coordinates come before codes among the inputs of a layer. All sizes are read from them.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facetalk.head.anchor_blend import Blend
from facetalk.head.stacked_perceptrons import Perceptrons

FAMILIES = ("nphm", "nphm-backward", "mononphm")
Tensors = Mapping[str, Tensor]


class _Contribution(NamedTuple):
    """What one local network adds to the blend, at the points where it counts."""

    network: int  # 0 to A; A is the anchor-free one
    member: int  # the perceptron it shares with its mirror image
    rows: Tensor  # [M] indices of points
    weight: Tensor  # [M]
    value: Tensor  # [M] signed distance
    hidden: Tensor  # [M, H]


class IdentityNetwork(nn.Module):
    """Signed distance to the canonical head, and its colour, by blended local networks.

    Args:
        tensors: sections ``anchor_mean``, ``anchor_network``, ``experts``, and for colour ``colour_bottleneck``,
            ``colour_experts``.
        identity_size: I, global part and one local part for each anchor and the anchor-free network.
        appearance_size: size of the appearance code, laid out in the same way; 0 without colour.
        ambient: coordinates of a query beyond the three of space.
        blend: how the local networks are blended.

    Raises:
        ValueError: the tensors do not fit each other.
    """

    anchor_mean: Tensor

    def __init__(
        self, tensors: Tensors, *, identity_size: int, appearance_size: int, ambient: int, blend: Blend
    ) -> None:
        super().__init__()
        self.blend = blend
        self.ambient = ambient
        self.register_buffer("anchor_mean", tensors["anchor_mean"])
        networks = len(self.anchor_mean) + 1
        self.anchor_network = Perceptrons(section(tensors, "anchor_network"), functional.relu)
        self.experts = Perceptrons(section(tensors, "experts"), _softplus)
        self.pairs = networks - self.experts.members
        self.global_size = self.anchor_network.inputs
        local = _whole(identity_size - self.global_size, networks, "the identity code")
        _require_equal("outputs of the anchor network", self.anchor_network.outputs, 3 * (networks - 1))
        _require_equal("inputs of a local network", self.experts.inputs, 3 + ambient + self.global_size + local)
        _require_equal("outputs of a local network", self.experts.outputs, 1)
        if not 0 <= 2 * self.pairs < networks:
            raise ValueError(f"{self.experts.members} local networks do not belong to {networks - 1} anchors")
        self.has_colour = appearance_size > 0
        if self.has_colour:
            self._add_colour(tensors, appearance_size, networks)

    def _add_colour(self, tensors: Tensors, appearance_size: int, networks: int) -> None:
        self.colour_bottleneck = Perceptrons(section(tensors, "colour_bottleneck"), functional.relu)
        self.colour_experts = Perceptrons(section(tensors, "colour_experts"), functional.relu)
        codes = self.colour_experts.inputs - self.colour_bottleneck.outputs
        self.global_appearance = codes - _whole(appearance_size - codes, networks - 1, "the appearance code")
        if self.global_appearance < 0:
            raise ValueError("the colour networks are too narrow for the appearance code")
        _require_equal("inputs of the bottleneck", self.colour_bottleneck.inputs, self.experts.weights[-1].shape[2])
        _require_equal("number of colour networks", self.colour_experts.members, self.experts.members)
        _require_equal("outputs of a colour network", self.colour_experts.outputs, 3)

    def anchors(self, identity: Tensor) -> Tensor:
        """Anchors ``[A, 3]`` of an identity code ``[I]``."""
        offsets, _ = self.anchor_network(0, identity[None, : self.global_size], identity[:0])
        return self.anchor_mean + offsets.view_as(self.anchor_mean)

    def forward(self, queries: Tensor, identity: Tensor) -> Tensor:
        """Signed distances ``[N]``, negative inside, of canonical queries ``[N, 3 + ambient]``."""
        distances = queries.new_zeros(len(queries))
        for part in self._contributions(queries, identity):
            distances = distances.index_add(0, part.rows, part.weight * part.value)
        return distances

    def colours(self, queries: Tensor, identity: Tensor, appearance: Tensor) -> Tensor:
        """Colours ``[N, 3]``, about -1 to 1, of canonical queries ``[N, 3 + ambient]``."""
        colours = queries.new_zeros(len(queries), 3)
        local = appearance[self.global_appearance :].view(len(self.anchor_mean) + 1, -1)
        for part in self._contributions(queries, identity):
            feature, _ = self.colour_bottleneck(0, part.hidden, identity[:0])
            code = torch.cat([appearance[: self.global_appearance], local[part.network]])
            colour, _ = self.colour_experts(part.member, feature, code)
            colours = colours.index_add(0, part.rows, part.weight[:, None] * colour)
        return colours

    def _contributions(self, queries: Tensor, identity: Tensor) -> Iterator[_Contribution]:
        anchors = self.anchors(identity)
        weights = self.blend(queries[:, :3], anchors)
        local = identity[self.global_size :].view(len(anchors) + 1, -1)
        centres = functional.pad(anchors, (0, self.ambient, 0, 1))  # the anchor-free network sees the query itself
        for network, centre in enumerate(centres):
            rows = weights[:, network].detach().nonzero()[:, 0]
            if not len(rows):
                continue
            delta = queries[rows] - centre
            paired = network < 2 * self.pairs
            if paired and network % 2 == 1:
                delta = torch.cat([-delta[:, :1], delta[:, 1:]], dim=1)
            member = network // 2 if paired else network - self.pairs
            code = torch.cat([identity[: self.global_size], local[network]])
            value, hidden = self.experts(member, delta, code)
            yield _Contribution(network, member, rows, weights[rows, network], value[:, 0], hidden)


class ExpressionNetwork(nn.Module):
    """Offsets of points, and ambient coordinates where the model has them.

    Args:
        tensors: sections ``compressor`` and ``deformation``.

    Raises:
        ValueError: the tensors do not fit each other.
    """

    compressor_weight: Tensor
    compressor_bias: Tensor

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        self.register_buffer("compressor_weight", tensors["compressor.weight"])
        self.register_buffer("compressor_bias", tensors["compressor.bias"])
        self.deformation = Perceptrons(section(tensors, "deformation"), _softplus)
        if self.compressor_weight.dim() != 2 or self.compressor_bias.shape != self.compressor_weight.shape[:1]:
            raise ValueError("the compressor's weight and bias do not fit")
        self.expression_size = self.deformation.inputs - 3 - len(self.compressor_bias)
        self.ambient = self.deformation.outputs - 3
        if self.expression_size < 1 or self.ambient < 0:
            raise ValueError("the expression network has too few inputs or outputs")

    def codes(self, identity: Tensor, anchors: Tensor, expressions: Tensor) -> Tensor:
        """What the network is told about identity ``[I]`` and expressions ``[T, E]``: ``[T, K]``."""
        compressed = self.compressor_weight @ torch.cat([identity, anchors.flatten()]) + self.compressor_bias
        return torch.cat([compressed.expand(len(expressions), -1), expressions], dim=1)

    def forward(self, points: Tensor, codes: Tensor) -> Tensor:
        """Offsets, then ambient coordinates ``[..., N, 3 + ambient]``, of points ``[..., N, 3]``."""
        moved, _ = self.deformation(0, points, codes)
        return moved


class PublishedNetworks(nn.Module):
    """Both networks of a published head.

    Args:
        tensors: the normal form (``published_checkpoints``), with the code tables ``codes.identity`` ``[n, I]``,
            ``codes.expression`` ``[n, E]``, and ``codes.appearance`` where the model has colour.
        blend: how the local networks are blended.

    Raises:
        KeyError: a tensor is missing.
        ValueError: the tensors do not fit each other.
    """

    def __init__(self, tensors: Tensors, blend: Blend) -> None:
        super().__init__()
        self.expression = ExpressionNetwork(tensors)
        identities, expressions = tensors["codes.identity"], tensors["codes.expression"]
        anchors = tensors["anchor_mean"]
        if anchors.dim() != 2 or anchors.shape[1] != 3:
            raise ValueError(f"mean anchors have shape {tuple(anchors.shape)}")
        appearance_size = tensors["codes.appearance"].shape[1] if "codes.appearance" in tensors else 0
        self.identity = IdentityNetwork(
            tensors,
            identity_size=identities.shape[1],
            appearance_size=appearance_size,
            ambient=self.expression.ambient,
            blend=blend,
        )
        told = self.expression.compressor_weight.shape[1]
        _require_equal("inputs of the compressor", told, identities.shape[1] + anchors.numel())
        _require_equal("size of the expression codes", expressions.shape[1], self.expression.expression_size)
        self.requires_grad_(False)


def section(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    """The tensors whose name starts with ``prefix.``, with that start removed."""
    start = prefix + "."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _softplus(values: Tensor) -> Tensor:
    return functional.softplus(values, beta=100)


def _require_equal(what: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise ValueError(f"the {what} is {found} where {wanted} belongs to the rest")


def _whole(size: int, parts: int, what: str) -> int:
    if size < parts or size % parts:
        raise ValueError(f"{what} does not divide among {parts} local networks")
    return size // parts
