"""The face as a Blender object: one mesh with UVs, vertex groups, materials and a colour attribute."""

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from . import compat
from .records import Topology

COLOR_ATTRIBUTE = "Color"
UV_MAP = "UVMap"
MATERIAL_PREFIX = "FaceTalk "

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """How one part of the face is shaded.

    Attributes:
        color: linear RGB; ``None`` takes the mesh's colour attribute.
        uniform: whether that is one colour for the whole part, so that its rim stays sharp.
        roughness: of the Principled BSDF.
        subsurface: weight of subsurface scattering.
        scatter: how deep red, green and blue light enters, in metres.
        coat: weight of the clear layer, the tear film or spit on top.
        pores: strength of the fine bump.
        shade: factor on the colour in the colour attribute, for what lies in the dark of the mouth; Workbench
            has no light that could tell.
        anisotropy: how far highlights are drawn out along the surface, 0 to 1.
    """

    color: Color | None
    roughness: float
    uniform: bool = False
    subsurface: float = 0.0
    scatter: Color = (0.0, 0.0, 0.0)
    coat: float = 0.0
    pores: float = 0.0
    shade: float = 1.0
    anisotropy: float = 0.0


LOOKS = {
    "skin": Look(None, roughness=0.55, subsurface=1.0, scatter=(0.0037, 0.0014, 0.0007), coat=0.06, pores=0.12),
    "sclera": Look((0.72, 0.69, 0.65), roughness=0.25, subsurface=0.3, scatter=(0.002, 0.001, 0.0007), coat=1.0),
    "brows": Look(None, roughness=0.8),
    "iris": Look(None, roughness=0.35, uniform=True, coat=1.0),
    "pupil": Look((0.003, 0.003, 0.003), roughness=0.3, coat=1.0),
    "teeth": Look(
        (0.74, 0.68, 0.56),
        roughness=0.2,
        subsurface=0.4,
        scatter=(0.002, 0.0015, 0.001),
        coat=0.6,
        shade=0.75,
    ),
    "gums": Look(
        (0.42, 0.10, 0.10),
        roughness=0.3,
        subsurface=0.6,
        scatter=(0.003, 0.001, 0.0007),
        coat=0.5,
        shade=0.45,
    ),
    "tongue": Look(
        (0.46, 0.12, 0.12),
        roughness=0.38,
        subsurface=0.8,
        scatter=(0.004, 0.0013, 0.0008),
        coat=0.4,
        shade=0.5,
    ),
}
PLAIN = Look(None, roughness=0.5)


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
    _fill_colors(mesh, topology)
    for part in topology.materials:
        mesh.materials.append(shared_material(part, LOOKS.get(part, PLAIN)))
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


def _fill_colors(mesh: bpy.types.Mesh, topology: Topology) -> None:
    # Per corner: Workbench shows this attribute alone, and the rims of iris and pupil must stay sharp.
    corners = np.array(topology.colors, np.float32)[topology.corners]
    material = np.repeat(topology.material_index, topology.face_sizes)
    for index, part in enumerate(topology.materials):
        look = LOOKS.get(part, PLAIN)
        own = material == index
        if look.color is not None:
            shown = np.multiply(look.color, look.shade)
            corners[own] = (*shown, 1.0)
        elif look.uniform:
            corners[own] = np.median(corners[own], axis=0)
    attribute = mesh.color_attributes.new(name=COLOR_ATTRIBUTE, type="FLOAT_COLOR", domain="CORNER")
    attribute.data.foreach_set("color", np.ascontiguousarray(corners).ravel())
    mesh.color_attributes.active_color = attribute
    mesh.color_attributes.render_color_index = mesh.color_attributes.find(COLOR_ATTRIBUTE)


def shared_material(part: str, look: Look) -> bpy.types.Material:
    """The file's material for a part of the head, however it looks by now; made with ``look`` if there is none."""
    name = MATERIAL_PREFIX + part
    existing = bpy.data.materials.get(name)
    return existing if existing is not None else _new_material(name, look)


def _new_material(name: str, look: Look) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.diffuse_color = (*(look.color or (0.55, 0.33, 0.25)), 1.0)
    material.roughness = look.roughness
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = look.roughness
    shader.inputs["Subsurface Weight"].default_value = look.subsurface
    shader.inputs["Subsurface Radius"].default_value = look.scatter
    shader.inputs["Subsurface Scale"].default_value = 1.0
    shader.inputs["Coat Weight"].default_value = look.coat
    shader.inputs["Coat Roughness"].default_value = 0.05 if look.coat > 0.5 else 0.3
    compat.set_input(shader, "Anisotropic", look.anisotropy)
    if look.color is None:
        painted = tree.nodes.new("ShaderNodeVertexColor")
        painted.layer_name = COLOR_ATTRIBUTE
        tree.links.new(painted.outputs["Color"], shader.inputs["Base Color"])
    else:
        shader.inputs["Base Color"].default_value = (*look.color, 1.0)
    if look.pores:
        _add_pores(tree, shader, look.pores)
    return material


def _add_pores(tree: bpy.types.NodeTree, shader: bpy.types.Node, strength: float) -> None:
    # Generated coordinates come from the neutral face, so that the pores stay on the skin while it moves.
    coordinates = tree.nodes.new("ShaderNodeTexCoord")
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 160.0
    noise.inputs["Detail"].default_value = 4.0
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = strength
    bump.inputs["Distance"].default_value = 0.001
    tree.links.new(coordinates.outputs["Generated"], noise.inputs["Vector"])
    tree.links.new(noise.outputs["Fac"], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
