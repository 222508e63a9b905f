"""Fitting MakeHuman's head to the average training head: what the template's skin is made of."""

from dataclasses import dataclass
from functools import cached_property

import igl
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.topology.surface_fit import fit_to_surface, umbrella, warp
from training.head_layout import landmark_vertices
from training.ict_heads import IctHeads, rig_weights
from training.lid_rings import LID_CORNERS, kit_rings, lid_places, lid_rings
from training.makehuman import MakeHuman
from training.quad_loops import QuadLoops, mouth_loop, quarter_position
from training.rims import LIP_LOOPS
from training.training_heads import CODE_SIZE_IDENTITY

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# Midline vertices (upper lip, lower lip) of MakeHuman's edge loops that answer to ``rims.LIP_LOOPS``.
OWN_LIP_LOOPS = ((474, 493), (520, 523), (554, 557))
# Single points: MakeHuman vertex -> landmark of the training heads.
POINTS = {297: "ibug_30", 5072: "ibug_33", 455: "ibug_51", 496: "ibug_57", 132: "ibug_27"}
EARS = {
    "left": {"top": 12012, "back": 12040, "bottom": 12019, "tragus": 12213},
    "right": {"top": 5413, "back": 5441, "bottom": 5420, "tragus": 5616},
}
CHIN_FOLD, CHIN_FRONT = 724, 5162
CUT_BELOW = 54.5  # centimetres: what is kept of MakeHuman before fitting
NECK_PLANE = -0.46  # head units: where the fitted neck ends
STILL, MOBILE = 0.0004, 0.006  # head units: a largest movement under 0.1 mm is none, over 1.5 mm is free
STIFFNESS = [100.0, 30.0, 10.0, 10.0, 3.0, 3.0, 1.0, 1.0, 0.3, 0.3, 0.1, 0.1]


@dataclass(frozen=True)
class Correspondences:
    """Vertices of the MakeHuman head and where they belong on the average head.

    Attributes:
        vertices: ``[N]``.
        places: ``[N, 3]``.
        exact: ``[N]``, whether the vertex belongs exactly there (curves) or only about there (single points, which
            guide the first warp and then give way to the surface).
    """

    vertices: Indices
    places: Array
    exact: NDArray[np.bool_]


