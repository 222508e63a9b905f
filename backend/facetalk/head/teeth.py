"""Lips lie on the front of the teeth, whatever the expression field makes of them.

Either row of teeth is known on the mean head as a curved wall: a radius over angle and height about a vertical axis.
On an identity and in a pose it is that wall moved by the affine map that best fits where its points go; what would be
behind it comes straight out of it.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from facetalk.head.split_field import displace

ROWS = ("upper_teeth", "lower_teeth")
ANGLE_STEP = math.radians(2.5)  # between two angles of a wall, as many to either side of straight ahead
HEIGHT_STEP = 0.004  # head units between two heights of a wall
FILM = 0.0024  # head units kept between wall and lips: the wall fits no identity's teeth to the last tenth of a mm
BEHIND = 0.036  # head units: what lies deeper behind the wall is tongue side; a lip rolls in by 7 mm (0.028)
FADE = 0.008  # head units over which it becomes tongue side
REACH = 0.035  # head units from the wall, in canonical pose, within which skin may come to touch it
STRIDE = 5  # of the wall's angles and heights, every fifth says where it goes
SOLID = 0.5  # of the widest radius, below which there is no tooth


class ArchFrame(NamedTuple):
    """Where a wall is on the mean head: z of its axis (x is 0), and y of its lowest height, head units."""

    axis: float
    lowest: float


@dataclass(frozen=True)
class TeethWall:
    """One row of teeth of one identity, and the points it keeps out.

    Attributes:
        frame: on the mean head.
        radius: ``[A, H]``, head units, 0 where there is no tooth; angles are ``ANGLE_STEP`` apart, the middle one is
            straight ahead.
        fit: maps where the wall's points are to the affine map of the mean head's wall that fits them best ``[4, M]``.
        points: these points in canonical pose ``[M, 3]``.
        fields: the expression field's vector fields there ``[K, M, 3]``.
        lips: indices of the points that may touch it ``[N]``.
    """

    frame: ArchFrame
    radius: Tensor
    fit: Tensor
    points: Tensor
    fields: Tensor
    lips: Tensor

    def pose(self, coefficients: Tensor) -> Tensor:
        """The affine maps ``[T, 4, 3]`` that take the mean head's wall to where coefficients ``[T, K]`` have it."""
        return self.fit @ (self.points + displace(self.fields, coefficients))

    def keep_lips_out(self, posed: Tensor, place: Tensor) -> None:
        """Bring lips that are inside the wall to its front, in ``posed [T, N, 3]``, in place.

        Args:
            posed: points in every frame.
            place: the affine maps ``[T, 4, 3]`` that take the mean head's wall there.
        """
        lips = posed.index_select(1, self.lips)
        posed.index_add_(1, self.lips, self._way_out(lips, place))

    def keep_out(self, posed: Tensor, place: Tensor) -> None:
        """Bring all of some points ``[T, M, 3]`` that are inside the wall to its front, in place."""
        posed += self._way_out(posed, place)

    def among(self, places: Tensor) -> "TeethWall":
        """The same wall before fewer points: ``places [N]`` are their new indices, -1 for those that are gone."""
        lips = places[self.lips]
        return replace(self, lips=lips[lips >= 0])

    def near(self, points: Tensor) -> Tensor:
        """Which points ``[N, 3]`` of the mean head may come to touch the wall, bool."""
        highest = self.frame.lowest + HEIGHT_STEP * (self.radius.shape[1] - 1)
        x, height, z = points.unbind(dim=1)
        middle = torch.full_like(height, 0.5 * (self.frame.lowest + highest))
        wall, distance, _ = self._look(torch.stack([x, middle, z], dim=1)[None])
        # Lips pass before teeth that are above or below them now.
        off = torch.hypot(distance[0] - wall[0], height - height.clamp(self.frame.lowest, highest))
        return (off < REACH) & (points[:, 2] > self.frame.axis) & (wall[0] > 0.0)

    def _way_out(self, posed: Tensor, place: Tensor) -> Tensor:
        """The way out ``[T, M, 3]`` of posed points."""
        turn, shift = place[:, :3], place[:, 3:]
        return self._depth((posed - shift) @ torch.linalg.inv(turn)) @ turn

    def _depth(self, points: Tensor) -> Tensor:
        """The way out ``[T, N, 3]`` of points of the mean head."""
        wall, distance, outwards = self._look(points)
        depth = (wall + FILM - distance).clamp(min=0.0)
        before = ((BEHIND - depth) / FADE).clamp(0.0, 1.0)
        return outwards * (depth * before)[..., None]

    def _look(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The wall's radius at points ``[T, N, 3]``, their distance from the axis, and the direction outwards."""
        ahead = points[..., 2] - self.frame.axis
        distance = torch.hypot(points[..., 0], ahead)
        outwards = torch.stack([points[..., 0], torch.zeros_like(ahead), ahead], dim=-1) / distance[..., None]
        angle = torch.atan2(points[..., 0], ahead) / reach(len(self.radius))
        height = 2.0 * (points[..., 1] - self.frame.lowest) / (HEIGHT_STEP * (self.radius.shape[1] - 1)) - 1.0
        where = torch.stack([height, angle], dim=-1)[None]
        wall = functional.grid_sample(self.radius[None, None], where.flatten(1, 2)[:, None], align_corners=True)
        return wall.view(distance.shape), distance, outwards


def reach(angles: int) -> float:
    """How far a wall of so many angles is looked at to either side of straight ahead, in radians."""
    return 0.5 * ANGLE_STEP * (angles - 1)


def wall_points(frame: ArchFrame, radius: Tensor) -> Tensor:
    """Some points ``[M, 3]`` of a wall ``[A, H]`` on the mean head."""
    widest = reach(len(radius))
    angle = torch.linspace(-widest, widest, len(radius)).to(radius)[::STRIDE, None]
    height = frame.lowest + HEIGHT_STEP * torch.arange(radius.shape[1]).to(radius)[None, ::STRIDE]
    there = radius[::STRIDE, ::STRIDE]
    grid = torch.stack([there * angle.sin(), height.expand_as(there), frame.axis + there * angle.cos()], dim=-1)
    return grid[there > SOLID * radius.max()]


def affine_fit(points: Tensor) -> Tensor:
    """What maps places of points ``[M, 3]`` to the affine map ``[4, 3]`` that takes the points there, ``[4, M]``."""
    return torch.linalg.pinv(torch.cat([points, torch.ones_like(points[:, :1])], dim=1))
