"""The identity warp: carries the mean head's canonical space to an identity's, and back.

Heads of one topology correspond point by point, and differ by a deformation that is all but linear in the identity
code. So identity is a warp, and shape in all its detail is learned once, on the mean head (``identity_field``).
"""

import torch
from torch import Tensor, nn

from facetalk.head.split_field import SplitField, perceptron

FURTHEST = 0.2  # head units: no identity moves a point of a head further; far from all heads the warp knows nothing
INVERSE_STEPS = 4  # leave 0.001 mm on the mean, 0.04 mm at one point in a hundred


class IdentityWarp(nn.Module):
    """``W(x, z) = x + sum_i z_i M_i(x) + sum_j (h_j(z) - h_j(0)) C_j(x)``.

    Args:
        anchors: of the mean head ``[A, 3]``.
        shape_size: S, size of the shape code z.
        parts: P, number of parts that move on their own.
        correctives: J, number of non-linear coefficients.
        hidden: width of the local networks.
    """

    def __init__(self, anchors: Tensor, shape_size: int, parts: int, correctives: int = 8, hidden: int = 64) -> None:
        super().__init__()
        self.field = SplitField(anchors, parts, shape_size + correctives, hidden=hidden)
        self.branch = perceptron([shape_size, 64, 64, correctives])

    def coefficients(self, shapes: Tensor) -> Tensor:
        """Coefficients ``[B, S + J]`` of shape codes ``[B, S]``; the zero code has zero coefficients."""
        return torch.cat([shapes, self.branch(shapes) - self.branch(torch.zeros_like(shapes))], dim=-1)

    def forward(self, points: Tensor, parts: Tensor, shape: Tensor) -> Tensor:
        """Where points ``[N, 3]`` of parts ``[N]`` of the mean head are on the identity of a shape code ``[S]``."""
        return points + self.field.displacement(points, parts, self.coefficients(shape[None])[0])

    def stays(self, shape: Tensor) -> bool:
        """Whether the code ``[S]`` is the mean head's, whose points are where they are, and no gradient is wanted."""
        return not (shape.requires_grad or shape.any())

    def backward_warp(self, points: Tensor, parts: Tensor, shape: Tensor, steps: int = INVERSE_STEPS) -> Tensor:
        """The points ``[N, 3]`` of the mean head that come to lie at points ``[N, 3]`` of an identity.

        By fixed-point iteration: the warp moves neighbours alike, so each step leaves a small share of the error.
        Differentiable in points and code.
        """
        if self.stays(shape):
            return points
        coefficients = self.coefficients(shape[None])[0]
        sources = points
        for _ in range(steps):
            moved = self.field.displacement(sources, parts, coefficients)
            sources = points - moved * (FURTHEST / moved.norm(dim=-1, keepdim=True).clamp(min=FURTHEST))
        return sources
