"""A take's motion into an object, in whichever form it comes: frames, or keys with curves."""

import bpy

from .curve_keys import KeyWriter
from .records import Frame, Key, Keys
from .shape_keys import FrameWriter


class MotionWriter:
    """Takes the records that move a face, in their order."""

    def __init__(self, face: bpy.types.Object, scene: bpy.types.Scene, first_frame: int, frame_count: int) -> None:
        """Prepare an object that has no shape keys yet; see ``FrameWriter`` and ``KeyWriter``."""
        self._face_name: str = face.name
        self._scene_name: str = scene.name
        self._first_frame, self._frame_count = first_frame, frame_count
        self._frames: FrameWriter | None = None
        self._keys: KeyWriter | None = None

    def write(self, record: Frame | Keys | Key) -> None:
        """Take in one record.

        Raises:
            ValueError: it does not follow those before it.
            KeyError: the object or the scene is gone.
        """
        if isinstance(record, Keys):
            self._keys = KeyWriter(*self._place(), record)
        elif isinstance(record, Key):
            if self._keys is None:
                raise ValueError("a key comes before it is said which there are")
            self._keys.write(record)
        else:
            self._frames = self._frames or FrameWriter(*self._place())
            self._frames.write(record)

    def finish(self) -> None:
        """Complete the motion, and show the face of the scene's current frame.

        Raises:
            ValueError: something is missing.
            KeyError: the object or the scene is gone.
        """
        writer = self._frames or self._keys
        if writer is None:
            raise ValueError(f"0 of {self._frame_count} frames were written")
        writer.finish()

    def _place(self) -> tuple[bpy.types.Object, bpy.types.Scene, int, int]:
        face, scene = bpy.data.objects[self._face_name], bpy.data.scenes[self._scene_name]
        return face, scene, self._first_frame, self._frame_count
