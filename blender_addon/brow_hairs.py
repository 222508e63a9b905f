"""The hairs of the brows: ribbons that lie along the brow on the skin, and go with it.

What the template has for brows is a solid: it says where they are, and is what viewports without materials show.
"""

from dataclasses import dataclass
from typing import NamedTuple

import bpy
import numpy as np
from bpy.types import NodeSocket
from mathutils.bvhtree import BVHTree
from numpy.typing import NDArray

from .brow_shape import BrowShape, brow_shapes, vertices_of
from .face_materials import Look, shared_material
from .records import Topology
from .worn_pieces import FollowingNodes, Piece, create_piece, ribbon_quads

Array = NDArray[np.float32]

LOOK = Look(None, roughness=0.55, specular=0.25)
COUNT = 430  # of either brow
STEPS = 5  # points along a hair
WIDTH = 0.00017  # metres, at the root
LENGTH = ((0.0, 0.2, 0.6, 1.0), (0.0075, 0.0095, 0.0090, 0.0065))  # metres, over places along the brow
# Degrees that hairs rise from the line of the brow: they stand at its inner end and lie down towards the outer one;
# the upper ones come down over the lower ones.
RISE = ((0.0, 0.1, 0.25, 0.5, 1.0), (78.0, 60.0, 38.0, 22.0, 6.0))
CLOSING = ((0.0, 0.2, 1.0), (4.0, 16.0, 14.0))  # degrees to either side of that, at the upper and the lower edge
ROOTS = (-0.9, 0.72)  # across the brow, between which hairs grow
THINNING = (0.16, 0.80)  # of the brow, from the inner end, before and beyond which hairs are fewer
LIFT = 0.0011  # metres, of a hair's middle over the skin
UNEVEN = 0.22  # how far hairs differ in length; in direction, radians
SHADES = (0.7, 1.25)  # of the hair's colour
MARGIN = 0.02  # metres about the brows within which skin counts