class SkinFit:
    """Fits MakeHuman's head to the average training head."""

    def __init__(self, human: MakeHuman, heads: IctHeads) -> None:
        self.heads = heads
        self.average = np.zeros(CODE_SIZE_IDENTITY)
        self.calibration = heads.calibrate(self.average)
        self.canonical = heads.canonical(self.average, self.calibration)
        self.skin = heads.triangles_of["skin"]
        body = (human.group == "body") & (human.vertices[human.quads][:, :, 1].min(axis=1) > CUT_BELOW)
        body &= np.abs(human.vertices[human.quads][:, :, 0]).max(axis=1) < 14.0
        self.human = human
        self.kept, compact = np.unique(human.quads[body], return_inverse=True)
        self.quads: Indices = compact.reshape(-1, 4)
        self.uv = human.uv[human.quads_uv[body]]
        self.start = human.vertices[self.kept]
        self.landmarks = landmark_vertices(heads)
        self.loops, self.kit_loops = QuadLoops(self.quads), QuadLoops(heads.skin_quads)
        self.index = {int(vertex): position for position, vertex in enumerate(self.kept)}

    def fit(self) -> Array:
        """Fitted vertices ``[V, 3]`` in head units; the neck is not yet cut."""
        pairs = self.correspondences
        aligned = _similarity(self.start, self.start[pairs.vertices], pairs.places)
        warped = warp(aligned, aligned[pairs.vertices], pairs.places, smoothing=1e-4)
        pinned = (pairs.vertices[pairs.exact], pairs.places[pairs.exact], 3.0)
        return fit_to_surface(warped, umbrella(self.quads, len(warped)), self._closest, STIFFNESS, pinned)

    def _closest(self, vertices: Array) -> tuple[Array, Array]:
        squared, faces, places = igl.point_mesh_squared_distance(vertices, self.canonical, self.skin)
        facing = igl.per_face_normals(self.canonical, self.skin, np.zeros(3))[faces]
        own = igl.per_vertex_normals(vertices, _triangles(self.quads))
        agree = (own * facing).sum(axis=1) > 0.3
        # A vertex five millimetres or more from what it faces is somewhere else entirely.
        return places, agree * np.exp(-squared / 0.05**2)

    @cached_property
    def correspondences(self) -> Correspondences:
        """What belongs where: lip loops and lid rims exactly, single points about."""
        found: dict[int, Array] = {}
        for (upper, lower), (kit_upper, kit_lower) in zip(OWN_LIP_LOOPS, LIP_LOOPS, strict=True):
            own = mouth_loop(self.loops, self.start, self.index[upper], self.index[lower])
            kit = mouth_loop(self.kit_loops, self.heads.neutral, kit_upper, kit_lower)
            # Arc length is read off the closed mouths, places off the open canonical one.
            position = np.concatenate([quarter_position(self.heads.neutral[kit]), [4.0]])
            closed = self.canonical[[*kit, kit[0]]]
            wanted = quarter_position(self.start[own])
            places = np.stack([np.interp(wanted, position, closed[:, axis]) for axis in range(3)], axis=1)
            found.update(zip(own, places, strict=True))
        for side in ("left", "right"):
            found.update(self._lids(side))
        curves = len(found)
        for side in ("left", "right"):
            found.update(self._ear(side))
        found.update({self.index[own]: self.canonical[self.landmarks[name]] for own, name in POINTS.items()})
        found.update(self._chin())
        middle = np.flatnonzero((np.abs(self.start[:, 0]) < 1e-3) & (self.start[:, 1] > 70.0))
        found[int(middle[self.start[middle, 1].argmax()])] = self.canonical[self.landmarks["crown"]]
        found[int(middle[self.start[middle, 2].argmin()])] = self.canonical[self.landmarks["occiput"]]
        exact = np.arange(len(found)) < curves
        return Correspondences(np.array(list(found)), np.stack(list(found.values())), exact)

    def _lids(self, side: str) -> dict[int, Array]:
        """The rings about one eye's opening, corner to corner, on those of the kit."""
        inner, outer = (self.index[corner] for corner in LID_CORNERS[side])
        rings = lid_rings(self.loops, self.start, inner, outer)
        kit, kit_outer = kit_rings(self.heads, side)
        places = lid_places(self.start, rings, outer, self.canonical[kit], kit_outer)
        return dict(zip(rings.ravel().tolist(), places.reshape(-1, 3), strict=True))

    def _ear(self, side: str) -> dict[int, Array]:
        return {
            self.index[own]: self.canonical[self.landmarks[f"ear_{name}_{side}"]] for name, own in EARS[side].items()
        }

    def _chin(self) -> dict[int, Array]:
        """The fold under the lower lip and the foremost point of the chin, read off the kit's midline profile."""
        neutral = self.heads.neutral[: len(self.canonical)]
        profile = np.flatnonzero((np.abs(neutral[:, 0]) < 1e-3) & (neutral[:, 2] > 0.15) & (neutral[:, 1] < -0.25))
        profile = profile[np.isin(profile, np.unique(self.skin))]
        profile = profile[neutral[profile, 1].argsort()[::-1]]
        fold = profile[neutral[profile, 2][: len(profile) // 2].argmin()]
        below = profile[neutral[profile, 1] < neutral[fold, 1]]
        front = below[neutral[below, 2].argmax()]
        return {self.index[CHIN_FOLD]: self.canonical[fold], self.index[CHIN_FRONT]: self.canonical[front]}


def cut_neck(fit: SkinFit, vertices: Array) -> tuple[Array, NDArray[np.bool_]]:
    """End the neck at a plane: drop the quads that reach below it, and let the new edge slide along the skin onto it.

    Returns:
        Vertices ``[V, 3]``, all of the fit's, and which quads are kept ``[Q]``.
    """
    kept = (vertices[fit.quads][:, :, 1] > NECK_PLANE).all(axis=1)
    quads = fit.quads[kept]
    edges = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    rim = np.unique(unique[count == 1])
    moved = vertices.copy()
    for _ in range(8):
        moved[rim, 1] = NECK_PLANE
        moved[rim] = igl.point_mesh_squared_distance(moved[rim], fit.canonical, fit.skin)[2]
    moved[rim, 1] = NECK_PLANE
    return moved, kept


def closed_mouth(fit: SkinFit, skin: Array) -> Array:
    """Skin vertices as they lie on the neutral face: carried by the nearest kit vertices."""
    neutral = fit.heads.pose(fit.average, fit.calibration, rig_weights({})[None])[0]
    kit = fit.heads.vertices_of["skin"]
    distance, nearest = cKDTree(fit.canonical[kit]).query(skin, k=4)
    weight = 1.0 / (distance + 1e-6)
    weight /= weight.sum(axis=1, keepdims=True)
    offset = (neutral - fit.canonical)[kit][nearest]
    return np.asarray(skin + (offset * weight[..., None]).sum(axis=1))


def mouth_lining(fit: SkinFit, skin: Array) -> NDArray[np.bool_]:
    """Which skin vertices ``[V]`` line the inside of the mouth."""
    kit = fit.heads.vertices_of["skin"]
    nearest = kit[cKDTree(fit.canonical[kit]).query(skin)[1]]
    return np.isin(nearest, fit.heads.mouth_socket)


def skin_mobility(fit: SkinFit, skin: Array) -> Array:
    """How far expressions may move every skin vertex ``[V]``: 0 where no control of the kit moves anything, else 1.

    Between, it grows with the largest movement of the nearest kit vertices.
    """
    kit = fit.heads.vertices_of["skin"]
    reach = np.linalg.norm(fit.heads.controls[:, kit], axis=-1).max(axis=0)
    distance, nearest = cKDTree(fit.canonical[kit]).query(skin, k=4)
    weight = 1.0 / (distance + 1e-6)
    largest = (reach[nearest] * weight).sum(axis=1) / weight.sum(axis=1)
    share = np.clip((largest - STILL) / (MOBILE - STILL), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


def skin_landmarks(fit: SkinFit, skin: Array, rows: dict[int, int], lids: dict[str, Indices]) -> dict[str, int]:
    """Skin vertices that measures and rigs read: inner lips, mouth corners, lids, outer eye corners, chin, nose.

    Args:
        fit: the fit that the skin comes from.
        skin: vertices ``[V, 3]``.
        rows: of MakeHuman's vertices in ``skin``.
        lids: the edge loop about either eye's opening.
    """
    upper, lower = OWN_LIP_LOOPS[0]
    loop = mouth_loop(fit.loops, fit.start, fit.index[upper], fit.index[lower])
    lips = np.array([rows[int(fit.kept[vertex])] for vertex in loop])
    named = {
        "inner_lip_upper": rows[upper],
        "inner_lip_lower": rows[lower],
        "mouth_corner_left": int(lips[skin[lips, 0].argmax()]),
        "mouth_corner_right": int(lips[skin[lips, 0].argmin()]),
        "nose_tip": rows[297],
        "chin": rows[CHIN_FRONT],
    }
    for side, outward in (("left", 1.0), ("right", -1.0)):
        edge = lids[side]
        corner = edge[(outward * skin[edge, 0]).argmax()]
        named[f"outer_eye_{side}"] = int(corner)
        middle = fit.canonical[fit.heads.eyes[side]].mean(axis=0)[0]
        height = skin[edge, 1] - skin[edge, 1].mean()
        above, below = edge[height > 0], edge[height < 0]
        upper = above[np.abs(skin[above, 0] - middle).argmin()]
        # A blink draws the lower lid inwards: the vertex that will meet the upper one lies farther out.
        beyond = outward * (skin[below, 0] - skin[upper, 0])
        lower = below[np.where(beyond >= 0.0, beyond, np.inf).argmin()]
        named |= {f"upper_lid_{side}": int(upper), f"lower_lid_{side}": int(lower)}
    return named


def _similarity(points: Array, source: Array, target: Array) -> Array:
    """Carry points along by the similarity that best takes ``source`` to ``target`` (Umeyama, 1991)."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    left, singular, right = np.linalg.svd(a.T @ b)
    turn = left @ np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))]) @ right
    scale = singular.sum() / (a**2).sum()
    return np.asarray((points - source.mean(axis=0)) @ turn * scale + target.mean(axis=0))


def _triangles(quads: Indices) -> Indices:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
