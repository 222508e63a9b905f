"""The template's skin: MakeHuman's head fitted, made coarser or finer, and settled on the neural surface."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.evaluation.crossings import sphere
from facetalk.head.contact import LIDS, LIPS
from facetalk.head.head import Head
from facetalk.topology.quad_opening import opened_everywhere, settled_again
from facetalk.topology.quad_relaxation import Guide, closest_on_curve, relax
from training.eye_sockets import Ball, behind_lids, hidden_border, on_the_ball, socket_quads
from training.lip_rings import KEPT, RINGS, face_to_face, lip_rings, lower_edges, on_the_red
from training.quad_coarsening import QuadSheet, Size
from training.quad_subdivision import subdivided
from training.skin_fit import EARS, SkinFit, cut_neck
from training.skin_guides import nearer_to_surface, skin_guides
from training.template_identities import average_surface, carries, settling
from training.untangling import untangled

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SKIN, INNER_LIPS, NECK = "skin", f"{LIPS}_0", "neck"
# Where a coarser skin keeps its quads: head units of edges on lips and lids, about the nose and on ears, and how they
# grow with the distance.
FEATURE_EDGE, NOSE_EDGE, EAR_EDGE, GROWTH = 0.008, 0.012, 0.009, 0.4
NOSE = (297, 5072)
SIDES = ("left", "right")
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


def settled(skin: SkinMesh, fit: SkinFit, head: Head, dipping: bool) -> SkinMesh:
    """A skin on the neural surface, nothing of it tangled; what lies behind the lids as ``Detail.dipping`` says."""
    surface = average_surface(head, SKIN)
    if dipping:
        skin = replace(skin, guides=nearer_to_surface(skin.guides, surface))
    landed = relax(skin.vertices, skin.quads, surface, list(skin.guides.values()))
    for name, guide in skin.guides.items():
        if name in LIDS or name == INNER_LIPS:
            landed[guide.vertices] = _on_curve(guide, landed)
        if guide.slides or name in LIDS:
            continue
        # The kit's rings are only about on the surface.
        landed[guide.vertices] = settling(head, SKIN)(landed[guide.vertices])
    for name, ball in _eyeballs(fit).items():
        lids = skin.guides[name].vertices
        if dipping:
            landed = on_the_ball(landed, skin.quads, lids, surface, ball)
        else:
            landed = hidden_border(landed, skin.quads, lids, ball)
    held = np.concatenate([guide.vertices for guide in skin.guides.values()])
    sound = _sound(replace(skin, vertices=untangled(landed, skin.quads, held=held)), head)
    return _settled_again(sound, head) if dipping else sound


def finer(skin: SkinMesh, head: Head, fit: SkinFit) -> SkinMesh:
    """A skin that has settled with every quad split in four, on the neural surface; but one ring behind the lids."""
    split = subdivided(skin.vertices, skin.quads, skin.uv)
    guides = {name: replace(guide, vertices=split.along(guide.vertices)) for name, guide in skin.guides.items()}
    landed = settling(head, SKIN)(split.vertices)
    flat, sockets = split.flat.copy(), np.zeros(len(split.quads), dtype=np.bool_)
    for name in LIDS:
        sockets |= socket_quads(split.quads, guides[name].vertices)
        flat[guides[name].vertices] = _on_curve(guides[name], flat)
    held = np.concatenate([guide.vertices for guide in guides.values()])
    landed[held] = flat[held]  # curves have settled already
    whole = _compact(SkinMesh(landed, split.quads[~sockets], split.uv[~sockets], skin.rows, guides))
    start = _compact(SkinMesh(flat, split.quads[~sockets], split.uv[~sockets], skin.rows, guides)).vertices
    places = whole.vertices
    for name, ball in _eyeballs(fit).items():
        places = hidden_border(places, whole.quads, whole.guides[name].vertices, ball)
    held = np.concatenate([*(guide.vertices for guide in whole.guides.values()), *_borders(whole)])
    start[held] = places[held]
    return _sound(replace(whole, vertices=untangled(places, whole.quads, start, held, FINE_UPRIGHT)), head)


def _eyeballs(fit: SkinFit) -> dict[str, Ball]:
    """The average head's, by the names of their lids."""
    return {name: Ball(*sphere(fit.canonical[fit.heads.eyes[side]])) for side, name in zip(SIDES, LIDS, strict=True)}