def create_brow_hairs(face: bpy.types.Object, topology: Topology) -> bpy.types.Object | None:
    """New hairs on the brows of a face, in its collections; none on a mesh without brows.

    Args:
        face: becomes their parent.
        topology: of the face, at rest.
    """
    shapes = brow_shapes(topology)
    if not shapes:
        return None
    metre = _metre(topology)
    skin = _Skin.about(face.data, topology, np.concatenate([shape.line for shape in shapes]), MARGIN * metre)
    hairs = [_hairs(shape, topology.colors[shape.vertices].mean(axis=0), skin, metre) for shape in shapes]
    corners, weights, offsets, colors = (np.concatenate(part) for part in zip(*hairs, strict=True))
    attributes = {
        **{name: ("INT", corners[:, index].astype(np.int32)) for index, name in enumerate(CORNERS)},
        "weights": ("FLOAT_VECTOR", weights),
        "offset": ("FLOAT_VECTOR", offsets),
    }
    piece = Piece(ribbon_quads(len(colors) // (2 * STEPS), STEPS), attributes, colors)
    material = shared_material("brow hairs", LOOK)
    return create_piece(face, "Brows", piece, material, ("Follow Skin", _follow_skin))


CORNERS = ("first", "second", "third")  # attributes: the triangle of skin that a hair grows on


@dataclass(frozen=True)
class _Skin:
    """Triangles ``[N, 3]`` of a face's skin, its vertices ``[V, 3]``, and what finds the nearest of them."""

    triangles: NDArray[np.int32]
    vertices: Array
    tree: BVHTree

    @classmethod
    def about(cls, mesh: bpy.types.Mesh, topology: Topology, places: Array, margin: float) -> "_Skin":
        """The skin of a mesh, all of it that is in a box about some places, with a margin."""
        mesh.calc_loop_triangles()
        triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
        mesh.loop_triangles.foreach_get("vertices", triangles)
        near = np.zeros(len(topology.vertices), bool)
        near[vertices_of(topology, "skin")] = True
        near &= (
            (topology.vertices > places.min(axis=0) - margin) & (topology.vertices < places.max(axis=0) + margin)
        ).all(1)
        own = triangles.reshape(-1, 3)[near[triangles.reshape(-1, 3)].all(axis=1)]
        return cls(own, topology.vertices, BVHTree.FromPolygons(topology.vertices.tolist(), own.tolist()))

    def under(self, places: Array) -> tuple[Array, Array, NDArray[np.int32]]:
        """The nearest points and normals ``[..., 3]``, and the triangles' corners ``[..., 3]``."""
        found = [self.tree.find_nearest(place) for place in places.reshape(-1, 3).tolist()]
        points, normals = (np.array([each[part][:] for each in found], np.float32) for part in (0, 1))
        corners = self.triangles[[each[2] for each in found]]
        return points.reshape(places.shape), normals.reshape(places.shape), corners.reshape(places.shape)


class _Hairs(NamedTuple):
    """Of all points of some hairs: corners and weights of the triangle each grows on, offset and colour."""

    corners: NDArray[np.int32]
    weights: Array
    offsets: Array
    colors: Array


def _hairs(shape: BrowShape, color: Array, skin: _Skin, metre: float) -> _Hairs:
    """The hairs of a brow."""
    dice = np.random.default_rng(0)  # both brows, and every face, have the same hairs
    along, across = _roots(dice)
    longer, turned, lifted, rolled, shade = dice.uniform(-1.0, 1.0, (5, COUNT))
    rise = np.radians(np.interp(along, *RISE) - across * np.interp(along, *CLOSING)) + UNEVEN * turned
    length = metre * np.interp(along, *LENGTH) * (1.0 + UNEVEN * longer)
    start = shape.place(along, across)
    tangent = _unit(shape.place(along + 0.05, across) - start)
    heading = np.cos(rise)[:, None] * tangent + np.sin(rise)[:, None] * shape.up
    step = np.linspace(0.0, 1.0, STEPS)
    heights = metre * LIFT * (1.0 + 0.5 * lifted)[:, None] * np.sin(2.5 * step - 0.1)
    on_skin, normals, found = skin.under(start[:, None] + (length[:, None] * step)[..., None] * heading[:, None])
    half = 0.5 * metre * WIDTH * (1.0 - 0.8 * step**2)
    corners = found[:, 0]
    weights, offsets = _as_seen(
        on_skin + heights[..., None] * normals, on_skin[:, 0], half, 0.7 * rolled, skin, corners
    )
    tones = (SHADES[0] + (SHADES[1] - SHADES[0]) * (0.5 + 0.5 * shade))[:, None] * (0.85 + 0.3 * step)
    painted = np.concatenate([color[:3] * tones[..., None], np.ones_like(tones)[..., None]], axis=2)
    return _Hairs(
        corners.repeat(2 * STEPS, axis=0),
        weights.repeat(2 * STEPS, axis=0).astype(np.float32),
        offsets.reshape(-1, 3).astype(np.float32),
        painted.repeat(2, axis=1).reshape(-1, 4).astype(np.float32),
    )


def _roots(dice: np.random.Generator) -> tuple[Array, Array]:
    """Places along and across a brow ``[COUNT]`` where hairs grow: fewer towards both ends and the edges."""
    along, across, chance = dice.uniform((-0.01, ROOTS[0], 0.0), (1.02, ROOTS[1], 1.0), (8 * COUNT, 3)).T
    dense = np.interp(along, (-0.01, *THINNING, 1.02), (0.1, 1.0, 1.0, 0.55))
    narrow = np.interp(along, (-0.01, THINNING[0]), (0.5, 1.0))
    dense *= np.sqrt(np.clip(1.0 - (np.abs(across + 0.1) / narrow) ** 3, 0.0, 1.0))
    grown = np.flatnonzero(chance < dense)[:COUNT]
    return along[grown], across[grown]


def _as_seen(
    points: Array, roots: Array, half: Array, roll: Array, skin: _Skin, corners: NDArray[np.int32]
) -> tuple[Array, Array]:
    """Ribbons as the triangles see them that they grow on.

    Args:
        points: along their middles ``[H, STEPS, 3]``.
        roots: of the hairs, on the triangles ``[H, 3]``.
        half: half their width ``[STEPS]``.
        roll: how far they are turned about themselves ``[H]``, radians.
        skin: that they grow on.
        corners: of the triangles ``[H, 3]``.

    Returns:
        Where roots are, in shares of two edges ``[H, 3]`` (the last is nothing); and offsets from there, along the
        first edge, beside it and out of the skin ``[H, STEPS, 2, 3]``.
    """
    first, second, third = np.moveaxis(skin.vertices[corners], 1, 0)
    edges = np.stack([second - first, third - first], axis=2)
    shares = (np.linalg.pinv(edges) @ (roots - first)[..., None])[..., 0]
    along, normal = _unit(edges[..., 0]), _unit(np.cross(edges[..., 0], edges[..., 1]))
    frame = np.stack([along, np.cross(normal, along), normal], axis=2)
    heading = _unit(points[:, -1] - points[:, 0])
    flat = _unit(np.cross(normal, heading))
    across = np.cos(roll)[:, None] * flat + np.sin(roll)[:, None] * np.cross(heading, flat)
    sideways = half[:, None, None] * np.array([-1.0, 1.0])[:, None] * across[:, None, None]
    offsets = (points[:, :, None] + sideways - roots[:, None, None]) @ frame[:, None]
    return np.concatenate([shares, np.zeros((len(shares), 1))], axis=1), offsets


def _follow_skin(nodes: FollowingNodes) -> NodeSocket:
    """Every hair on its triangle of skin: along its first edge, across that, and out of the skin."""
    first, second, third = (nodes.face_vertex(name) for name in CORNERS)
    edge, other = nodes.vector("SUBTRACT", second, first), nodes.vector("SUBTRACT", third, first)
    along = nodes.vector("NORMALIZE", edge)
    normal = nodes.vector("NORMALIZE", nodes.vector("CROSS_PRODUCT", edge, other))
    beside = nodes.vector("CROSS_PRODUCT", normal, along)
    shares = nodes.components(nodes.named("weights", "FLOAT_VECTOR"))
    far = nodes.components(nodes.named("offset", "FLOAT_VECTOR"))
    root = nodes.moved(first, [(edge, shares[0]), (other, shares[1])])
    return nodes.moved(root, list(zip((along, beside, normal), far, strict=True)))


def _metre(topology: Topology) -> float:
    """How long a metre is in the units of a face's vertices."""
    if topology.placement is None:
        return 1.0
    return float(1.0 / np.cbrt(abs(np.linalg.det(np.array(topology.placement)[:3, :3]))))


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
