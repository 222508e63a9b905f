"""The expression field: how far a canonical point goes under an expression code, forward, conditioned on identity.

It reads points where they are on the mean head, so lips are in one place whoever they belong to.
"""

import torch
from torch import Tensor, nn

from facetalk.head.split_field import SplitField, perceptron

CONDITION = 16  # features of the identity that the field sees


class ExpressionField(nn.Module):
    """``D(x, e) = B_0(x) + sum_k e_k B_k(x) + sum_j (h_j(e) - h_j(0)) C_j(x)``, all conditioned on identity.

    Args:
        anchors: of the mean head ``[A, 3]``.
        shape_size: S.
        expression_size: E.
        parts: P.
        correctives: J, number of non-linear coefficients.
        hidden: width of the trunk's local networks.
    """

    def __init__(
        self,
        anchors: Tensor,
        shape_size: int,
        expression_size: int,
        parts: int,
        correctives: int = 48,
        hidden: int = 64,
    ) -> None:
        super().__init__()
        self.compress = nn.Linear(shape_size, CONDITION)
        self.field = SplitField(anchors, parts, 1 + expression_size + correctives, CONDITION, hidden)
        self.branch = perceptron([expression_size + CONDITION, 128, 128, correctives])

    def fields(self, points: Tensor, parts: Tensor, shape: Tensor) -> Tensor:
        """Vector fields ``[1 + E + J, N, 3]`` at points ``[N, 3]`` of the mean head, of parts ``[N]``."""
        return self.field.fields(points, parts, self.compress(shape))

    def coefficients(self, expressions: Tensor, shape: Tensor) -> Tensor:
        """Coefficients ``[T, 1 + E + J]`` of expression codes ``[T, E]`` for a shape code ``[S]``.

        The corrective ones vanish at the zero code, so that zero is exactly the neutral face of ``B_0``.
        """
        identity = self.compress(shape).expand(len(expressions), -1)
        corrective = self.branch(torch.cat([expressions, identity], dim=-1))
        at_rest = self.branch(torch.cat([torch.zeros_like(expressions), identity], dim=-1))
        ones = torch.ones_like(expressions[:, :1])
        return torch.cat([ones, expressions, corrective - at_rest], dim=-1)
