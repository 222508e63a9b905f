"""The wet margins of the lower lids, from their edges to the eyeball, and the caruncles in the inner corners.

Lids have a thickness, and stand off the ball by it: between the two there would be a dark gap.
"""

from typing import NamedTuple

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

LOOK = Look(None, roughness=0.3, subsurface=0.6, scatter=(0.003, 0.001, 0.0007), coat=0.5)
STEPS = 24  # points along a margin
ENDS = (0.05, 0.97)  # of the lid's edge, from the inner corner, that it takes
WATER = 0.0004  # metres that tears climb on the ball
SUNK = 0.00012  # metres that its outer border is below the lid's edge
CARUNCLE = 7  # points along a side of a caruncle
LONG, DEEP = 0.0022, 0.0010  # metres: half its length from the corner outwards, and how far it bulges
TUCKED = 0.0016  # metres that its rim lies behind the lids' edges
MARGIN_TINT, CARUNCLE_TINT = (1.02, 0.68, 0.64), (0.98, 0.58, 0.54)  # times the colour of the skin about it


class _Part(NamedTuple):
    """Points of a piece on the lids.

    Attributes:
        roots: vertices of the lid's edge that each is between ``[N, 2]``.
        share: of the way between them ``[N]``.
        eye: the eyeball's middle ``[N, 3]``.
        onto: how much of the way it goes from there to the ball's surface ``[N]``.
        radius: of the ball ``[N]``.
        offset: from there, away from the eye, along the edge and across both ``[N, 3]``.
        tint: on the skin's colour ``[N, 3]``.
        quads: its faces ``[Q, 4]``.
    """

    roots: Indices
    share: Array
    eye: Array
    onto: Array
    radius: Array
    offset: Array
    tint: Array
    quads: Indices


