"""Anchored local networks: a small network around every anchor, blended by distance.

The scheme is NPHM's (Giebenhain et al., CVPR 2023). Only the nearest anchors of a point are evaluated, with weights
that reach zero where an anchor leaves that set, so that the blend is continuous.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

REACH = 2.0  # local coordinates are in units of so many blend widths


@dataclass(frozen=True)
class Readout:
    """Another last layer for anchored networks.

    Attributes:
        weight: ``[A, hidden, O]``.
        bias: ``[A, O]``.
    """

    weight: Tensor
    bias: Tensor


class AnchoredNetworks(nn.Module):
    """A function of points, and of what else is known of them.

    Args:
        anchors: ``[A, 3]``, head units.
        extra: C, number of further inputs.
        outputs: O.
        hidden: width of the local networks.
        layers: their hidden layers.
        octaves: of Fourier features of local coordinates; the lowest spans an anchor's neighbourhood.
        scale: about the size of the outputs, so that learning is as fine as they are.
        nearest: anchors evaluated per point.
    """

    anchors: Tensor
    radius: Tensor

    def __init__(
        self,
        anchors: Tensor,
        extra: int,
        outputs: int,
        hidden: int = 64,
        layers: int = 2,
        octaves: int = 4,
        scale: float = 1.0,
        nearest: int = 3,
    ) -> None:
        super().__init__()
        self.octaves, self.scale, self.nearest = octaves, scale, nearest
        self.register_buffer("anchors", anchors.clone())
        self.register_buffer("radius", blend_width(anchors))
        count = len(anchors)
        widths = [3 * (1 + 2 * octaves) + extra] + [hidden] * layers
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(count, wide, next_wide) * (2.0 / wide) ** 0.5)
            for wide, next_wide in pairwise(widths)
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(count, after)) for after in widths[1:])
        self.output_weight = nn.Parameter(torch.randn(count, hidden, outputs) * 0.3 * hidden**-0.5)
        self.output_bias = nn.Parameter(torch.zeros(count, outputs))

    def forward(self, points: Tensor, extra: Tensor | None = None, readout: Readout | None = None) -> Tensor:
        """Evaluate.

        Args:
            points: ``[N, 3]``, head units.
            extra: ``[N, C]``, if C is not 0.
            readout: takes the place of the last layer.

        Returns:
            ``[N, O]``.
        """
        last = readout or Readout(self.output_weight, self.output_bias)
        chosen, blend = nearest_anchors(points, self.anchors, self.nearest, self.radius)
        local = (points[:, None] - self.anchors[chosen]) / (REACH * self.radius)
        inputs = fourier(local, self.octaves)
        if extra is not None:
            inputs = torch.cat([inputs, extra[:, None].expand(-1, self.nearest, -1)], dim=-1)
        values = self._evaluate(inputs.flatten(0, 1), chosen.flatten(), last)
        return self.scale * (values.view(len(points), self.nearest, last.bias.shape[1]) * blend[..., None]).sum(dim=1)

    def _evaluate(self, inputs: Tensor, chosen: Tensor, last: Readout) -> Tensor:
        """Run every row through the network of its anchor; rows are sorted so that each network runs once."""
        order = torch.argsort(chosen)
        counts = torch.bincount(chosen, minlength=len(self.anchors)).tolist()
        rows = inputs[order].split(counts)
        outputs = [self._network(index, own, last) for index, own in enumerate(rows) if len(own)]
        return torch.cat(outputs)[torch.argsort(order)] if outputs else last.bias[:0]

    def _network(self, index: int, rows: Tensor, last: Readout) -> Tensor:
        for weight, bias in zip(self.weights, self.biases, strict=True):
            rows = functional.silu(torch.addmm(bias[index], rows, weight[index]))
        return torch.addmm(last.bias[index], rows, last.weight[index])


def fourier(values: Tensor, octaves: int) -> Tensor:
    """Values ``[..., C]`` with sines and cosines at ``octaves`` doubling frequencies: ``[..., C (1 + 2 octaves)]``."""
    scales = 2.0 ** torch.arange(octaves, device=values.device, dtype=values.dtype)
    angles = (values[..., None, :] * scales[:, None]).flatten(-2)
    return torch.cat([values, angles.sin(), angles.cos()], dim=-1)


def blend_width(anchors: Tensor) -> Tensor:
    """Blend width of anchors ``[A, 3]``: four fifths of the typical distance to the next anchor."""
    to_next = torch.cdist(anchors, anchors).topk(2, largest=False).values[:, 1]
    return 0.8 * to_next.median()


def nearest_anchors(points: Tensor, anchors: Tensor, nearest: int, width: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest anchors of points and their blend weights, which sum to 1 and are continuous in the point.

    Args:
        points: ``[N, 3]``.
        anchors: ``[A, 3]``, more than ``nearest``.
        nearest: M, how many.
        width: blend width.

    Returns:
        Anchor indices ``[N, M]`` and weights ``[N, M]``.
    """
    squared = torch.cdist(points, anchors).square()
    distance, index = squared.topk(nearest + 1, dim=-1, largest=False)
    # Measured from the nearest, so that far from all anchors nothing underflows.
    affinity = torch.exp(-(distance - distance[..., :1]) / width**2)
    weight = affinity[..., :-1] - affinity[..., -1:]
    return index[..., :-1], (weight + 1e-9) / (weight + 1e-9).sum(dim=-1, keepdim=True)
