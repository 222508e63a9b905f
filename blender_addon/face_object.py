"""The face as a Blender object: one mesh with UVs, vertex groups, materials and a colour attribute."""

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from . import face_paint
from .face_materials import look_of, shared_material
from .records import Topology

UV_MAP = "UVMap"


def create_face(name: str, topology: Topology) -> bpy.types.Object:
    """A new face in its neutral shape, linked to the active collection.

    Materials are shared by every face of the file, so that an edited look holds for the next take too.

    Args:
        name: of the object and its mesh; Blender adds a number where it is taken.
        topology: its indices in range, as the reader has checked.

    Returns:
        A mesh object without shape keys.
    """
    mesh = bpy.data.meshes.new(name)
    fill_mesh(mesh, topology.vertices, topology.face_sizes, topology.corners, topology.uv)
    parts = np.ascontiguousarray(topology.material_index, np.int32)
    mesh.attributes.new("material_index", "INT", "FACE").data.foreach_set("value", parts)
    face_paint.paint(mesh, topology)
    for part in topology.materials:
        mesh.materials.append(shared_material(part, look_of(part)))
    face = bpy.data.objects.new(name, mesh)
    if topology.placement is not None:
        face.matrix_basis = Matrix(topology.placement)
    bpy.context.collection.objects.link(face)
    smoothing = face.modifiers.new("Subdivision", "SUBSURF")
    smoothing.levels, smoothing.render_levels = 0, 1
    for group_name, members in topology.groups.items():
        face.vertex_groups.new(name=group_name).add(members.tolist(), 1.0, "REPLACE")
    return face


def fill_quads(
    mesh: bpy.types.Mesh, vertices: NDArray[np.float32], quads: NDArray[np.int32], uv: NDArray[np.float32]
) -> None:
    """Fill an empty mesh with smooth quads ``[Q, 4]`` and their UV map ``[Q, 4, 2]``; see ``fill_mesh``."""
    fill_mesh(mesh, vertices, np.full(len(quads), 4, np.int32), quads, uv)


def fill_mesh(
    mesh: bpy.types.Mesh,
    vertices: NDArray[np.float32],
    face_sizes: NDArray[np.int32],
    corners: NDArray[np.int32],
    uv: NDArray[np.float32],
) -> None:
    """Fill an empty mesh with smooth faces and their UV map.

    Through the mesh's attributes where they are open: four times faster than vertices and loops.

    Args:
        mesh: without vertices.
        vertices: ``[V, 3]``.
        face_sizes: corners of every face ``[P]``.
        corners: vertices of all corners, face by face, C in all; in range.
        uv: one per corner, ``[C, 2]``.
    """
    mesh.vertices.add(len(vertices))
    mesh.loops.add(corners.size)
    mesh.polygons.add(len(face_sizes))
    positions = np.ascontiguousarray(vertices, np.float32).ravel()
    mesh.attributes["position"].data.foreach_set("vector", positions)
    mesh.attributes[".corner_vert"].data.foreach_set("value", np.ascontiguousarray(corners, np.int32).ravel())
    starts = np.concatenate([[0], np.cumsum(face_sizes[:-1], dtype=np.int64)]).astype(np.int32)
    mesh.polygons.foreach_set("loop_start", starts)
    mesh.update(calc_edges=True)
    uv_map = mesh.uv_layers.new(name=UV_MAP)
    uv_map.uv.foreach_set("vector", np.ascontiguousarray(uv, np.float32).ravel())
