"""A take in the .blend: the face object, and what it was made from, so that it can be made again."""

# mypy: disable-error-code="misc, valid-type"

import json

import bpy
from bpy.props import (
    BoolProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import brow_hairs, character_object, face_object, hair_object, lashes, lid_margins, worn_pieces
from .motion_writer import MotionWriter
from .records import BackendError, Frame, Hair, Hello, Key, Keys, Topology
from .strip_sound import StripSound

COLLECTION = "FaceTalk"
NAME_LENGTH = 40  # characters of the strip's name that go into the object's


class FaceTalkTake(bpy.types.PropertyGroup):
    """Where a face object comes from. Kept on the object: it survives saving, appending and linking.

    What hangs on a face has the same group, and uses the two last; a character uses ``template``.
    """

    is_take: BoolProperty(options={"HIDDEN"}, description="Whether the object is a complete take")
    number: IntProperty(name="Take", description="Counts the takes of one strip")
    strip: StringProperty(name="Strip", description="The sound strip that was animated")
    first_frame: IntProperty(name="First Frame", description="Where the strip began")
    frame_count: IntProperty(name="Frames")
    fps: FloatProperty(name="Frame Rate")
    sound_sha256: StringProperty(
        name="Sound", description="SHA-256 of the samples (float32, 16 kHz, mono) that were animated"
    )
    seed: IntProperty(name="Seed")
    settings: StringProperty(name="Settings", description="All that was asked of the backend, as JSON")
    models: StringProperty(name="Models", description="The model bundles that made the take")
    backend_version: StringProperty(name="Backend", description="Version of the backend")
    device: StringProperty(name="Device", description="Where the models ran")
    template: StringProperty(name="Template", description="The character that performs, or that the object is")
    head: StringProperty(name="Head", description="The imported head that performs; empty for the embedded one")
    character: StringProperty(name="Character", description="The object that the take stands in for")
    hidden_in_view: BoolProperty(options={"HIDDEN"}, description="Hidden in views because the take is")
    hidden_in_render: BoolProperty(options={"HIDDEN"}, description="Hidden in renders because the take is")


def takes_of(scene: bpy.types.Scene, strip: str | None = None) -> list[bpy.types.Object]:
    """The face objects of a scene, of one strip if it is named, by take number."""
    faces = [face for face in scene.objects if face.facetalk.is_take and strip in (None, face.facetalk.strip)]
    return sorted(faces, key=lambda face: (face.facetalk.strip, face.facetalk.number))


def unused_seed(scene: bpy.types.Scene, strip: str) -> int:
    """The smallest seed above those of all takes of the strip."""
    return max((face.facetalk.seed for face in takes_of(scene, strip)), default=-1) + 1


def show_only(scene: bpy.types.Scene, shown: bpy.types.Object) -> None:
    """Show one take and hide the others of its strip, in the view and in renders, with all that hangs on them.

    The character that it stands in for is hidden too.
    """
    for face in takes_of(scene, shown.facetalk.strip):
        face.hide_viewport = face.hide_render = face != shown
        _hide_with(face)
    character = _character_of(scene, shown)
    if character is not None:
        character.hide_viewport = character.hide_render = True


def show_character(scene: bpy.types.Scene, character: bpy.types.Object) -> None:
    """Show a character itself and hide all its takes."""
    character.hide_viewport = character.hide_render = False
    for face in takes_of(scene):
        if _character_of(scene, face) == character:
            face.hide_viewport = face.hide_render = True
            _hide_with(face)


def active_take(context: bpy.types.Context) -> bpy.types.Object | None:
    """The take that is worked on: the active object, or the one it hangs on."""
    active = context.view_layer.objects.active
    while active is not None and not active.facetalk.is_take:
        active = active.parent
    return active


def dress(face: bpy.types.Object, hair: Hair | None) -> None:
    """Give a face other hair, or none. Hair the animator has changed is kept, hidden; an own groom is left alone."""
    for kept in hair_object.take_off(face):
        kept.facetalk.hidden_in_view = kept.facetalk.hidden_in_render = False  # it stays hidden
    if hair is not None:
        hair_object.create_hair(face, hair)
    _hide_with(face)


def _character_of(scene: bpy.types.Scene, face: bpy.types.Object) -> bpy.types.Object | None:
    """The object that a take stands in for, if it is still there."""
    character = scene.objects.get(face.facetalk.character)
    return character if character is not None and character_object.is_character(character) else None


def _hide_with(face: bpy.types.Object) -> None:
    """Blender hides no children with their parent. What was hidden before stays so when the face is shown again."""
    for child in face.children_recursive:
        own = child.facetalk
        if own.hidden_in_view or not child.hide_viewport:
            child.hide_viewport = own.hidden_in_view = face.hide_viewport
        if own.hidden_in_render or not child.hide_render:
            child.hide_render = own.hidden_in_render = face.hide_render


class TakeBuilder:
    """Builds the face object of a take from its records, one at a time, on the main thread.

    Undo and deletion by the user may take the object away between two records, so it is looked up each time.
    """

    def __init__(self, scene: bpy.types.Scene, sound: StripSound) -> None:
        self._scene_name: str = scene.name
        self._sound = sound
        self._sound_sha256 = ""
        self._hello: Hello | None = None
        self._name = ""
        self._uid = 0
        self._hair_name = ""
        self._hair_uid = 0
        self._writer: MotionWriter | None = None

    def sound_read(self, sha256: str) -> None:
        """The sound was decoded."""
        self._sound_sha256 = sha256

    def add(self, record: Hello | Topology | Hair | Frame | Keys | Key) -> None:
        """Take in one record.

        Raises:
            BackendError: the object was taken away, or its character's mesh was edited since it was bound.
        """
        if isinstance(record, Hello):
            self._hello = record
        elif isinstance(record, Topology):
            self._create(record)
        elif isinstance(record, Hair):
            self._create_hair(record)
        else:
            self._face()
            assert self._writer is not None, "the stream's reader has checked that TOPOLOGY comes first"
            self._writer.write(record)

    def finish(self) -> bpy.types.Object:
        """Complete the object, hide the older takes of the strip, and return it.

        Raises:
            BackendError: the object was taken away.
        """
        face = self._face()
        assert self._writer is not None, "there is a face"
        self._writer.finish()
        face.facetalk.is_take = True
        show_only(self._scene(), face)
        return face

    def discard(self) -> None:
        """Remove what was built so far, if it is still there."""
        for thing in (find(self._hair_name, self._hair_uid), find(self._name, self._uid)):
            if thing is not None:
                remove(thing)

    def _create(self, topology: Topology) -> None:
        scene = self._scene()
        strip = self._sound.strip_name
        number = max((face.facetalk.number for face in takes_of(scene, strip)), default=0) + 1
        assert self._hello is not None, "the stream's reader has checked that HELLO comes first"
        own = self._hello.placement is not None  # a mesh of the user's
        template = str(self._hello.settings.get("template")) if own else ""
        character = character_object.find_character(scene, template) if template else None
        name = f"{strip[:NAME_LENGTH]} take {number}"
        if character is None:
            face = face_object.create_face(name, topology)
        else:
            face = character_object.stand_in(character, name, topology)
        self._name, self._uid = face.name, face.session_uid
        for collection in face.users_collection:
            collection.objects.unlink(face)
        _face_collection(scene).objects.link(face)
        if character is None:
            brow_hairs.create_brow_hairs(face, topology)
            lashes.create_lashes(face, topology)
            lid_margins.create_lid_margins(face, topology)
        face.hide_viewport = True  # a view that redraws the growing object would slow its growth
        face.facetalk.template = template
        face.facetalk.character = "" if character is None else character.name
        self._record_origin(face.facetalk, self._hello, number)
        self._writer = MotionWriter(face, scene, self._sound.first_frame, self._hello.frame_count)

    def _create_hair(self, record: Hair) -> None:
        hair = hair_object.create_hair(self._face(), record)
        self._hair_name, self._hair_uid = hair.name, hair.session_uid
        _hide_with(self._face())

    def _record_origin(self, take: FaceTalkTake, hello: Hello, number: int) -> None:
        take.number = number
        take.strip = self._sound.strip_name
        take.first_frame = self._sound.first_frame
        take.frame_count = hello.frame_count
        take.fps = hello.fps
        take.sound_sha256 = self._sound_sha256
        take.seed = int(hello.settings.get("seed", 0))
        take.head = str(hello.settings.get("head") or "")
        take.settings = json.dumps(hello.settings, sort_keys=True)
        take.models = ", ".join(hello.models)
        take.backend_version = hello.version
        take.device = hello.device

    def _scene(self) -> bpy.types.Scene:
        scene = bpy.data.scenes.get(self._scene_name)
        if scene is None:
            raise BackendError("The scene was removed while its take was being made: generate it again.")
        return scene

    def _face(self) -> bpy.types.Object:
        face = find(self._name, self._uid)
        if face is None:
            raise BackendError("The face was removed, renamed or undone while it was being made: generate again.")
        return face


def find(name: str, uid: int) -> bpy.types.Object | None:
    """The object of this name, if it is still the one with this ``session_uid``."""
    thing = bpy.data.objects.get(name)
    return thing if thing is not None and thing.session_uid == uid else None


def remove(thing: bpy.types.Object) -> None:
    """Delete a face with its lashes and brows, or hair, and all that only it used: mesh, action, collection."""
    for worn in worn_pieces.worn_by(thing):
        remove(worn)
    mesh = thing.data
    keys = mesh.shape_keys
    action = keys.animation_data.action if keys is not None and keys.animation_data is not None else None
    nodes = [modifier.node_group for modifier in thing.modifiers if modifier.type == "NODES" and modifier.node_group]
    parts = [*mesh.materials, *nodes, *([action] if action is not None else []), *thing.users_collection]
    bpy.data.objects.remove(thing)
    bpy.data.meshes.remove(mesh)
    bpy.data.batch_remove([part for part in parts if _is_unused(part)])


def _is_unused(part: bpy.types.ID) -> bool:
    if isinstance(part, bpy.types.Collection):
        return not part.all_objects and not part.children
    return not part.users


def _face_collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    for collection in scene.collection.children:
        if collection.name.partition(".")[0] == COLLECTION:
            return collection
    collection = bpy.data.collections.new(COLLECTION)
    scene.collection.children.link(collection)
    return collection


classes = (FaceTalkTake,)


def register() -> None:
    """Add ``Object.facetalk``."""
    for each in classes:
        bpy.utils.register_class(each)
    bpy.types.Object.facetalk = PointerProperty(type=FaceTalkTake)


def unregister() -> None:
    """Remove ``Object.facetalk``; the data stays in the file."""
    del bpy.types.Object.facetalk
    for each in reversed(classes):
        bpy.utils.unregister_class(each)
