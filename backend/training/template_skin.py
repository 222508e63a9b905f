"""The template's skin: MakeHuman's head fitted, made coarser or finer, and settled on the neural surface."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.evaluation.crossings import sphere
from facetalk.head.contact import LIDS, LIPS
from facetalk.head.head import Head
from facetalk.topology.quad_relaxation import Guide, Surface, part_surface, project, relax
from training.eye_sockets import behind_lids, hidden_border, socket_quads
from training.quad_coarsening import QuadSheet, Size
from training.quad_subdivision import subdivided
from training.skin_fit import EARS, SkinFit, cut_neck
from training.skin_guides import skin_guides
from training.untangling import untangled

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

INNER_LIPS = f"{LIPS}_0"
# Where a coarser skin keeps its quads: head units of edges on lips and lids, about the nose and on ears, and how they
# grow with the distance.
FEATURE_EDGE, NOSE_EDGE, EAR_EDGE, GROWTH = 0.010, 0.012, 0.014, 0.4
NOSE = (297, 5072)
FINE_UPRIGHT = 0.05  # of ``untangled``: quarters of a quad that is twisted lean more than it does


@dataclass(frozen=True)
class SkinMesh:
    """The skin on its way into the template.

    Attributes:
        vertices: ``[V, 3]``, head units.
        quads: ``[Q, 4]``.
        uv: ``[Q, 4, 2]``, per corner.
        rows: of MakeHuman's vertices, by their numbers; a coarser skin has several in one.
        guides: the curves that edge loops belong on, of ``skin_guides``.
    """

    vertices: Array
    quads: Indices
    uv: Array
    rows: dict[int, int]
    guides: dict[str, Guide]

    @property
    def features(self) -> Indices:
        """The vertices along lips and lids."""
        loops = [guide.vertices for name, guide in self.guides.items() if name.startswith(LIPS) or name in LIDS]
        return np.unique(np.concatenate(loops))


def fitted_skin(fit: SkinFit, head: Head) -> SkinMesh:
    """MakeHuman's head on the mean one, its neck cut at a plane and its eye sockets off behind the lids."""
    vertices, kept = cut_neck(fit, fit.fit())
    faces = np.flatnonzero(kept)
    used, compact = np.unique(fit.quads[faces], return_inverse=True)
    quads = compact.reshape(-1, 4)
    rows = {int(number): row for row, number in enumerate(fit.kept[used])}
    guides = skin_guides(fit, head, vertices[used], quads, rows)
    sockets = np.any([socket_quads(quads, guides[name].vertices) for name in LIDS], axis=0)
    return _compact(SkinMesh(vertices[used], quads[~sockets], fit.uv[faces[~sockets]], rows, guides))


def settled(skin: SkinMesh, fit: SkinFit, head: Head) -> SkinMesh:
    """A skin on the neural surface, nothing of it tangled, and what lies behind the lids hidden in the eyeballs."""
    surface = _surface(head)
    landed = relax(skin.vertices, skin.quads, surface, list(skin.guides.values()))
    for name, guide in skin.guides.items():
        if guide.slides or name in LIDS:
            continue
        around = torch.from_numpy(landed[guide.vertices]).float()  # the kit's rings are only about on the surface
        landed[guide.vertices] = project(around, surface).double().numpy()
    for side, name in zip(("left", "right"), LIDS, strict=True):
        ball = sphere(fit.canonical[fit.heads.eyes[side]])
        landed = hidden_border(landed, skin.quads, skin.guides[name].vertices, *ball)
    held = np.concatenate([guide.vertices for guide in skin.guides.values()])
    return replace(skin, vertices=untangled(landed, skin.quads, held=held))


def finer(skin: SkinMesh, head: Head) -> SkinMesh:
    """A skin that has settled with every quad split in four, on the neural surface."""
    split = subdivided(skin.vertices, skin.quads, skin.uv)
    guides = {name: replace(guide, vertices=split.along(guide.vertices)) for name, guide in skin.guides.items()}
    landed = project(torch.from_numpy(split.vertices).float(), _surface(head)).double().numpy()
    behind = [behind_lids(split.quads, guides[name].vertices)[0] for name in LIDS]
    held = np.concatenate([*(guide.vertices for guide in guides.values()), *behind])
    landed[held] = split.flat[held]  # curves, and what is hidden in the eyeballs, have settled already
    vertices = untangled(landed, split.quads, split.flat, held, FINE_UPRIGHT)
    return SkinMesh(vertices, split.quads, split.uv, skin.rows, guides)


def _surface(head: Head) -> Surface:
    return part_surface(head, head.identity("average"), head.parts.index("skin"))


def coarser(skin: SkinMesh, quads: int, fit: SkinFit) -> SkinMesh:
    """A skin with about so many quads, most of them where a face moves, not yet settled."""
    number = np.full(len(skin.vertices), -1)
    number[list(skin.rows.values())] = list(skin.rows)
    start = fit.human.vertices[number]
    mirror = cKDTree(start).query(start * [-1.0, 1.0, 1.0])[1]
    kept = {name: skin.guides[name] for name in (INNER_LIPS, *LIDS, "neck")}
    uv, quads_uv = np.unique(skin.uv.reshape(-1, 2), axis=0, return_inverse=True)
    borders = [behind_lids(skin.quads, kept[name].vertices)[1] for name in LIDS]  # lest lids end in nothing
    loops = (*(guide.vertices for guide in kept.values()), *borders)
    sheet = QuadSheet(skin.vertices, skin.quads, uv, quads_uv.reshape(-1, 4), loops, mirror, np.arange(len(start)))
    sheet = sheet.coarsened(quads, _edge_lengths(skin))
    guides = {
        name: replace(guide, vertices=loop) for (name, guide), loop in zip(kept.items(), sheet.loops, strict=False)
    }
    rows = {number: int(sheet.joined[row]) for number, row in skin.rows.items()}
    return _compact(SkinMesh(sheet.vertices, sheet.quads, sheet.uv[sheet.quads_uv], rows, guides))


def _edge_lengths(skin: SkinMesh) -> Size:
    """How long edges of a coarser skin should be about points."""
    ears = [number for side in EARS.values() for number in side.values()]
    about = {
        FEATURE_EDGE: np.concatenate([skin.guides[name].vertices for name in (INNER_LIPS, *LIDS)]),
        NOSE_EDGE: np.array([skin.rows[number] for number in NOSE]),
        EAR_EDGE: np.array([skin.rows[number] for number in ears]),
    }
    trees = {edge: cKDTree(skin.vertices[vertices]) for edge, vertices in about.items()}

    def size(points: Array) -> Array:
        return np.min([edge + GROWTH * tree.query(points)[0] for edge, tree in trees.items()], axis=0)

    return size


def _compact(skin: SkinMesh) -> SkinMesh:
    """The same skin without the vertices that none of its quads has."""
    used, quads = np.unique(skin.quads, return_inverse=True)
    row = np.full(len(skin.vertices), -1)
    row[used] = np.arange(len(used))
    rows = {number: int(row[old]) for number, old in skin.rows.items() if row[old] >= 0}
    guides = {name: replace(guide, vertices=row[guide.vertices]) for name, guide in skin.guides.items()}
    return SkinMesh(skin.vertices[used], quads.reshape(-1, 4), skin.uv, rows, guides)
