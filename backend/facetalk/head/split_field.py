"""Vector fields split into a trunk, which reads the point, and coefficients, which are read off a code.

``displacement(x) = sum_k c_k F_k(x)`` (a DeepONet: Lu et al., Nature Machine Intelligence 2021). One pass of the trunk
serves any number of codes at a matrix product each; and for one code, the sum moves into the trunk's last layer, so
that any number of points costs next to nothing.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from facetalk.head.anchored_networks import AnchoredNetworks, Readout

FIELD_SCALE = 0.01  # head units: the size of a field per unit of its coefficient


class SplitField(nn.Module):
    """A displacement of canonical points.

    Args:
        anchors: ``[A, 3]``.
        parts: P; a point says which part it belongs to, so lids and eyeball, or lips and teeth, never share motion.
        fields: K, number of coefficients.
        condition: C, further inputs of the trunk.
        hidden: width of the local networks.
    """

    def __init__(self, anchors: Tensor, parts: int, fields: int, condition: int = 0, hidden: int = 64) -> None:
        super().__init__()
        self.parts, self.count = parts, fields
        self.trunk = AnchoredNetworks(anchors, parts + condition, 3 * fields, hidden, scale=FIELD_SCALE)

    def fields(self, points: Tensor, parts: Tensor, condition: Tensor | None = None) -> Tensor:
        """The vector fields ``[K, N, 3]`` at points ``[N, 3]`` of parts ``[N]``, under a condition ``[C]``."""
        values = self.trunk(points, self._extra(parts, condition))
        return values.view(len(points), self.count, 3).transpose(0, 1)

    def displacement(
        self, points: Tensor, parts: Tensor, coefficients: Tensor, condition: Tensor | None = None
    ) -> Tensor:
        """Displacements ``[N, 3]`` of points under one set of coefficients ``[K]``."""
        return self.trunk(points, self._extra(parts, condition), self.readout(coefficients))

    def readout(self, coefficients: Tensor) -> Readout:
        """The trunk's last layer for one set of coefficients ``[K]``."""
        weight, bias = self.trunk.output_weight, self.trunk.output_bias
        return Readout(
            torch.einsum("ahkc,k->ahc", weight.view(*weight.shape[:2], self.count, 3), coefficients),
            torch.einsum("akc,k->ac", bias.view(len(bias), self.count, 3), coefficients),
        )

    def _extra(self, parts: Tensor, condition: Tensor | None) -> Tensor:
        one_hot = functional.one_hot(parts, self.parts).to(self.trunk.output_bias.dtype)
        if condition is None:
            return one_hot
        return torch.cat([one_hot, condition.expand(len(parts), -1)], dim=-1)


def displace(fields: Tensor, coefficients: Tensor) -> Tensor:
    """Displacements ``[T, N, 3]`` from fields ``[K, N, 3]`` and coefficients ``[T, K]``."""
    return (coefficients @ fields.flatten(1)).view(len(coefficients), -1, 3)


def perceptron(widths: list[int]) -> nn.Sequential:
    """Linear layers with SiLU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*layers[:-1])
