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

from . import face_object, shape_keys
from .frame_stream import BackendError, Frame, Hello, Topology
from .strip_sound import StripSound

COLLECTION = "FaceTalk"
NAME_LENGTH = 40  # characters of the strip's name that go into the object's


class FaceTalkTake(bpy.types.PropertyGroup):
    """Where a face object comes from. Kept on the object: it survives saving, appending and linking."""

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


def takes_of(scene: bpy.types.Scene, strip: str | None = None) -> list[bpy.types.Object]:
    """The face objects of a scene, of one strip if it is named, by take number."""
    faces = [face for face in scene.objects if face.facetalk.is_take and strip in (None, face.facetalk.strip)]
    return sorted(faces, key=lambda face: (face.facetalk.strip, face.facetalk.number))


def unused_seed(scene: bpy.types.Scene, strip: str) -> int:
    """The smallest seed above those of all takes of the strip."""
    return max((face.facetalk.seed for face in takes_of(scene, strip)), default=-1) + 1


def show_only(scene: bpy.types.Scene, shown: bpy.types.Object) -> None:
    """Show one take and hide the others of its strip, in the view and in renders."""
    for face in takes_of(scene, shown.facetalk.strip):
        face.hide_viewport = face.hide_render = face != shown


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
        self._writer: shape_keys.FrameWriter | None = None

    def sound_read(self, sha256: str) -> None:
        """The sound was decoded."""
        self._sound_sha256 = sha256

    def add(self, record: Hello | Topology | Frame) -> None:
        """Take in one record.

        Raises:
            BackendError: the object was taken away, or the take does not fit the timeline.
        """
        if isinstance(record, Hello):
            self._hello = record
        elif isinstance(record, Topology):
            self._create(record)
        else:
            self._face()
            assert self._writer is not None, "the stream's reader has checked that TOPOLOGY comes first"
            self._writer.write(record.index, record.vertices)

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
        face = bpy.data.objects.get(self._name)
        if face is not None and face.session_uid == self._uid:
            remove(face)

    def _create(self, topology: Topology) -> None:
        scene = self._scene()
        strip = self._sound.strip_name
        number = max((face.facetalk.number for face in takes_of(scene, strip)), default=0) + 1
        face = face_object.create_face(f"{strip[:NAME_LENGTH]} take {number}", topology)
        self._name, self._uid = face.name, face.session_uid
        for collection in face.users_collection:
            collection.objects.unlink(face)
        _face_collection(scene).objects.link(face)
        face.hide_viewport = True  # a view that redraws the growing object would slow its growth
        assert self._hello is not None, "the stream's reader has checked that HELLO comes first"
        self._record_origin(face.facetalk, self._hello, number)
        self._writer = shape_keys.FrameWriter(face, scene, self._sound.first_frame, self._hello.frame_count)

    def _record_origin(self, take: FaceTalkTake, hello: Hello, number: int) -> None:
        take.number = number
        take.strip = self._sound.strip_name
        take.first_frame = self._sound.first_frame
        take.frame_count = hello.frame_count
        take.fps = hello.fps
        take.sound_sha256 = self._sound_sha256
        take.seed = int(hello.settings.get("seed", 0))
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
        face = bpy.data.objects.get(self._name)
        if face is None or face.session_uid != self._uid:
            raise BackendError("The face was removed, renamed or undone while it was being made: generate again.")
        return face


def remove(face: bpy.types.Object) -> None:
    """Delete a face object and all that only it used: mesh, shape keys, action, materials, collection."""
    mesh = face.data
    keys = mesh.shape_keys
    action = keys.animation_data.action if keys is not None and keys.animation_data is not None else None
    parts = [*mesh.materials, *([action] if action is not None else []), *face.users_collection]
    bpy.data.objects.remove(face)
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
