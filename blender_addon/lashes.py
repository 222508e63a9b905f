"""Eyelashes: ribbons that stay on the edges of the lids, whatever these do."""

import bpy
import numpy as np
from bpy.types import NodeSocket
from numpy.typing import NDArray

from .brow_shape import vertices_of
from .face_materials import Look, shared_material
from .face_paint import EDGES, SIDES
from .records import Topology
from .worn_pieces import FollowingNodes, Piece, create_piece, ribbon_quads

Array = NDArray[np.float32]
Indices = NDArray[np.int64]

COLOR = (0.010, 0.007, 0.006)
LOOK = Look(COLOR, roughness=0.5, specular=0.3)
COUNT = {"upper": 44, "lower": 28}  # of either eye
LENGTH = {"upper": 0.0078, "lower": 0.0036}  # metres, of the longest
WIDTH = 0.00030  # metres, at the root
ENDS = (0.06, 0.97)  # of the lid's edge, from the inner corner, between which lashes grow
STEPS = 4  # points along a lash
UNEVEN = 0.18  # how far lashes differ in length and direction
FEWEST = 4  # vertices along the edge of a lid


def create_lashes(face: bpy.types.Object, topology: Topology) -> bpy.types.Object | None:
    """New lashes on a face, in its collections; none where the mesh does not name the edges of its lids.

    Args:
        face: becomes their parent.
        topology: of the face, at rest.
    """
    rows = [
        _lid(topology, lid, side)
        for side in SIDES
        for lid in COUNT
        if {EDGES, f"lid_{lid}_{side}"} <= topology.groups.keys() and topology.placement is None
    ]
    rows = [row for row in rows if row is not None]
    if not rows:
        return None
    roots, shares, centres, offsets = (np.concatenate(part) for part in zip(*rows, strict=True))
    attributes = {
        "root": ("INT", roots[:, 0].astype(np.int32)),
        "next": ("INT", roots[:, 1].astype(np.int32)),
        "share": ("FLOAT", shares),
        "eye": ("FLOAT_VECTOR", centres),
        "offset": ("FLOAT_VECTOR", offsets),
    }
    colors = np.tile(np.array((*COLOR, 1.0), np.float32), (len(offsets), 1))
    piece = Piece(ribbon_quads(len(colors) // (2 * STEPS), STEPS), attributes, colors)
    return create_piece(face, "Lashes", piece, shared_material("lashes", LOOK), ("Follow Lids", _follow_lids))


def _lid(topology: Topology, lid: str, side: str) -> tuple[Indices, Array, Array, Array] | None:
    """The lashes of a lid, or None if too little of its edge is known.

    Returns:
        Of every vertex of theirs: the two vertices of the lid's edge that it grows between ``[N, 2]``, its share of the
        way between them ``[N]``, the eye's middle ``[N, 3]``, and where it is as seen at its root: away from the eye,
        along the edge and upwards ``[N, 3]``.
    """
    edge = np.intersect1d(topology.groups[EDGES], topology.groups[f"lid_{lid}_{side}"]).astype(np.int64)
    if len(edge) < FEWEST:
        return None
    edge = edge[topology.vertices[edge, 0].argsort()]
    line = topology.vertices[edge]
    ball = vertices_of(topology, "sclera")
    balls = topology.vertices[ball]
    own = balls[np.sign(balls[:, 0]) == np.sign(line[:, 0].mean())]
    length = np.concatenate([[0.0], np.linalg.norm(np.diff(line, axis=0), axis=1).cumsum()])
    generator = np.random.default_rng(0)  # both eyes, and every face, have the same lashes
    at = np.linspace(*ENDS, COUNT[lid]) + generator.uniform(-0.4, 0.4, COUNT[lid]) / COUNT[lid]
    uneven = 1.0 + UNEVEN * generator.uniform(-1.0, 1.0, (2, COUNT[lid]))
    outwards = 1.0 if side == "left" else -1.0
    along = (at if outwards > 0.0 else 1.0 - at) * length[-1]
    first = np.clip(np.searchsorted(length, along) - 1, 0, len(edge) - 2)
    share = (along - length[first]) / (length[first + 1] - length[first])
    offsets = np.concatenate([_lash(lid, *each, outwards) for each in zip(at, uneven[0], uneven[1], strict=True)])
    points = 2 * STEPS
    roots = np.stack([edge[first], edge[first + 1]], axis=1).repeat(points, axis=0)
    centres = np.tile(own.mean(axis=0), (len(offsets), 1))
    return roots, share.repeat(points).astype(np.float32), centres.astype(np.float32), offsets


def _lash(lid: str, at: float, longer: float, turned: float, outwards: float) -> Array:
    """One lash ``[2 STEPS, 3]``, a ribbon that narrows to its tip: away from the eye, along the lid's edge, upwards."""
    up = 1.0 if lid == "upper" else -1.0
    length = LENGTH[lid] * longer * (0.45 + 0.55 * np.sin(np.pi * (0.15 + 0.65 * at)))
    step = np.linspace(0.0, 1.0, STEPS)
    forward = length * (0.95 * step - 0.22 * step**2) + 0.0002
    upwards = up * length * (0.02 * step + 0.52 * step**2)
    fanned = outwards * length * (0.9 * (at - 0.35) * step + 0.5 * (turned - 1.0) * step)
    half = 0.5 * WIDTH * (1.0 - 0.92 * step)
    left, right = (np.stack([forward, fanned + half * sign, upwards], axis=1) for sign in (-1.0, 1.0))
    return np.stack([left, right], axis=1).reshape(-1, 3).astype(np.float32)


def _follow_lids(nodes: FollowingNodes) -> NodeSocket:
    """Every lash on its lid: away from the eye's middle, along the lid's edge, and across both."""
    first, second = (nodes.face_vertex(name) for name in ("root", "next"))
    edge = nodes.vector("SUBTRACT", second, first)
    root = nodes.moved(first, [(edge, nodes.named("share", "FLOAT"))])
    away = nodes.vector("NORMALIZE", nodes.vector("SUBTRACT", root, nodes.named("eye", "FLOAT_VECTOR")))
    along = nodes.vector("NORMALIZE", edge)
    across = nodes.vector("NORMALIZE", nodes.vector("CROSS_PRODUCT", away, along))
    far = nodes.components(nodes.named("offset", "FLOAT_VECTOR"))
    return nodes.moved(root, list(zip((away, along, across), far, strict=True)))
