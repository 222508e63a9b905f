"""Lids slide on eyeballs: whatever a field makes of a lid, it stays in front of the ball."""

from dataclasses import dataclass

import torch
from torch import Tensor

LID_FILM = 0.0014  # head units kept between lid and eyeball, as in the training heads
REACH = 1.5  # radii from the eyeball's middle within which skin may come to touch it
FRONT = 0.25  # radii in front of the middle where lids begin; what lies further back is the socket
STEEPEST = 0.95  # of the ball's radius aside, beyond which pushing straight ahead would fling a point


@dataclass(frozen=True)
class EyeContact:
    """One eyeball and the skin around it.

    Attributes:
        centre: ``[3]``, head units.
        radius: of the ball with the film on it.
        lids: indices of the points that may touch it ``[K]``.
    """

    centre: Tensor
    radius: Tensor
    lids: Tensor

    def keep_out(self, posed: Tensor) -> None:
        """Bring lids that are inside the ball to its front, straight ahead, in ``posed [T, N, 3]``, in place.

        Straight ahead, so that lids which have met stay met.
        """
        points = posed[:, self.lids]
        offset = points - self.centre
        inside = (offset[..., 2] > FRONT * self.radius) & (offset.norm(dim=-1) < self.radius)
        aside = offset[..., :2].square().sum(dim=-1).clamp(max=(STEEPEST * self.radius) ** 2)
        front = self.centre[2] + (self.radius.square() - aside).sqrt()
        points[..., 2] = torch.where(inside, front, points[..., 2])
        posed[:, self.lids] = points


def eye_contact(eyeball: Tensor, skin: Tensor, points: Tensor) -> EyeContact:
    """The contact of an eyeball with skin.

    Args:
        eyeball: points of its surface ``[M, 3]``.
        skin: which points are skin ``[N]``, bool.
        points: ``[N, 3]``.
    """
    centre, radius = sphere(eyeball)
    near = skin & ((points - centre).norm(dim=1) < REACH * radius)
    return EyeContact(centre, radius + LID_FILM, near.nonzero()[:, 0])


def sphere(points: Tensor) -> tuple[Tensor, Tensor]:
    """Centre ``[3]`` and radius of the least-squares sphere through points ``[M, 3]``."""
    system = torch.cat([2.0 * points, torch.ones_like(points[:, :1])], dim=1).double()
    solution = torch.linalg.lstsq(system, points.double().square().sum(dim=1, keepdim=True)).solution[:, 0]
    centre = solution[:3]
    return centre.to(points), (solution[3] + centre @ centre).sqrt().to(points)
