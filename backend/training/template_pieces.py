"""The pieces of a template: quad meshes of the head's parts with UVs, materials and colours."""

from dataclasses import dataclass

import igl
import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.evaluation.crossings import sphere
from facetalk.head.head import Head
from facetalk.head.meshing import TriangleMesh, marching_cubes
from facetalk.topology.quad_opening import opened_everywhere, settled_again
from facetalk.topology.quad_relaxation import relax
from training.brow_fronts import brow_fronts
from training.ict_heads import IctHeads
from training.quad_coarsening import QuadSheet
from training.quad_parts import EyeballGrid, eyeball, voxel_quads
from training.quad_strips import without_triangles
from training.skin_fit import SkinFit, closed_mouth, mouth_lining
from training.template_detail import Detail
from training.template_identities import average_surface, carries, settling, with_tongues
from training.template_paint import paint_skin
from training.template_skin import SkinMesh, coarser, finer, fitted_skin, settled
from training.tongue_sheet import apart, tongue_of
from training.tooth_contacts import touching
from training.tooth_crowns import tooth_crowns
from training.tooth_walls import side_walls
from training.training_heads import BROWS, PARTS
from training.untangling import untangled

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

PARTS_WITH_BROWS = (*PARTS, BROWS)
MOUTH = "mouth"
THROAT = -0.06  # head units: what of a coarser mouth is farther back is left out, for none of it is seen
BROW_QUADS = 1800
CREVICE = 0.0008  # head units (0.2 mm) from the surface
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


@dataclass
class Piece:
    """A quad mesh on its way into the template; fields as in ``facetalk.topology.template.Template``."""

    vertices: Array
    quads: Indices
    uv: Array
    part: int
    materials: NDArray[np.str_]
    colors: Array


def template_pieces(fit: SkinFit, head: Head, detail: Detail, resolution: int) -> tuple[list[Piece], SkinMesh]:
    """All pieces of a template, the skin first, and the skin as it was made."""
    heads, canonical = fit.heads, fit.canonical
    skin = _skin(fit, head, detail)
    colors = paint_skin(closed_mouth(fit, skin.vertices), heads.neutral, mouth_lining(fit, skin.vertices))
    pieces = [Piece(skin.vertices, skin.quads, skin.uv, 0, np.full(len(skin.quads), "skin"), colors)]
    pieces += [_eyeball_piece(head, canonical, heads, side, detail.eyeball) for side in ("left", "right")]
    parts = {row: _teeth(head, fit, row, detail) for row in ("upper_teeth", "lower_teeth")}
    parts |= {"mouth": _gums_and_tongue(head, fit, detail.mouth_quads)}
    parts |= {BROWS: _brows(head, resolution, detail.brow)}
    pieces += [_part_piece(part, *mesh) for part, mesh in parts.items()]
    return pieces, skin


def _skin(fit: SkinFit, head: Head, detail: Detail) -> SkinMesh:
    skin = fitted_skin(fit, head)
    if detail.skin_quads is not None:
        skin = coarser(skin, detail.skin_quads, fit)
    skin = settled(skin, fit, head, detail.dipping)
    return finer(skin, head, fit) if detail.finer_skin else skin


def _brows(head: Head, resolution: int, grid: tuple[int, int] | None) -> tuple[Array, Indices]:
    """Both brows of the average neural head: remeshed by voxels and settled on their surface, or their fronts alone."""
    surface = average_surface(head, BROWS)
    mesh = marching_cubes(lambda points: surface(points)[0], head.box, resolution)
    if grid is not None:
        return brow_fronts(mesh, *grid, settling(head, BROWS))
    vertices, faces = voxel_quads(*components(mesh, 2), BROW_QUADS)
    return relax(vertices, faces, surface), faces


def _gums_and_tongue(head: Head, fit: SkinFit, quads: int | None) -> tuple[Array, Indices]:
    """The kit's own sheet of gums, palate and tongue in quads alone, settled on the average neural head."""
    faces = fit.heads.mouth_quads
    used, compact = np.unique(faces[faces >= 0], return_inverse=True)
    rows = np.full(faces.shape, -1)
    rows[faces >= 0] = compact
    start, sheet = without_triangles(fit.canonical[used], rows)
    settled = untangled(relax(start, sheet, average_surface(head, MOUTH), two_sided=True), sheet, start)
    if quads is not None:
        settled, sheet = _coarser_sheet(head, settled, sheet, quads)
    return apart(settled, sheet, tongue_of(settled, sheet)), sheet


