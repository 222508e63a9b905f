"""A sheet of points that waves, with two lips in its middle that follow no wave."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from facetalk.head.parametric_head import Posed

SIDE = 40
WAVES = 6
LIPS = torch.tensor([SIDE * SIDE // 2 + SIDE // 2, SIDE * SIDE // 2 + SIDE // 2 + 1])
MOVED, APART = 0.02, 0.02  # head units
TIGHTENING = 0.2  # of a wave that is raised: no finite number of modes is exact


@dataclass(frozen=True)
class WavingSheet:
    """Prepared points: codes ``[T, 6]`` raise waves, and the lips jump wherever the first entry's sine says.

    Attributes:
        points: in canonical pose ``[N, 3]``.
        lips: which points jump ``[N]``.
        across: wave vectors ``[6, 2]``.
        along: which way each wave moves points ``[6, 3]``.
        asked: frames times points of every pose so far.
    """

    points: Tensor
    lips: Tensor
    across: Tensor
    along: Tensor
    asked: list[int]

    def pose(self, expressions: Tensor) -> Posed:
        phase = (self.points[:, :2] @ self.across.T) * (1.0 + TIGHTENING * expressions[:, None])
        height = expressions[:, None] * torch.cos(phase + torch.arange(WAVES))
        posed = self.points + MOVED * height @ self.along
        posed[..., 1] += APART * torch.sign(torch.sin(50.0 * expressions[:, :1])) * self.lips
        self.asked.append(len(expressions) * len(self.points))
        return Posed(posed, torch.ones(posed.shape[:2], dtype=torch.bool))

    def subset(self, indices: Tensor) -> "WavingSheet":
        return replace(self, points=self.points[indices], lips=self.lips[indices])


def waving_sheet() -> WavingSheet:
    """A sheet of 0.6 by 0.6 head units."""
    line = torch.linspace(-0.3, 0.3, SIDE)
    points = torch.stack([*torch.meshgrid(line, line, indexing="xy"), torch.zeros(SIDE, SIDE)], dim=-1).reshape(-1, 3)
    generator = torch.Generator().manual_seed(0)
    across, along = (torch.randn(WAVES, size, generator=generator) for size in (2, 3))
    lips = torch.zeros(len(points)).index_fill(0, LIPS, 1.0)
    return WavingSheet(points, lips, 6.0 * across, along, [])


def codes(count: int, seed: int) -> Tensor:
    """Random codes ``[T, 6]``."""
    return torch.rand(count, WAVES, generator=torch.Generator().manual_seed(seed)) * 2.0 - 1.0


@dataclass(frozen=True)
class Crackle:
    """Points that all go their own ways: no few modes follow them."""

    points: Tensor

    def pose(self, expressions: Tensor) -> Posed:
        own = torch.sin(1e4 * self.points * (1.0 + expressions[:, :1, None]))
        return Posed(self.points + 0.01 * own, torch.ones(own.shape[:2], dtype=torch.bool))

    def subset(self, indices: Tensor) -> "Crackle":
        return Crackle(self.points[indices])
