"""A head of a few balls with a face that can be found: the smallest thing that a scan can be fitted to."""

from dataclasses import dataclass

import torch
from torch import Tensor

from facetalk.head.parametric_head import DistanceField, Posed

JAW_DROP = 0.02  # head units by which the canonical chin lies lower than at rest
MODE_SIZES = (0.02, 0.02, 0.03, 0.03)  # of width, nose, chin and height; nothing knows the fifth entry, as with hair


@dataclass(frozen=True)
class ToyPoints:
    points: Tensor

    def pose(self, expressions: Tensor) -> Posed:
        """Whatever the code, the jaw is shut."""
        share = torch.sigmoid(-(self.points[:, 1:2] + 0.22) / 0.03)
        posed = self.points + share * self.points.new_tensor([0.0, JAW_DROP, 0.0])
        return Posed(posed.expand(len(expressions), -1, -1), torch.ones(len(expressions), len(posed), dtype=torch.bool))

    def subset(self, indices: Tensor) -> "ToyPoints":
        return ToyPoints(self.points[indices])


class ToyHead:
    """Skull, nose, chin, eye hollows, and a hidden mouth; four code entries move the first three."""

    device = torch.device("cpu")
    parts: tuple[str, ...] = ("skin", "mouth")
    box = torch.tensor([[-0.55, -0.62, -0.95], [0.55, 0.75, 0.40]])
    identity_size = 5
    expression_size = 2

    def anchors(self, identity: Tensor) -> Tensor:
        return torch.zeros(1, 3)

    def signed_distance(self, points: Tensor, identity: Tensor, wanted: Tensor | None = None) -> Tensor:
        width, nose, chin, height = (size * entry for size, entry in zip(MODE_SIZES, identity[:4], strict=True))
        zero = torch.zeros(())
        radii = torch.stack([0.29 + width, 0.40 + height, zero + 0.42])
        scaled = (points - points.new_tensor([0.0, 0.08, -0.15])) / radii
        length = scaled.norm(dim=1)
        skull = length * (length - 1.0) / (scaled / radii).norm(dim=1).clamp(min=1e-6)
        nose_ball = _ball(points, torch.stack([zero, zero - 0.05, 0.24 + nose]), 0.06)
        chin_ball = _ball(points, torch.stack([zero, chin - 0.33 - JAW_DROP, zero + 0.12]), 0.09)
        skin = _union(_union(skull, nose_ball), chin_ball)
        for side in (-0.13, 0.13):
            skin = -_union(-skin, _ball(points, torch.tensor([side, 0.07, 0.24]), 0.06))
        mouth = _ball(points, torch.tensor([0.0, -0.2, 0.0]), 0.05)
        distances = torch.stack([skin, mouth], dim=1)
        return distances if wanted is None else distances.masked_fill(~wanted, torch.inf)

    def distance_field(self, identity: Tensor) -> DistanceField:
        return lambda points, wanted: self.signed_distance(points, identity, wanted)

    def identity_prior(self, identity: Tensor) -> Tensor:
        return identity[:4].square().mean()

    def prepare(self, points: Tensor, parts: Tensor, identity: Tensor, mobility: Tensor | None = None) -> ToyPoints:
        assert mobility is None
        assert len(parts) == len(points)
        return ToyPoints(points)


def _ball(points: Tensor, centre: Tensor, radius: float) -> Tensor:
    return (points - centre).norm(dim=1) - radius


def _union(first: Tensor, second: Tensor) -> Tensor:
    """Union with a rounded seam, so that gradients are smooth."""
    return -torch.logaddexp(-first / 0.01, -second / 0.01) * 0.01
