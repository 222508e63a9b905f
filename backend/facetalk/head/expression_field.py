"""The expression field: where a canonical point goes under an expression code, forward, conditioned on identity.

``displacement(x) = B_0(x) + sum_k e_k B_k(x) + sum_j h_j(e) C_j(x)``: a trunk network reads the point (with its part
and the identity) and returns vector fields; a branch network reads the code and returns coefficients. A field split
like this (a DeepONet: Lu et al., Nature Machine Intelligence 2021) costs one trunk pass per identity and, after that,
one matrix product for all frames, which is what lets a plain CPU play it.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from facetalk.head.identity_field import fourier

OCTAVES = 6
COORDINATE_SCALE = 4.0  # lowest Fourier frequency: one turn over about a head


class ExpressionField(nn.Module):
    """Forward deformation from canonical to posed space.

    Args:
        identity_size: I.
        expression_size: E.
        parts: P; a point says which part it belongs to, so lids and eyeball, or lips and teeth, never share motion.
        correctives: J, number of non-linear coefficients.
        hidden: width of the trunk.
        layers: hidden layers of the trunk.
    """

    def __init__(
        self,
        identity_size: int,
        expression_size: int,
        parts: int,
        correctives: int = 32,
        hidden: int = 256,
        layers: int = 5,
        identity_features: int = 32,
    ) -> None:
        super().__init__()
        self.expression_size = expression_size
        self.parts = parts
        self.compress = nn.Linear(identity_size, identity_features)
        trunk_input = 3 + 3 * (1 + 2 * OCTAVES) + parts + identity_features
        self.trunk = _perceptron([trunk_input] + [hidden] * layers + [(1 + expression_size + correctives) * 3])
        self.branch = _perceptron([expression_size + identity_features, 128, 128, correctives])
        # Fields start small: an untrained head hardly moves.
        nn.init.normal_(self.trunk.get_submodule(str(len(self.trunk) - 1)).get_parameter("weight"), std=0.004)

    def fields(self, points: Tensor, aligned: Tensor, parts: Tensor, code: Tensor) -> Tensor:
        """Vector fields at canonical points of one identity.

        Args:
            points: canonical points ``[N, 3]``, head units.
            aligned: the same points moved back by their anchors' offsets from the mean, ``[N, 3]``.
            parts: part index of each point ``[N]``.
            code: identity code ``[I]``.

        Returns:
            ``[1 + E + J, N, 3]``.
        """
        identity = self.compress(code).expand(len(points), -1)
        one_hot = functional.one_hot(parts, self.parts).to(points.dtype)
        inputs = torch.cat([points, fourier(aligned * COORDINATE_SCALE, OCTAVES), one_hot, identity], dim=-1)
        return self.trunk(inputs).view(len(points), -1, 3).transpose(0, 1)

    def coefficients(self, expressions: Tensor, code: Tensor) -> Tensor:
        """Coefficients ``[T, 1 + E + J]`` of expression codes ``[T, E]`` for an identity code ``[I]``.

        The corrective ones vanish at the zero code, so that zero is exactly the neutral face of ``B_0``.
        """
        identity = self.compress(code).expand(len(expressions), -1)
        corrective = self.branch(torch.cat([expressions, identity], dim=-1))
        at_rest = self.branch(torch.cat([torch.zeros_like(expressions), identity], dim=-1))
        ones = torch.ones_like(expressions[:, :1])
        return torch.cat([ones, expressions, corrective - at_rest], dim=-1)


def displace(fields: Tensor, coefficients: Tensor) -> Tensor:
    """Displacements ``[T, N, 3]`` from fields ``[K, N, 3]`` and coefficients ``[T, K]``."""
    return (coefficients @ fields.flatten(1)).view(len(coefficients), -1, 3)


def _perceptron(widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*layers[:-1])
