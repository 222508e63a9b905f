"""Hair as an object of its own, a child of the face: it does not move with expressions, so it needs no shape keys.

What the animator has changed belongs to the animator. Hair bears a fingerprint of all that was set when it was
made; as long as that fits, FaceTalk may delete the object. Else it is kept, hidden, and never touched again.
"""

import zlib

import bpy
import numpy as np
from mathutils import Color
from mathutils.bvhtree import BVHTree

from .face_materials import (
    COLOR_ATTRIBUTE,
    HEIGHT_ATTRIBUTE,
    UNDER_ATTRIBUTE,
    UNDER_NORMAL_ATTRIBUTE,
    Look,
    shared_material,
)
from .face_object import UV_MAP, fill_quads
from .records import Hair

FINGERPRINT = "facetalk_hair"  # custom property of the object
STYLE = "facetalk_hair_style"  # another, for people and scripts
ROUGHNESS = 0.6
ANISOTROPY = 0.4
SPECULAR = 0.25
SOFT_HAIRLINE = 0.005  # metres over the skin up to which skin is seen between the strands of hair
FOREHEAD = 0.35  # of the hair's depth, from the front, where its hairline is looked at


def create_hair(face: bpy.types.Object, hair: Hair) -> bpy.types.Object:
    """New hair on a face, in the face's collections, shown, and smoothed as the face is.

    Args:
        face: becomes its parent.
        hair: its indices in range, as the reader has checked.

    Returns:
        A mesh object without shape keys.
    """
    name = f"{face.name} Hair"
    mesh = bpy.data.meshes.new(name)
    fill_quads(mesh, hair.vertices, hair.quads, hair.uv)
    _fill_color(mesh, hair)
    _fill_hairline(mesh, hair, face)
    mesh.materials.append(_material(hair))
    made = bpy.data.objects.new(name, mesh)
    made.parent = face
    for collection in face.users_collection:
        collection.objects.link(made)
    for modifier in face.modifiers:
        if modifier.type == "SUBSURF":
            smoothing = made.modifiers.new(modifier.name, "SUBSURF")
            smoothing.levels, smoothing.render_levels = modifier.levels, modifier.render_levels
    made[STYLE] = hair.style
    made[FINGERPRINT] = _fingerprint(made)
    return made


def worn_by(face: bpy.types.Object) -> list[bpy.types.Object]:
    """The hair of a face, as it was made or changed since; not a groom of the animator's own."""
    return [child for child in face.children if FINGERPRINT in child]


def take_off(face: bpy.types.Object) -> list[bpy.types.Object]:
    """Remove the hair of a face; what the animator has changed is hidden instead, and no longer ours.

    Returns:
        what was kept.
    """
    kept = []
    for hair in worn_by(face):
        if _is_as_made(hair):
            remove_hair(hair)
        else:
            del hair[FINGERPRINT]
            hair.hide_viewport = hair.hide_render = True
            kept.append(hair)
    return kept


def remove_hair(hair: bpy.types.Object) -> None:
    """Delete a hair object and its mesh. The material stays: the animator may have worked on it."""
    mesh = hair.data
    bpy.data.objects.remove(hair)
    if not mesh.users:
        bpy.data.meshes.remove(mesh)


def _is_as_made(hair: bpy.types.Object) -> bool:
    return hair.type == "MESH" and hair.mode == "OBJECT" and hair[FINGERPRINT] == _fingerprint(hair)


def _fingerprint(hair: bpy.types.Object) -> str:
    """Of everything about a mesh object that an animator may have put work into."""
    mesh = hair.data
    checksum = 0
    for attribute, component, size in (("position", "vector", 3), (COLOR_ATTRIBUTE, "color", 4), (UV_MAP, "vector", 2)):
        if attribute in mesh.attributes:
            values = np.empty(size * len(mesh.attributes[attribute].data), np.float32)
            mesh.attributes[attribute].data.foreach_get(component, values)
            checksum = zlib.crc32(values.tobytes(), checksum)
    parts = [
        checksum,
        len(mesh.polygons),
        mesh.shape_keys is not None,
        np.array([hair.matrix_parent_inverse, hair.matrix_basis]).round(6).tolist(),
        [group.name for group in hair.vertex_groups],
        [(modifier.name, modifier.type) for modifier in hair.modifiers],
        [slot.material.name if slot.material else "" for slot in hair.material_slots],
        [constraint.name for constraint in hair.constraints],
        hair.animation_data is not None,
        len(hair.children),
    ]
    return f"{zlib.crc32(repr(parts).encode()):08x}"


