"""Lips ride on the front of the teeth: the dental arch as a curved wall, and pushing lips out of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter

from facetalk.head.teeth import BEHIND, HEIGHT_STEP, ArchFrame, reach

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

ANGLE_BINS = 73  # as far as the molars, which cheeks lie on
CHAMFER, SLOPE = 4, 2.0  # heights by which a wall is prolonged, and how steeply
BETWEEN_CORNERS = np.array([(a, b, 3 - a - b) for a in range(4) for b in range(4 - a)]) / 3.0  # of a triangle
LIP_THICKNESS = 0.06  # head units over which a push fades outwards, so that a lip moves as a whole


@dataclass(frozen=True)
class ArchWall:
    """The outer surface of one row of teeth, as a radius over angle and height about a vertical axis.

    Attributes:
        axis: z of the axis (its x is 0).
        lowest: height of the first row of ``radius``.
        radius: ``[ANGLE_BINS, H]``; 0 where there is no tooth.
    """

    axis: float
    lowest: float
    radius: Array

    @classmethod
    def of(cls, teeth: Array) -> "ArchWall":
        """The wall of posed points of teeth ``[N, 3]``, as dense as ``on_triangles`` has them."""
        axis = float(teeth[:, 2].mean())
        lowest = float(teeth[:, 1].min())
        heights = int((teeth[:, 1].max() - lowest) / HEIGHT_STEP) + 2
        angle, height, distance = _cylinder(teeth, axis, lowest)
        radius = np.zeros((ANGLE_BINS, heights))
        front = np.abs(angle - ANGLE_BINS // 2) <= ANGLE_BINS // 2
        np.maximum.at(radius, (angle[front].round().astype(int), height[front].round().astype(int)), distance[front])
        # Points are sparser than bins, and lips lie on the arch as on a splint, not between the teeth.
        return cls(axis, lowest, maximum_filter(radius, size=(5, 3)))

    @property
    def frame(self) -> ArchFrame:
        """Where the wall is."""
        return ArchFrame(self.axis, self.lowest)

    def chamfered(self) -> "ArchWall":
        """The wall with a steep slope above and below it, so that what glides over its edge does not jump."""
        tooth = np.where(self.radius > 0.0, self.radius, -np.inf)
        tooth = np.pad(tooth, ((0, 0), (CHAMFER, CHAMFER)), constant_values=-np.inf)
        height = HEIGHT_STEP * np.arange(tooth.shape[1])
        sloping = (tooth[:, None, :] - SLOPE * np.abs(height[:, None] - height)).max(axis=2)
        return ArchWall(self.axis, self.lowest - CHAMFER * HEIGHT_STEP, np.maximum(sloping, 0.0))

    def push_out(self, posed: Array, lips: Indices, followers: Indices, film: float) -> None:
        """Move lips that lie within the wall in front of it by a film, in place, and what lies around them along.

        Args:
            posed: one posed head ``[V, 3]``.
            lips: vertices that must not be inside.
            followers: vertices that move along.
            film: head units kept between wall and lips.
        """
        depth, angle, height, _ = self._depth(posed[lips], film)
        touching = depth > 0.0
        if not touching.any():
            return
        push = np.zeros((ANGLE_BINS, self.radius.shape[1] + 24))
        rows = np.clip(height[touching].round().astype(int) + 12, 0, push.shape[1] - 1)
        np.maximum.at(push, (angle[touching].round().astype(int), rows), depth[touching])
        push = gaussian_filter(maximum_filter(push, size=(7, 7)), 2.0)
        angle, height, distance = _cylinder(posed[followers], self.axis, self.lowest)
        amount = map_coordinates(push, [angle, height + 12.0], order=1, cval=0.0)
        wall = map_coordinates(self.radius.max(axis=1), [angle], order=1, cval=0.0)
        away = np.maximum(distance - wall, 0.0)
        in_front = distance > wall - BEHIND
        _move_out(posed, followers, self.axis, amount * in_front * np.exp(-((away / LIP_THICKNESS) ** 2)))
        # The smooth push leaves a little; the lips themselves go all the way.
        depth, _, _, _ = self._depth(posed[lips], film)
        _move_out(posed, lips, self.axis, np.maximum(depth, 0.0))

    def _depth(self, points: Array, film: float) -> tuple[Array, Array, Array, Array]:
        """How deep points ``[N, 3]`` are behind the front of the wall (0: not), and where they are."""
        angle, height, distance = _cylinder(points, self.axis, self.lowest)
        wall = map_coordinates(self.radius, [angle, height], order=1, cval=0.0)
        depth = wall + film - distance
        depth[(wall < 0.5 * self.radius.max()) | (depth > BEHIND) | (points[:, 2] < self.axis)] = 0.0
        return np.asarray(depth), angle, height, distance


def facing_out(head: Array, triangles: Indices) -> Indices:
    """Those of a row of teeth's triangles ``[F, 3]`` on a head ``[V, 3]`` that face away from the tongue."""
    corners = head[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    axis = np.array([0.0, 0.0, head[np.unique(triangles), 2].mean()])
    outwards = normals * (corners.mean(axis=1) - axis)
    return np.asarray(triangles[outwards[:, 0] + outwards[:, 2] > 0.0])


def on_triangles(head: Array, triangles: Indices) -> Array:
    """Points ``[N, 3]`` spread over triangles ``[F, 3]`` of a head ``[V, 3]``: teeth have vertices 4 mm apart."""
    return np.asarray(np.einsum("pc,fcx->pfx", BETWEEN_CORNERS, head[triangles]).reshape(-1, 3))


def _cylinder(points: Array, axis: float, lowest: float) -> tuple[Array, Array, Array]:
    """Angle and height ``[N]`` in bins, and distance from the axis ``[N]``."""
    angle = np.arctan2(points[:, 0], points[:, 2] - axis)
    bins = (angle / reach(ANGLE_BINS) + 1.0) * 0.5 * (ANGLE_BINS - 1)
    return bins, (points[:, 1] - lowest) / HEIGHT_STEP, np.hypot(points[:, 0], points[:, 2] - axis)


def _move_out(posed: Array, vertices: Indices, axis: float, amount: Array) -> None:
    outwards = posed[vertices] * [1.0, 0.0, 1.0] - [0.0, 0.0, axis]
    outwards /= np.maximum(np.linalg.norm(outwards, axis=1, keepdims=True), 1e-9)
    posed[vertices] += outwards * amount[:, None]
