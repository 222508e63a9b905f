"""What materials read from the mesh: colours, where skin is wet, and coordinates on eyes and brows."""

import bpy
import numpy as np
from numpy.typing import NDArray

from .brow_shape import brow_shapes, nearest, two_middles, vertices_of
from .face_materials import COLOR_ATTRIBUTE, EYE_ATTRIBUTE, WET_ATTRIBUTE, look_of
from .records import Topology

Array = NDArray[np.float32]
Indices = NDArray[np.int64]

EDGES = "feature_edges"  # the group of the edges of lips and lids
SIDES = ("left", "right")
LASH_LINE = {"upper": 0.22, "lower": 0.55}  # factor on the colour at the edge of a lid, where lashes grow
LID_WETNESS, LIP_WETNESS = 1.0, 0.3
EDGE_OF_IRIS = 0.45  # factor on the iris's colour at its edge, where no node can tell (Workbench)
SHARP_CORNERS = "crease_vert"  # Blender's own name: what the Subdivision modifier leaves where it is
SHARP_EDGES = "crease_edge"  # Blender's own name: what it smooths along, and not across
BROW_THINS = (0.25, 0.75)  # of a brow, from its inner end, before and beyond which it thins out to skin
BROW_DENSE = 0.9  # how much of a solid brow's colour is hair's, where it is densest


def paint(mesh: bpy.types.Mesh, topology: Topology) -> None:
    """Give a face's mesh the attributes that its materials read."""
    eye, wet = _eye_coordinates(topology), _wetness(topology)
    colors = np.array(topology.colors, np.float32)
    colors[:, :3] *= _lash_line(topology)[:, None]
    _thin_brows(topology, colors)
    _fill_colors(mesh, topology, colors, np.linalg.norm(eye, axis=1))
    for name, kind, values in (
        (WET_ATTRIBUTE, "FLOAT", wet),
        (EYE_ATTRIBUTE, "FLOAT_VECTOR", eye),
        (SHARP_CORNERS, "FLOAT", _open_edges(topology, "teeth")),
    ):
        attribute = mesh.attributes.new(name, kind, "POINT")
        field = {"FLOAT": "value", "FLOAT_VECTOR": "vector"}[kind]
        attribute.data.foreach_set(field, np.ascontiguousarray(values, np.float32).ravel())
    _hold_lips_and_lids(mesh, topology)


def _hold_lips_and_lids(mesh: bpy.types.Mesh, topology: Topology) -> None:
    """Let the Subdivision modifier leave edges of lips and lids where they are: rounded, lips that touch would gape."""
    if EDGES not in topology.groups:
        return
    on_edge = np.zeros(len(topology.vertices), np.bool_)
    on_edge[topology.groups[EDGES]] = True
    ends = np.zeros(2 * len(mesh.edges), np.int32)
    mesh.edges.foreach_get("vertices", ends)
    held = on_edge[ends.reshape(-1, 2)].all(axis=1)
    mesh.attributes.new(SHARP_EDGES, "FLOAT", "EDGE").data.foreach_set("value", held.astype(np.float32))


def lid_edges(topology: Topology, lid: str) -> Indices:
    """The vertices along the edges of both ``upper`` or both ``lower`` lids; none on a mesh that does not name them."""
    groups = [topology.groups[name] for side in SIDES if (name := f"lid_{lid}_{side}") in topology.groups]
    if not groups or EDGES not in topology.groups:
        return np.zeros(0, np.int64)
    return np.intersect1d(np.concatenate(groups), topology.groups[EDGES]).astype(np.int64)


def _fill_colors(mesh: bpy.types.Mesh, topology: Topology, colors: Array, off: Array) -> None:
    # Per corner: Workbench shows this attribute alone, and the rims of iris and pupil must stay sharp.
    corners = colors[topology.corners]
    material = np.repeat(topology.material_index, topology.face_sizes)
    for index, part in enumerate(topology.materials):
        look = look_of(part)
        own = material == index
        if look.color is not None:
            corners[own] = (*np.multiply(look.color, look.shade), 1.0)
        elif look.uniform:
            corners[own] = np.median(corners[own], axis=0)
            shade = 1.0 - (1.0 - EDGE_OF_IRIS) * np.clip(5.0 * off[topology.corners[own]] - 4.0, 0.0, 1.0)
            corners[own, :3] *= shade[:, None]
    attribute = mesh.color_attributes.new(name=COLOR_ATTRIBUTE, type="FLOAT_COLOR", domain="CORNER")
    attribute.data.foreach_set("color", np.ascontiguousarray(corners).ravel())
    mesh.color_attributes.active_color = attribute
    mesh.color_attributes.render_color_index = mesh.color_attributes.find(COLOR_ATTRIBUTE)