def _sound(skin: SkinMesh, head: Head) -> SkinMesh:
    """A skin of which nothing is tangled on other identities either; its lips, lids and neck's end stay."""
    opened = opened_everywhere(skin.vertices, skin.quads, carries(head, SKIN), _kept(skin))
    return replace(skin, vertices=opened)


def _settled_again(skin: SkinMesh, head: Head) -> SkinMesh:
    """A skin whose vertices are back on the neural surface wherever that tangles nothing."""
    returned = settled_again(skin.vertices, skin.quads, carries(head, SKIN), settling(head, SKIN), _kept(skin))
    return replace(skin, vertices=returned)


def _kept(skin: SkinMesh) -> Indices:
    """The vertices along lips, lids and the neck's end."""
    kept = [guide for name, guide in skin.guides.items() if name.startswith(LIPS) or name in LIDS or name == NECK]
    return np.concatenate([guide.vertices for guide in kept])


def _borders(skin: SkinMesh) -> list[Indices]:
    """What is behind either eye's lids."""
    return [behind_lids(skin.quads, skin.guides[name].vertices)[0] for name in LIDS]


def _on_curve(guide: Guide, vertices: Array) -> Array:
    """Where a guide's vertices are on its curve ``[N, 3]``."""
    own, curve = (torch.from_numpy(np.asarray(each)).float() for each in (vertices[guide.vertices], guide.curve))
    return closest_on_curve(own, curve)[0].double().numpy()


def coarser(skin: SkinMesh, quads: int, fit: SkinFit) -> SkinMesh:
    """A skin with about so many quads, most of them where a face moves, not yet settled."""
    number = np.full(len(skin.vertices), -1)
    number[list(skin.rows.values())] = list(skin.rows)
    start = fit.human.vertices[number]
    rings = lip_rings(fit, skin.vertices, skin.quads, skin.rows)
    vertices = on_the_red(fit, skin.vertices, rings)
    before_lids = [f"{name}_1" for name in LIDS]  # without it what is behind lids comes out beside their corners
    kept = {name: skin.guides[name] for name in (INNER_LIPS, *LIDS, *before_lids, NECK)}
    uv, quads_uv = np.unique(skin.uv.reshape(-1, 2), axis=0, return_inverse=True)
    borders = [behind_lids(skin.quads, kept[name].vertices)[1] for name in LIDS]  # lest lids end in nothing
    sheet = QuadSheet(
        vertices=vertices,
        quads=skin.quads,
        uv=uv,
        quads_uv=quads_uv.reshape(-1, 4),
        loops=(*(guide.vertices for guide in kept.values()), *borders, *rings[list(KEPT[1:])]),
        stay=lower_edges(rings[0], skin.rows[RINGS[0][1]]),
        mirror=cKDTree(start).query(start * [-1.0, 1.0, 1.0])[1],
        joined=np.arange(len(start)),
    ).coarsened(quads, _edge_lengths(skin))
    of_lips = (sheet.loops[0], *sheet.loops[len(kept) + len(borders) :])
    spread = face_to_face(sheet.vertices, [vertices[rings[ring]] for ring in KEPT], of_lips)
    guides = {
        name: replace(guide, vertices=loop) for (name, guide), loop in zip(kept.items(), sheet.loops, strict=False)
    }
    guides[INNER_LIPS] = replace(guides[INNER_LIPS], slides=False)
    rows = {number: int(sheet.joined[row]) for number, row in skin.rows.items()}
    return _compact(SkinMesh(spread, sheet.quads, sheet.uv[sheet.quads_uv], rows, guides))


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
        return np.asarray(np.min([edge + GROWTH * tree.query(points)[0] for edge, tree in trees.items()], axis=0))

    return size


def _compact(skin: SkinMesh) -> SkinMesh:
    """The same skin without the vertices that none of its quads has."""
    used, quads = np.unique(skin.quads, return_inverse=True)
    row = np.full(len(skin.vertices), -1)
    row[used] = np.arange(len(used))
    rows = {number: int(row[old]) for number, old in skin.rows.items() if row[old] >= 0}
    guides = {name: replace(guide, vertices=row[guide.vertices]) for name, guide in skin.guides.items()}
    return SkinMesh(skin.vertices[used], quads.reshape(-1, 4), skin.uv, rows, guides)