def create_lid_margins(face: bpy.types.Object, topology: Topology) -> bpy.types.Object | None:
    """New margins and caruncles on a face, in its collections; none where the mesh does not name the edges of its lids.

    Args:
        face: becomes their parent.
        topology: of the face, at rest.
    """
    needed = {EDGES, *(f"lid_{lid}_{side}" for lid in ("upper", "lower") for side in SIDES)}
    if (
        not needed <= topology.groups.keys()
        or topology.placement is not None
        or not len(vertices_of(topology, "sclera"))
    ):
        return None
    parts = [part for side in SIDES for part in _of_eye(topology, side)]
    starts = np.cumsum([0] + [len(part.share) for part in parts[:-1]])
    joined = _Part(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    quads = np.concatenate([part.quads + start for part, start in zip(parts, starts, strict=True)])
    skin = topology.colors[joined.roots[:, 0], :3].clip(0.0, 1.0)
    colors = np.concatenate([skin * joined.tint, np.ones_like(skin[:, :1])], axis=1).clip(0.0, 1.0)
    attributes = {
        "root": ("INT", joined.roots[:, 0].astype(np.int32)),
        "next": ("INT", joined.roots[:, 1].astype(np.int32)),
        **{name: ("FLOAT", getattr(joined, name).astype(np.float32)) for name in ("share", "onto", "radius")},
        **{name: ("FLOAT_VECTOR", getattr(joined, name).astype(np.float32)) for name in ("eye", "offset")},
    }
    piece = Piece(quads, attributes, colors.astype(np.float32))
    return create_piece(face, "Lid Margins", piece, shared_material("lid margins", LOOK), ("Follow Lids", _follow_lids))


def _of_eye(topology: Topology, side: str) -> tuple[_Part, _Part]:
    """The margin and the caruncle of an eye."""
    outwards = 1.0 if side == "left" else -1.0
    upper, lower = (_edge(topology, lid, side, outwards) for lid in ("upper", "lower"))
    ball = topology.vertices[vertices_of(topology, "sclera")]
    own = ball[np.sign(ball[:, 0]) == outwards]
    system = np.concatenate([2.0 * own, np.ones_like(own[:, :1])], axis=1).astype(np.float64)
    solution = np.linalg.lstsq(system, (own.astype(np.float64) ** 2).sum(axis=1), rcond=None)[0]
    centre = solution[:3].astype(np.float32)
    radius = float(np.sqrt(solution[3] + centre @ centre))
    return _margin(topology, lower, centre, radius), _caruncle(topology, upper, lower, centre, radius)


def _edge(topology: Topology, lid: str, side: str, outwards: float) -> Indices:
    """The vertices along the edge of a lid from the inner corner outwards."""
    edge = np.intersect1d(topology.groups[EDGES], topology.groups[f"lid_{lid}_{side}"]).astype(np.int64)
    return np.asarray(edge[(outwards * topology.vertices[edge, 0]).argsort()])


def _margin(topology: Topology, edge: Indices, centre: Array, radius: float) -> _Part:
    line = topology.vertices[edge]
    length = np.concatenate([[0.0], np.linalg.norm(np.diff(line, axis=0), axis=1).cumsum()])
    along = np.linspace(*ENDS, STEPS) * length[-1]
    first = np.clip(np.searchsorted(length, along) - 1, 0, len(edge) - 2)
    share = (along - length[first]) / np.maximum(length[first + 1] - length[first], 1e-9)
    pairs = np.stack([edge[first], edge[first + 1]], axis=1).repeat(2, axis=0)
    onto = np.tile([0.0, 1.0], STEPS)
    # The direction across both points up where the edge runs to the subject's left.
    up = np.where(onto > 0.0, WATER, -SUNK)[:, None] * np.array([0.0, 0.0, 1.0])
    up *= np.sign(line[-1, 0] - line[0, 0])
    count = 2 * STEPS
    return _Part(
        pairs,
        share.repeat(2),
        np.tile(centre, (count, 1)),
        onto,
        np.full(count, radius),
        up,
        np.tile(MARGIN_TINT, (count, 1)),
        ribbon_quads(1, STEPS),
    )


def _caruncle(topology: Topology, upper: Indices, lower: Indices, centre: Array, radius: float) -> _Part:
    """A dome between the lids, from the inner corner outwards, at rest on the eyeball's side of their edges."""
    corner, above = topology.vertices[lower[0]], topology.vertices[upper[0]]
    below = topology.vertices[lower[np.abs(topology.vertices[lower, 0] - above[0]).argmin()]]
    out = 0.5 * (above + below) - corner
    away = _unit(corner - centre)
    out = _unit(out - (out @ away) * away)
    up = np.cross(away, out)
    tall = 0.5 * abs(float((above - below) @ up)) + 0.0004
    u, v = (each.ravel() for each in np.meshgrid(*[np.linspace(-1.0, 1.0, CARUNCLE)] * 2, indexing="ij"))
    x, y = u * np.sqrt(1.0 - v**2 / 2.0), v * np.sqrt(1.0 - u**2 / 2.0)  # elliptical mapping of the square to the disc
    bulge = np.sqrt(np.clip(1.0 - x**2 - y**2, 0.0, 1.0))
    middle = corner + 0.8 * LONG * out + (0.5 * (above + below) - corner) @ up * 0.5 * up
    points = middle + LONG * x[:, None] * out + tall * y[:, None] * up + (DEEP * bulge - TUCKED)[:, None] * away
    first, second = topology.vertices[lower[0]], topology.vertices[upper[0]]
    along = _unit(second - first)
    across = _unit(np.cross(away, along))
    offset = (points - first) @ np.stack([away, along, across], axis=1)
    index = np.arange(CARUNCLE**2).reshape(CARUNCLE, CARUNCLE)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    count = len(points)
    return _Part(
        np.tile([lower[0], upper[0]], (count, 1)),
        np.zeros(count, np.float32),
        np.tile(centre, (count, 1)),
        np.zeros(count, np.float32),
        np.full(count, radius),
        offset,
        np.tile(CARUNCLE_TINT, (count, 1)),
        quads,
    )


def _follow_lids(nodes: FollowingNodes) -> NodeSocket:
    """Every point from the lid's edge towards the ball, then away from it, along the edge, and across both."""
    first, second = (nodes.face_vertex(name) for name in ("root", "next"))
    edge = nodes.vector("SUBTRACT", second, first)
    root = nodes.moved(first, [(edge, nodes.named("share", "FLOAT"))])
    eye = nodes.named("eye", "FLOAT_VECTOR")
    away = nodes.vector("NORMALIZE", nodes.vector("SUBTRACT", root, eye))
    surface = nodes.moved(eye, [(away, nodes.named("radius", "FLOAT"))])
    start = nodes.moved(root, [(nodes.vector("SUBTRACT", surface, root), nodes.named("onto", "FLOAT"))])
    along = nodes.vector("NORMALIZE", edge)
    across = nodes.vector("NORMALIZE", nodes.vector("CROSS_PRODUCT", away, along))
    far = nodes.components(nodes.named("offset", "FLOAT_VECTOR"))
    return nodes.moved(start, list(zip((away, along, across), far, strict=True)))


def _unit(vector: Array) -> Array:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))