def _wetness(topology: Topology) -> Array:
    """How wet every vertex is ``[V]``: lips a little, and the edges of lids."""
    wet = np.zeros(len(topology.vertices), np.float32)
    for name in ("lip_upper", "lip_lower"):
        wet[topology.groups.get(name, [])] = LIP_WETNESS
    wet = _blurred(wet, topology)
    for lid in LASH_LINE:
        wet[lid_edges(topology, lid)] = LID_WETNESS
    return wet


def _lash_line(topology: Topology) -> Array:
    """A factor on the colour of every vertex ``[V]``."""
    factor = np.ones(len(topology.vertices), np.float32)
    for lid, dark in LASH_LINE.items():
        factor[lid_edges(topology, lid)] = dark
    return factor


def _eye_coordinates(topology: Topology) -> Array:
    """``[V, 3]`` across the gaze from the middle of the pupil, radii of the iris; zero off the eyes."""
    found = np.zeros((len(topology.vertices), 3), np.float32)
    pupil, iris, sclera = (vertices_of(topology, part) for part in ("pupil", "iris", "sclera"))
    edge = np.intersect1d(iris, sclera)
    if not len(pupil) or not len(edge):
        return found
    ball = np.unique(np.concatenate([pupil, iris, sclera]))
    middles = two_middles(topology.vertices[pupil])
    sides = nearest(topology.vertices, middles)
    for side, middle in enumerate(middles):
        own, rim = ball[sides[ball] == side], edge[sides[edge] == side]
        gaze = middle - topology.vertices[own].mean(axis=0)
        gaze /= np.linalg.norm(gaze)
        across = np.linalg.svd(gaze[None])[2][1:]
        radius = np.linalg.norm((topology.vertices[rim] - middle) @ across.T, axis=1).mean()
        found[own, :2] = (topology.vertices[own] - middle) @ across.T / radius
    return found


def _thin_brows(topology: Topology, colors: Array) -> None:
    """Let the colours ``[V, 4]`` of brows fade to those of the skin beneath, as hairs do that grow apart; in place."""
    skin = vertices_of(topology, "skin")
    for brow in brow_shapes(topology) if len(skin) else []:
        under = topology.colors[skin[nearest(brow.line, topology.vertices[skin])]]
        bare = np.stack([np.interp(brow.along, brow.centres, channel) for channel in under.T], axis=1)
        ends = np.interp(brow.along, (0.0, *BROW_THINS, 1.0), (0.0, 1.0, 1.0, 0.2))
        dense = BROW_DENSE * ends * (1.0 - brow.across**2)
        colors[brow.vertices] = bare + dense[:, None] * (colors[brow.vertices] - bare)


def _open_edges(topology: Topology, part: str) -> Array:
    """1 at the vertices ``[V]`` of a part where its surface ends: smoothing would shrink it there."""
    open_edge = np.zeros(len(topology.vertices), np.float32)
    starts = np.concatenate([[0], np.cumsum(topology.face_sizes)])[:-1]
    face = np.repeat(np.arange(len(topology.face_sizes)), topology.face_sizes)
    after = np.arange(len(topology.corners)) + 1
    last = np.flatnonzero(np.append(face[1:] != face[:-1], True))
    after[last] = starts
    if part in topology.materials:
        own = topology.material_index[face] == topology.materials.index(part)
        ends = topology.corners[own].astype(np.int64), topology.corners[after[own]]
        edges = np.minimum(*ends) * len(open_edge) + np.maximum(*ends)
        found, count = np.unique(edges, return_counts=True)
        open_edge[np.stack(np.divmod(found[count == 1], len(open_edge)))] = 1.0
    return open_edge


def _blurred(values: Array, topology: Topology) -> Array:
    """Values ``[V]``, each the mean of those of the faces about it."""
    face = np.repeat(np.arange(len(topology.face_sizes)), topology.face_sizes)
    means = np.bincount(face, values[topology.corners]) / topology.face_sizes
    count = np.bincount(topology.corners, minlength=len(values))
    total = np.bincount(topology.corners, means[face], minlength=len(values))
    return np.asarray(total / np.maximum(count, 1), np.float32)
