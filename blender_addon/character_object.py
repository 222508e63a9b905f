"""A mesh object of the user's as a character: what is sent of it, and the copies that perform in its place.

What the user made is never changed: a take is performed by a copy with all modifiers, materials and constraints, and
the object itself is hidden while a take of it is shown.
"""

from collections.abc import Iterable

import bpy
import numpy as np
from numpy.typing import NDArray

from .character_landmarks import landmarks_of
from .character_upload import CharacterUpload, template_name
from .frame_stream import CORNER_LIMIT
from .records import BackendError, Topology

FEWEST_VERTICES = 300  # a face of fewer has no lips
MOST_VERTICES, MOST_FACES = 1_000_000, 1_000_000
CHANGED = 1e-5  # of the mesh's size: what has moved farther was edited
CHOOSE = "click on your character's head"
PLAIN = "surface"  # the material of faces that have none


def disabled_reason(thing: bpy.types.Object | None) -> str:
    """Why an object cannot become a character; empty if it can. Quick enough for every redraw."""
    if thing is None or thing.type != "MESH":
        return f"No mesh is active: {CHOOSE}."
    name = thing.name
    if thing.facetalk.number:
        return f"'{name}' is a take: {CHOOSE} itself."
    if thing.library is not None or thing.data.library is not None:
        return f"'{name}' is linked from another file: make it local first."
    if thing.mode == "EDIT":
        return f"'{name}' is in Edit Mode: leave it first (Tab)."
    mirrors = [each.name for each in thing.modifiers if each.type == "MIRROR" and each.show_viewport]
    if mirrors:
        return f"Half of '{name}' comes from a mirror: apply the modifier {mirrors[0]} first."
    vertices, faces, corners = len(thing.data.vertices), len(thing.data.polygons), len(thing.data.loops)
    if vertices < FEWEST_VERTICES or not faces:
        return f"'{name}' has only {vertices} vertices: {CHOOSE}."
    if vertices > MOST_VERTICES or faces > MOST_FACES or corners > CORNER_LIMIT // 2:
        return f"'{name}' has {vertices:,} vertices, too many: decimate it first."
    return ""


def read_character(thing: bpy.types.Object) -> CharacterUpload:
    """The neutral mesh of an object, as it is sent; ``disabled_reason`` has nothing against it."""
    mesh = thing.data
    own = str(thing.facetalk.template)
    material_index = _numbers(mesh.polygons, "material_index", 1)
    materials = tuple(slot.material.name if slot.material else PLAIN for slot in thing.material_slots) or (PLAIN,)
    return CharacterUpload(
        name=own or template_name(thing.name),
        own=bool(own),
        vertices=_neutral(thing),
        face_sizes=_numbers(mesh.polygons, "loop_total", 1),
        corners=_numbers(mesh.loops, "vertex_index", 1),
        uv=_uv(mesh),
        materials=materials,
        material_index=np.clip(material_index, 0, len(materials) - 1),
        landmarks=landmarks_of(thing),
    )


def is_character(thing: bpy.types.Object) -> bool:
    """Whether an object is a character, not a take of one."""
    return bool(thing.facetalk.template) and not thing.facetalk.number


def known_templates() -> list[str]:
    """Templates of the characters in this file."""
    return sorted({thing.facetalk.template for thing in bpy.data.objects if is_character(thing)})


def characters_of(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The characters of a scene, by name."""
    return sorted((thing for thing in scene.objects if is_character(thing)), key=lambda thing: str(thing.name))


def find_character(scene: bpy.types.Scene, template: str) -> bpy.types.Object | None:
    """The character of a template: the active one if it is, else the first by name; None if there is none."""
    found = [thing for thing in characters_of(scene) if thing.facetalk.template == template]
    active = bpy.context.view_layer.objects.active
    return active if active in found else next(iter(found), None)


def stand_in(character: bpy.types.Object, name: str, topology: Topology) -> bpy.types.Object:
    """A copy of a character that can perform, without shape keys, linked nowhere.

    Args:
        character: stays as it is.
        name: of the copy and its mesh.
        topology: of the take.

    Raises:
        BackendError: the character's mesh is no longer the one that was bound.
    """
    character.update_from_editmode()
    mesh = character.data
    neutral = _neutral(character)
    same = (len(mesh.vertices), len(mesh.polygons)) == (len(topology.vertices), len(topology.face_sizes))
    if not same or not np.array_equal(_numbers(mesh.loops, "vertex_index", 1), topology.corners):
        raise _changed(character)
    if np.abs(neutral - topology.vertices).max() > CHANGED * float(np.ptp(neutral, axis=0).max()):
        raise _changed(character)
    made: bpy.types.Object = character.copy()
    made.name = name
    made.data = mesh.copy()
    made.data.name = name
    made.shape_key_clear()
    made.data.vertices.foreach_set("co", neutral.ravel())
    return made


def _changed(character: bpy.types.Object) -> BackendError:
    return BackendError(f"The mesh of '{character.name}' was edited since: press Use My Character again.")


def _neutral(thing: bpy.types.Object) -> NDArray[np.float32]:
    keys = thing.data.shape_keys
    return _floats(thing.data.vertices if keys is None else keys.reference_key.points, "co", 3)


def _uv(mesh: bpy.types.Mesh) -> NDArray[np.float32]:
    active = mesh.uv_layers.active
    return np.zeros((len(mesh.loops), 2), np.float32) if active is None else _floats(active.uv, "vector", 2)


def _floats(items: Iterable[object], name: str, size: int) -> NDArray[np.float32]:
    values = np.empty(size * len(items), np.float32)  # type: ignore[arg-type]
    items.foreach_get(name, values)  # type: ignore[attr-defined]
    return values.reshape(-1, size)


def _numbers(items: Iterable[object], name: str, size: int) -> NDArray[np.int32]:
    values = np.empty(size * len(items), np.int32)  # type: ignore[arg-type]
    items.foreach_get(name, values)  # type: ignore[attr-defined]
    return values