def _fill_color(mesh: bpy.types.Mesh, hair: Hair) -> None:
    attribute = mesh.color_attributes.new(name=COLOR_ATTRIBUTE, type="FLOAT_COLOR", domain="POINT")
    colors = np.tile(np.array(hair.color, np.float32), len(hair.vertices))
    attribute.data.foreach_set("color", colors)
    mesh.color_attributes.active_color = attribute
    mesh.color_attributes.render_color_index = mesh.color_attributes.find(COLOR_ATTRIBUTE)


def _fill_hairline(mesh: bpy.types.Mesh, hair: Hair, face: bpy.types.Object) -> None:
    """How far hair is over the skin, in ``SOFT_HAIRLINE``, that skin's colour and where it faces, at the forehead."""
    height, under = np.ones(len(hair.vertices), np.float32), np.zeros((len(hair.vertices), 4), np.float32)
    facing = np.empty(3 * len(hair.vertices), np.float32)  # its own, where there is no skin: none would be black
    mesh.vertices.foreach_get("normal", facing)
    facing = facing.reshape(-1, 3)
    depth = hair.vertices[:, 1]
    front = np.flatnonzero(depth < depth.min() + FOREHEAD * np.ptp(depth))
    skin, colors = np.empty(3 * len(face.data.vertices), np.float32), np.empty(4 * len(face.data.loops), np.float32)
    face.data.vertices.foreach_get("co", skin)
    face.data.color_attributes[COLOR_ATTRIBUTE].data.foreach_get("color", colors)
    polygons = [polygon.vertices for polygon in face.data.polygons]
    first_corner = np.empty(len(polygons), np.int32)
    face.data.polygons.foreach_get("loop_start", first_corner)
    tree = BVHTree.FromPolygons(skin.reshape(-1, 3).tolist(), polygons)
    found = [tree.find_nearest(place, SOFT_HAIRLINE) for place in hair.vertices[front].tolist()]
    near = front[[each[3] is not None for each in found]]
    height[near] = [each[3] / SOFT_HAIRLINE for each in found if each[3] is not None]
    normals = np.empty(3 * len(face.data.vertices), np.float32)
    face.data.vertices.foreach_get("normal", normals)
    normals = normals.reshape(-1, 3)
    for vertex, polygon in zip(near, (each[2] for each in found if each[2] is not None), strict=True):
        facing[vertex] = normals[list(polygons[polygon])].mean(axis=0)
    under[near] = colors.reshape(-1, 4)[first_corner[[each[2] for each in found if each[2] is not None]]]
    mesh.attributes.new(HEIGHT_ATTRIBUTE, "FLOAT", "POINT").data.foreach_set("value", height)
    mesh.color_attributes.new(UNDER_ATTRIBUTE, "FLOAT_COLOR", "POINT").data.foreach_set("color", under.ravel())
    mesh.attributes.new(UNDER_NORMAL_ATTRIBUTE, "FLOAT_VECTOR", "POINT").data.foreach_set("vector", facing.ravel())


def _material(hair: Hair) -> bpy.types.Material:
    # One for each colour, found again by its name: an edited look holds for the next hair of that colour.
    color = hair.color[:3]
    shown = Color(color).from_scene_linear_to_srgb()
    name = "hair #" + "".join(f"{round(255 * part):02x}" for part in shown)
    return shared_material(
        name, Look(color, roughness=ROUGHNESS, specular=SPECULAR, detail="strands", anisotropy=ANISOTROPY)
    )