def _coarser_sheet(head: Head, vertices: Array, faces: Indices, quads: int) -> tuple[Array, Indices]:
    mouth = faces[(vertices[faces][:, :, 2] > THROAT).all(axis=1)]
    whole = QuadSheet(vertices, mouth, vertices, mouth, (), np.empty((0, 2), np.int64), None, np.arange(len(vertices)))
    folded = whole.coarsened(quads, lambda points: np.ones(len(points)))
    used, compact = np.unique(folded.quads, return_inverse=True)
    start, sheet = settling(head, MOUTH)(folded.vertices[used]), compact.reshape(-1, 4)
    landed = relax(start, sheet, average_surface(head, MOUTH), two_sided=True)
    places = [*carries(head, MOUTH), *with_tongues(head, MOUTH)]
    opened = opened_everywhere(landed, sheet, places)
    return settled_again(opened, sheet, places, settling(head, MOUTH)), sheet


def _teeth(head: Head, fit: SkinFit, row: str, detail: Detail) -> tuple[Array, Indices]:
    """The crowns of a row of teeth of the average neural head."""
    surface = average_surface(head, row)

    def distance(points: Array) -> Array:
        return surface(torch.from_numpy(points).float())[0].double().numpy()

    vertices, quads = tooth_crowns(fit.heads, fit.canonical, row, distance, detail.tooth_sides, detail.whole_teeth)
    landed = settling(head, row)(vertices)
    if detail.whole_teeth:  # which meet their neighbours in the crevices
        return settled_again(untangled(landed, quads), quads, carries(head, row), settling(head, row)), quads
    # Deep between two teeth there is no surface to lie on, and nothing to be seen.
    quads = quads[(np.linalg.norm(landed - vertices, axis=1) < CREVICE)[quads].all(axis=1)]
    used, compact = np.unique(quads, return_inverse=True)
    quads = compact.reshape(-1, 4)
    upper = row == "upper_teeth"
    beside = touching(untangled(vertices[used], quads), quads, upper)
    return beside, np.concatenate([quads, side_walls(beside, quads, upper)])


def _eyeball_piece(head: Head, canonical: Array, heads: IctHeads, side: str, grid: EyeballGrid) -> Piece:
    centre, radius = sphere(canonical[heads.eyes[side]])
    ball, quads, materials, uv = eyeball(centre, radius, heads.gaze(canonical, side), grid)
    # The rings of pupil and iris are round: they only gain the neural eyeball's bulge.
    vertices = settling(head, "eyeballs")(ball)
    colors = np.tile(PART_COLORS["sclera"], (len(vertices), 1))
    for name in ("iris", "pupil"):
        colors[np.unique(quads[materials == name])] = PART_COLORS[name]
    return Piece(vertices, quads, uv[quads], PARTS.index("eyeballs"), materials, colors)


def _part_piece(part: str, vertices: Array, quads: Indices) -> Piece:
    materials = np.full(len(quads), PART_MATERIALS[part])
    if part == "mouth":
        materials = np.where(tongue_of(vertices, quads)[quads].mean(axis=1) > 0.5, "tongue", "gums")
    colors = np.tile(PART_COLORS["gums"], (len(vertices), 1))
    for name in np.unique(materials):
        colors[np.unique(quads[materials == name])] = PART_COLORS[name]
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    flat = (vertices - low)[:, [0, 2]] / (high - low)[[0, 2]]
    return Piece(vertices, quads, 0.02 + 0.96 * flat[quads], PARTS_WITH_BROWS.index(part), materials, colors)


def components(mesh: TriangleMesh, count: int) -> tuple[Array, Indices]:
    """The largest connected components of a mesh: vertices ``[V, 3]`` and triangles ``[F, 3]``."""
    labels = igl.facet_components(mesh.triangles)
    labels = np.asarray(labels[1] if isinstance(labels, tuple) else labels).ravel()
    largest = np.bincount(labels).argsort()[::-1][:count]
    triangles = mesh.triangles[np.isin(labels, largest)]
    used, compact = np.unique(triangles, return_inverse=True)
    return mesh.vertices[used], compact.reshape(-1, 3)
