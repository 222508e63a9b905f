"""Two rounded bars, one above the other, whose gap is known everywhere."""

import torch
from torch import Tensor

MILLIMETRE = 0.004  # head units
ROWS, COLUMNS, LINE = 7, 21, 3
RADIUS = 4.0 * MILLIMETRE
X = torch.linspace(-0.08, 0.08, COLUMNS)


def bars(gap: float, slope: float = 0.0, forwards: float = 0.0) -> Tensor:
    """The facing sides of two bars ``[2, R, C, 3]``, ``gap`` apart; the upper may lie further in front."""
    angle = torch.linspace(-1.2, 1.2, ROWS)[:, None]
    front = RADIUS * angle.sin().expand(ROWS, COLUMNS)
    sides = []
    for sign, ahead in ((1.0, forwards), (-1.0, 0.0)):
        height = sign * (0.5 * gap + RADIUS * (1.0 - angle.cos())) + slope * X
        sides.append(torch.stack([X.expand(ROWS, COLUMNS), height, front + ahead], dim=-1))
    return torch.stack(sides)
