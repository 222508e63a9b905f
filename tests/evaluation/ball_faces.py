"""Held-out heads made of balls, and a neural head that knows them: every distance on them is known."""

from dataclasses import dataclass

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray
from torch import Tensor

from facetalk.evaluation.contact import ContactBand
from facetalk.evaluation.held_out_heads import BANDS, PARTS, POSE_KINDS, REGIONS, HeadShapes, HeldOutHeads
from facetalk.head.parametric_head import DistanceField, Posed

Array = NDArray[np.float64]

CENTRES = {
    "skin": [(0.0, 0.0, -0.2)],
    "eyeballs": [(0.1, 0.1, 0.1), (-0.1, 0.1, 0.1)],
    "upper_teeth": [(0.0, -0.13, 0.05)],
    "lower_teeth": [(0.0, -0.19, 0.05)],
}
RADII = {"skin": 0.3, "eyeballs": 0.05, "upper_teeth": 0.025, "lower_teeth": 0.025}
GROWTH = 0.01  # of the skin, per unit of the first shape weight
RIMS = {"lips": (0.0, -0.16, 0.12, 0.08), "lids_left": (0.1, 0.1, 0.16, 0.04), "lids_right": (-0.1, 0.1, 0.16, 0.04)}
RIM_POINTS = 60
IDENTITIES = 2
CONTROLS = ("right", "up", "forwards")  # by a head unit at weight 1


def ball_faces() -> HeldOutHeads:
    """Two identities of either group that rest in every pose; rims are two rows of free vertices that just meet."""
    vertices: list[Array] = []
    parts: list[NDArray[np.int64]] = []
    triangles: dict[str, NDArray[np.int64]] = {}
    for index, part in enumerate(PARTS):
        ball = trimesh.creation.icosphere(subdivisions=4 if part == "skin" else 2, radius=RADII[part])
        faces = []
        for centre in CENTRES[part]:
            faces.append(ball.faces + sum(len(part) for part in vertices))
            vertices.append(ball.vertices + np.array(centre))
            parts.append(np.full(len(ball.vertices), index))
        triangles[part] = np.concatenate(faces).astype(np.int64)
    balls = sum(len(part) for part in vertices)
    bands = {}
    for number, (x, y, z, reach) in enumerate(RIMS.values()):
        row = np.tile(np.linspace(x - reach, x + reach, RIM_POINTS), 2)
        vertices.append(np.stack([row, np.full_like(row, y), np.full_like(row, z)], axis=1))
        parts.append(np.zeros(len(row), dtype=np.int64))
        first = balls + number * len(row)
        upper = np.arange(first, first + RIM_POINTS)
        bands[BANDS[number]] = ContactBand(upper, upper + RIM_POINTS, (first, first + RIM_POINTS - 1))
    points, part_of_vertex = np.concatenate(vertices), np.concatenate(parts)
    codes = np.array([[0.5, 0.0], [-0.5, 0.0]], dtype=np.float32)
    canonical = np.stack([grown(points, part_of_vertex, balls, code[0]) for code in codes]).astype(np.float32)
    return HeldOutHeads(
        held_out=HeadShapes(codes, canonical),
        trained=HeadShapes(codes[::-1].copy(), canonical[::-1].copy()),
        pose_kinds=POSE_KINDS,
        weights=np.zeros((IDENTITIES, len(POSE_KINDS), len(CONTROLS)), dtype=np.float32),
        posed=np.repeat(canonical[:, None], len(POSE_KINDS), axis=1),
        rig_controls=CONTROLS,
        part_of_vertex=part_of_vertex,
        triangles=triangles,
        regions=_regions(points, part_of_vertex, bands),
        bands=bands,
    )


def grown(points: Array, part_of_vertex: NDArray[np.int64], balls: int, weight: float) -> Array:
    """The points of an identity; rims do not grow."""
    centre = np.array(CENTRES["skin"][0])
    skin = (part_of_vertex == 0) & (np.arange(len(points)) < balls)
    return np.where(skin[:, None], centre + (1.0 + GROWTH * weight) * (points - centre), points)


def _regions(
    points: Array, part_of_vertex: NDArray[np.int64], bands: dict[str, ContactBand]
) -> dict[str, NDArray[np.bool_]]:
    skin = part_of_vertex == 0
    rims = {name: np.isin(np.arange(len(points)), np.r_[band.upper, band.lower]) for name, band in bands.items()}
    lids = rims["lids_left"] | rims["lids_right"]
    found = {
        "outer_skin": skin.copy(),
        "head": skin.copy(),
        "face": skin & (points[:, 2] > -0.2),
        "lips": rims["lips"],
        "lids": lids,
    }
    return {name: found.get(name, np.zeros_like(skin)) for name in REGIONS}


@dataclass(frozen=True)
class ShiftedPoints:
    points: Tensor
    error: Tensor

    def pose(self, expressions: Tensor) -> Posed:
        posed = self.points + expressions[:, None] + self.error
        return Posed(posed, torch.ones(posed.shape[:2], dtype=torch.bool))

    def subset(self, indices: Tensor) -> "ShiftedPoints":
        return ShiftedPoints(self.points[indices], self.error)


class BallHead:
    """The neural head of the ball faces.

    Args:
        error: how far off every posed point is, head units ``[3]``.
        swelling: how much larger the skin's ball is than the true one, head units.
    """

    device = torch.device("cpu")
    parts: tuple[str, ...] = ("hair", *PARTS)
    box = torch.tensor([[-0.55, -0.50, -0.95], [0.55, 0.75, 0.40]])
    identity_size = 3
    shape_size = 2
    expression_size = 3

    def __init__(self, error: tuple[float, float, float] = (0.0, 0.0, 0.0), swelling: float = 0.0) -> None:
        self.error, self.swelling = torch.tensor(error), swelling
        self.config = {"rig_controls": list(CONTROLS)}

    def rig_to_code(self) -> Tensor:
        return torch.eye(3)

    def anchors(self, identity: Tensor) -> Tensor:
        return torch.zeros(1, 3)

    def signed_distance(self, points: Tensor, identity: Tensor, wanted: Tensor | None = None) -> Tensor:
        assert identity[2] == 0.0, "bald"
        balls = [self._distance(points, part) for part in PARTS]
        balls[0] = balls[0] - RADII["skin"] * GROWTH * identity[0] - self.swelling
        distances = torch.stack([torch.ones(len(points)), *balls], dim=1)
        return distances if wanted is None else distances.masked_fill(~wanted, torch.inf)

    def distance_field(self, identity: Tensor) -> DistanceField:
        return lambda points, wanted: self.signed_distance(points, identity, wanted)

    def identity_prior(self, identity: Tensor) -> Tensor:
        return identity.square().mean()

    def prepare(self, points: Tensor, parts: Tensor, identity: Tensor, mobility: Tensor | None = None) -> ShiftedPoints:
        assert mobility is None
        assert set(parts.tolist()) == {1, 2, 3, 4}
        return ShiftedPoints(points, self.error)

    def _distance(self, points: Tensor, part: str) -> Tensor:
        each = [(points - torch.tensor(centre)).norm(dim=1) - RADII[part] for centre in CENTRES[part]]
        return torch.stack(each).amin(dim=0)
