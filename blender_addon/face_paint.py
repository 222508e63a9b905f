"""What materials read from the mesh: colours, where skin is wet, and coordinates on eyes and brows."""

from typing import NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from .face_materials import BROW_ATTRIBUTE, COLOR_ATTRIBUTE, EYE_ATTRIBUTE, UNDER_ATTRIBUTE, WET_ATTRIBUTE, look_of
from .records import Topology

Array = NDArray[np.float32]
Indices = NDArray[np.int64]

EDGES = "feature_edges"  # the group of the edges of lips and lids
SIDES = ("left", "right")
LASH_LINE = {"upper": 0.22, "lower": 0.55}  # factor on the colour at the edge of a lid, where lashes grow
LID_WETNESS, LIP_WETNESS = 1.0, 0.3
EDGE_OF_IRIS = 0.45  # factor on the iris's colour at its edge, where no node can tell (Workbench)
SHARP_CORNERS = "crease_vert"  # Blender's own name: what the Subdivision modifier leaves where it is
BARE_BROW = 0.16  # of a brow, from its inner end, over which it becomes skin, for Workbench too
COLUMNS = 16  # along a brow, in which its width is measured


def paint(mesh: bpy.types.Mesh, topology: Topology) -> None:
    """Give a face's mesh the attributes that its materials read."""
    eye, brows = _eye_coordinates(topology), _brows(topology)
    wet, lashes = _wetness(topology), _lash_line(topology)
    colors = np.array(topology.colors, np.float32)
    colors[:, :3] *= lashes[:, None]
    thin = (
        np.clip(1.0 - brows.coordinates[:, :1] / BARE_BROW, 0.0, 1.0) * (brows.coordinates != 0.0).any(axis=1)[:, None]
    )
    colors += thin * (brows.under - colors)
    _fill_colors(mesh, topology, colors, np.linalg.norm(eye, axis=1))
    for name, kind, values in (
        (WET_ATTRIBUTE, "FLOAT", wet),
        (EYE_ATTRIBUTE, "FLOAT_VECTOR", eye),
        (BROW_ATTRIBUTE, "FLOAT_VECTOR", brows.coordinates),
        (UNDER_ATTRIBUTE, "FLOAT_COLOR", brows.under),
        (SHARP_CORNERS, "FLOAT", _open_edges(topology, "teeth")),
    ):
        attribute = mesh.attributes.new(name, kind, "POINT")
        field = {"FLOAT": "value", "FLOAT_VECTOR": "vector", "FLOAT_COLOR": "color"}[kind]
        attribute.data.foreach_set(field, np.ascontiguousarray(values, np.float32).ravel())


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
    middles = _two_middles(topology.vertices[pupil])
    nearest = _nearest(topology.vertices, middles)
    for side, middle in enumerate(middles):
        own, rim = ball[nearest[ball] == side], edge[nearest[edge] == side]
        gaze = middle - topology.vertices[own].mean(axis=0)
        gaze /= np.linalg.norm(gaze)
        across = np.linalg.svd(gaze[None])[2][1:]
        radius = np.linalg.norm((topology.vertices[rim] - middle) @ across.T, axis=1).mean()
        found[own, :2] = (topology.vertices[own] - middle) @ across.T / radius
    return found


class _Brows(NamedTuple):
    """Of every vertex: where it is along and across a brow ``[V, 3]``; the colour of the skin there ``[V, 4]``."""

    coordinates: Array
    under: Array


def _brows(topology: Topology) -> _Brows:
    found = _Brows(np.zeros((len(topology.vertices), 3), np.float32), np.array(topology.colors, np.float32))
    brows, skin = vertices_of(topology, "brows"), vertices_of(topology, "skin")
    if len(brows) < COLUMNS or not len(skin):
        return found
    middles = _two_middles(topology.vertices[brows])
    nearest = _nearest(topology.vertices[brows], middles)
    up = np.array(topology.placement)[2, :3] if topology.placement is not None else np.array([0.0, 0.0, 1.0])
    for side, outwards in ((0, middles[0] - middles[-1]), (1, middles[-1] - middles[0])):
        own = brows[nearest == side]
        points = topology.vertices[own]
        if not len(own):
            continue
        along = points @ outwards
        along = (along - along.min()) / np.ptp(along)
        column = np.minimum((along * COLUMNS).astype(np.int64), COLUMNS - 1)
        centres, height = (np.arange(COLUMNS) + 0.5) / COLUMNS, points @ up
        filled = np.unique(column)
        low, high = (np.array([pick(height[column == each]) for each in filled]) for pick in (np.min, np.max))
        below, above = np.interp(along, centres[filled], low), np.interp(along, centres[filled], high)
        found.coordinates[own, 0] = along
        found.coordinates[own, 1] = 2.0 * (height - below) / np.maximum(above - below, 1e-9) - 1.0
        cores = np.stack([points[column == each].mean(axis=0) for each in filled])
        seen = topology.colors[skin[_nearest(cores, topology.vertices[skin])]]
        for channel in range(3):
            found.under[own, channel] = np.interp(along, centres[filled], seen[:, channel])
    return found


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


def vertices_of(topology: Topology, part: str) -> Indices:
    """The vertices of a part's faces, none if there is no such part."""
    if part not in topology.materials:
        return np.zeros(0, np.int64)
    material = np.repeat(topology.material_index, topology.face_sizes)
    return np.unique(topology.corners[material == topology.materials.index(part)]).astype(np.int64)


def _two_middles(points: Array) -> Array:
    """The middles ``[2, 3]`` of points that lie in two heaps, one at either side of the face."""
    farthest = points[np.linalg.norm(points - points[0], axis=1).argmax()]
    near = _nearest(points, np.stack([points[0], farthest]))
    heaps = [points[near == heap] for heap in (0, 1)]
    return np.stack([heap.mean(axis=0) for heap in heaps if len(heap)])


def _nearest(points: Array, middles: Array) -> Indices:
    """Which of some middles ``[M, 3]`` is nearest to points ``[N, 3]``."""
    return np.linalg.norm(points[:, None] - middles, axis=2).argmin(axis=1)


def _blurred(values: Array, topology: Topology) -> Array:
    """Values ``[V]``, each the mean of those of the faces about it."""
    face = np.repeat(np.arange(len(topology.face_sizes)), topology.face_sizes)
    means = np.bincount(face, values[topology.corners]) / topology.face_sizes
    count = np.bincount(topology.corners, minlength=len(values))
    total = np.bincount(topology.corners, means[face], minlength=len(values))
    return np.asarray(total / np.maximum(count, 1), np.float32)
