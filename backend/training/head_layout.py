"""Where things are on the training heads: landmarks, measuring points, and the basis of expression codes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.head.head import MEASURING_POINTS
from training.ict_heads import IctHeads
from training.ict_landmarks import IBUG_VERTICES, UNITS_PER_CENTIMETRE
from training.quad_loops import QuadLoops, mouth_loop
from training.rig import RIG_CONTROLS
from training.rims import LIP_LOOPS, RimGrid
from training.training_heads import CODE_SIZE_IDENTITY, TrainingHeads

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

MEASURING_VERTICES = {
    "inner_lip_upper": IBUG_VERTICES[62],
    "inner_lip_lower": IBUG_VERTICES[66],
    "mouth_corner_left": IBUG_VERTICES[64],
    "mouth_corner_right": IBUG_VERTICES[60],
    "chin": IBUG_VERTICES[8],
}
EAR_VERTICES = {
    **{"ear_top_left": 6864, "ear_back_left": 7238, "ear_bottom_left": 7119, "ear_tragus_left": 6754},
    **{"ear_top_right": 7591, "ear_back_right": 7965, "ear_bottom_right": 7846, "ear_tragus_right": 7481},
}
SPREAD_POINTS = 160
EYEBALL_POINTS = 80
LID_POINTS = 24  # along either rim of an eye opening
CODE_ENERGY_KEPT = 0.999999  # of the weighted displacement of all rig controls
UNIT_POSE = ("jawOpen", 0.2)  # a pose of this size has a code of norm 1


@dataclass(frozen=True)
class HeadLayout:
    """Where things are on a family of training heads, as indices of their vertices.

    Attributes:
        landmarks: vertices by landmark name.
        measuring_points: vertices of ``facetalk.head.head.MEASURING_POINTS``, in that order.
        outer_eyes: vertices of the outer eye corners, left and right.
        eyeballs: some vertices of either eyeball's surface, left and right ``[2, K]``.
        gaze: unit directions in which they look at rest ``[2, 3]``.
        rims: lips and lids, by the names of ``facetalk.head.contact.RIMS``.
        importance: weight of every vertex ``[V]`` in expression codes and in training; 0 where it is not used.
        rig_to_code: the linear map ``[R, E]`` from rig weights to expression codes.
    """

    landmarks: dict[str, int]
    measuring_points: Indices
    outer_eyes: tuple[int, int]
    eyeballs: Indices
    gaze: Array
    rims: dict[str, RimGrid]
    importance: Array
    rig_to_code: Array


def lay_out(heads: IctHeads) -> HeadLayout:
    """The layout of ICT-FaceKit."""
    landmarks = landmark_vertices(heads)
    named = {**landmarks, **MEASURING_VERTICES}
    importance = vertex_importance(heads)
    return HeadLayout(
        landmarks=landmarks,
        measuring_points=np.array([named[name] for name in MEASURING_POINTS]),
        outer_eyes=(IBUG_VERTICES[45], IBUG_VERTICES[36]),
        eyeballs=np.stack([_some(heads.eyes[side]) for side in ("left", "right")]),
        gaze=np.stack([heads.gaze(heads.neutral, side) for side in ("left", "right")]),
        rims=heads.rims,
        importance=importance,
        rig_to_code=code_basis(heads, importance),
    )


def landmark_vertices(heads: IctHeads) -> dict[str, int]:
    """Landmarks by name: ``ibug_*``, points of ears, lids and skull, curves of lips and lids, ``skin_*`` in between."""
    named = {f"ibug_{index:02d}": vertex for index, vertex in enumerate(IBUG_VERTICES)}
    named.update(EAR_VERTICES)
    face = np.arange(11248)
    x, y, _ = heads.neutral[face].T
    middle = face[(np.abs(x) < 1e-3) & (y > -0.1)]
    named["crown"] = int(middle[heads.neutral[middle, 1].argmax()])
    named["occiput"] = int(middle[heads.neutral[middle, 2].argmin()])
    for side in ("left", "right"):
        first = 42 if side == "left" else 36
        upper, lower = ((first + 1, first + 2), (first + 4, first + 5))
        for name, pair in ((f"upper_lid_{side}", upper), (f"lower_lid_{side}", lower)):
            middle_of_lid = heads.neutral[[IBUG_VERTICES[index] for index in pair]].mean(axis=0)
            near = face[np.linalg.norm(heads.neutral[face] - middle_of_lid, axis=1) < 0.3 * UNITS_PER_CENTIMETRE]
            rim = near[np.linalg.norm(heads.neutral[near] - middle_of_lid, axis=1).argsort()]
            named[name] = int(rim[0])
    named.update(curve_vertices(heads))
    named.update({f"skin_{index:03d}": int(vertex) for index, vertex in enumerate(spread_vertices(heads))})
    return named


def curve_vertices(heads: IctHeads) -> dict[str, int]:
    """Landmarks along the curves a face is read by: three loops of the lips, and both rims of every eye opening."""
    named = {}
    loops = QuadLoops(heads.skin_quads)
    for number, (upper, lower) in enumerate(LIP_LOOPS):
        loop = mouth_loop(loops, heads.neutral, upper, lower)
        named.update({f"lips_{number}_{index:02d}": vertex for index, vertex in enumerate(loop)})
    average = np.zeros(CODE_SIZE_IDENTITY)
    canonical = heads.canonical(average, heads.calibrate(average))
    skin = heads.vertices_of["skin"]
    tree = cKDTree(canonical[skin])
    for side, name in (("left", "lids_left"), ("right", "lids_right")):
        contours = heads.eye_opening(canonical, side)
        rim = np.concatenate([contour[:: max(1, len(contour) // LID_POINTS)] for contour in contours])
        vertices = np.unique(skin[tree.query(rim)[1]])
        named.update({f"{name}_{index:02d}": int(vertex) for index, vertex in enumerate(vertices)})
    return named


def spread_vertices(heads: IctHeads) -> Indices:
    """Skin vertices spread evenly over the head, by farthest points: where landmarks leave gaps, these guide a warp."""
    skin = heads.vertices_of["skin"]
    candidates = skin[heads.neutral[skin, 1] > -0.60]
    positions = heads.neutral[candidates]
    chosen = [0]
    distance = np.linalg.norm(positions - positions[0], axis=1)
    for _ in range(SPREAD_POINTS - 1):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(positions - positions[chosen[-1]], axis=1))
    return candidates[chosen]


def code_basis(heads: TrainingHeads, importance: Array) -> Array:
    """The linear map ``[R, E]`` from rig weights to expression codes.

    Codes are principal coordinates of the weighted vertex displacement of all controls, so that the distance of two
    codes is a distance of faces, with lips, lids and their surroundings counted more.
    """
    average = np.zeros(CODE_SIZE_IDENTITY)
    moved = heads.linear_controls(average, heads.calibrate(average), np.arange(len(importance)))
    flat = (moved * np.sqrt(importance)[None, :, None]).reshape(len(RIG_CONTROLS), -1)
    left, singular, _ = np.linalg.svd(flat, full_matrices=False)
    kept = int(np.searchsorted(np.cumsum(singular**2) / np.sum(singular**2), CODE_ENERGY_KEPT)) + 1
    basis = left[:, :kept] * singular[:kept]
    name, amount = UNIT_POSE
    return np.asarray(basis / (amount * np.linalg.norm(basis[RIG_CONTROLS.index(name)])))


def vertex_importance(heads: IctHeads) -> Array:
    """Weight of every kit vertex ``[V]`` in expression codes and in training: lips and lids 6, hidden shells 0."""
    weight = np.zeros(len(heads.neutral))
    for vertices in heads.vertices_of.values():
        weight[vertices] = 1.0
    weight[heads.vertices_of["eyeballs"]] = 0.5
    for band in (heads.lips, *heads.lids.values()):
        weight[band.upper] = 6.0
        weight[band.lower] = 6.0
    return weight / weight.sum()


def _some(vertices: Indices) -> Indices:
    return vertices[:: len(vertices) // EYEBALL_POINTS][:EYEBALL_POINTS]
