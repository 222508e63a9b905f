"""A family of heads made of balls: the smallest thing that head training can learn."""

import numpy as np

from facetalk.head.contact import RIMS
from facetalk.head.head import MEASURING_POINTS
from training.head_layout import HeadLayout, code_basis
from training.quad_parts import box_sphere
from training.rig import RIG_CONTROLS
from training.rims import RimGrid
from training.sculptures import Sculptures
from training.shape_samples import Surface
from training.training_heads import PARTS, Array, Calibration, Indices

SIDE = 4
CENTRES = {
    "skin": (0.0, 0.0, -0.2),
    "eyeballs": (0.1, 0.1, 0.0),
    "upper_teeth": (0.0, -0.10, 0.0),
    "lower_teeth": (0.0, -0.16, 0.0),
    "mouth": (0.0, -0.13, -0.1),
}
RADII = {"skin": 0.3, "eyeballs": 0.05, "upper_teeth": 0.03, "lower_teeth": 0.03, "mouth": 0.05}
HAIR_RADII = {"short": 0.32, "long": 0.4}
GROWTH = 0.05  # of all balls, per unit of the first identity weight


class BallHeads:
    """Five balls; the first identity weight makes all of them larger, every control shifts one of them."""

    def __init__(self) -> None:
        directions, quads = box_sphere(SIDE)
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        size = len(directions)
        self.rest = np.concatenate([np.array(CENTRES[part]) + RADII[part] * directions for part in PARTS])
        self.vertices_of: dict[str, Indices] = {
            part: np.arange(size) + index * size for index, part in enumerate(PARTS)
        }
        self.triangles_of: dict[str, Indices] = {part: triangles + self.vertices_of[part][0] for part in PARTS}
        shifts = np.random.default_rng(0).normal(0.0, 0.02, (len(RIG_CONTROLS), len(PARTS), 3))
        self.controls: Array = np.repeat(shifts, size, axis=1)

    def calibrate(self, code: Array) -> Calibration:
        return Calibration(0.0, 1.0, 1.0)

    def canonical(self, code: Array, calibration: Calibration) -> Array:
        return self.rest * (1.0 + GROWTH * code[0])

    def pose(self, code: Array, calibration: Calibration, weights: Array) -> Array:
        moved = np.tensordot(weights, self.controls, axes=1)
        return np.asarray(self.canonical(code, calibration) + moved)

    def linear_controls(self, code: Array, calibration: Calibration, vertices: Indices) -> Array:
        return self.controls[:, vertices]


def ball_layout(heads: BallHeads) -> HeadLayout:
    """Any vertices for landmarks and measuring points."""
    skin = heads.vertices_of["skin"]
    position = heads.rest[skin]
    left, right = int(skin[position[:, 0].argmax()]), int(skin[position[:, 0].argmin()])
    by_height = skin[position[:, 1].argsort()]
    rims = RimGrid(np.stack([by_height[-6:].reshape(2, 3), by_height[:6].reshape(2, 3)]), line=0)  # never in contact
    importance = np.full(len(heads.rest), 1.0 / len(heads.rest))
    return HeadLayout(
        landmarks={f"point_{index}": index for index in range(4)},
        measuring_points=np.arange(len(MEASURING_POINTS)),
        outer_eyes=(left, right),
        eyeballs=np.stack([heads.vertices_of["eyeballs"]] * 2),
        gaze=np.array([[0.0, 0.0, 1.0]] * 2),
        rims=dict.fromkeys(RIMS, rims),
        importance=importance,
        rig_to_code=code_basis(heads, importance),
    )


def ball_sculptures() -> Sculptures:
    """Brows as a ball on the skin, and two hair styles as balls around it."""
    return Sculptures(_ball((0.0, 0.2, 0.0), 0.03), {s: _ball(CENTRES["skin"], r) for s, r in HAIR_RADII.items()})


def ball_distance(points: Array, part: str) -> Array:
    """Exact signed distance ``[N]`` of points to one ball of the mean head."""
    return np.asarray(np.linalg.norm(points - np.array(CENTRES[part]), axis=1) - RADII[part])


def _ball(centre: tuple[float, float, float], radius: float) -> Surface:
    directions, quads = box_sphere(SIDE)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return Surface(np.array(centre) + radius * directions, triangles, np.ones(len(directions)))
