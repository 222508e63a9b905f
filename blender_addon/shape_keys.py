"""The frames of a take as absolute shape keys: one key a frame, all played by a single curve."""

import bpy
import numpy as np

from . import compat
from .records import Frame

LINEAR = 1  # FCurve interpolation as foreach_set wants it


class FrameWriter:
    """Writes a take into the shape keys of an object, one frame at a time.

    Key 0, the basis, is the neutral face; key ``i + 1`` is frame ``i`` of the take. The curve on
    ``eval_time`` has one point a frame at the place of its key, so whole frames are right to a micrometre;
    between two frames the face moves straight from one to the next, before the first and after the last it
    holds.

    Undo frees data-blocks, so the object is looked up by name at every write.
    """

    def __init__(self, face: bpy.types.Object, scene: bpy.types.Scene, first_frame: int, frame_count: int) -> None:
        """Prepare an object that has no shape keys yet.

        Args:
            face: a mesh object.
            scene: whose current frame the face shows when it is finished.
            first_frame: the scene frame of the take's frame 0.
            frame_count: how many frames will be written.

        Raises:
            ValueError: the object has shape keys already, or there are no frames.
        """
        if face.data.shape_keys:
            raise ValueError(f"{face.name} has shape keys already")
        if frame_count < 1:
            raise ValueError("a take has at least one frame")
        self._face_name: str = face.name
        self._scene_name: str = scene.name
        self._vertex_count = len(face.data.vertices)
        self._first_frame = first_frame
        self._frame_count = frame_count
        self._written = 0
        face.shape_key_add(name="Neutral", from_mix=False)
        keys: bpy.types.Key = face.data.shape_keys
        keys.use_relative = False
        keys.name = face.name

    def write(self, frame: Frame) -> None:
        """Write the next frame.

        Args:
            frame: of the take, in the object's own space; frames come in order.

        Raises:
            ValueError: a frame was left out, comes twice or too late, or has the wrong shape.
            KeyError: the object is gone.
        """
        index, vertices = frame.index, frame.vertices
        if index != self._written or index >= self._frame_count:
            raise ValueError(f"frame {index} does not follow {self._written} of {self._frame_count} frames")
        if vertices.shape != (self._vertex_count, 3):
            raise ValueError(f"frame {index} has shape {vertices.shape}, not ({self._vertex_count}, 3)")
        face = bpy.data.objects[self._face_name]
        key = face.shape_key_add(name=f"Frame {self._first_frame + index:04d}", from_mix=False)
        key.interpolation = "KEY_LINEAR"
        # points, not data: 30 to 100 times faster
        key.points.foreach_set("co", np.ascontiguousarray(vertices, dtype=np.float32).ravel())
        self._written += 1

    def finish(self) -> None:
        """Animate ``eval_time`` over the frames and show the face of the scene's current frame.

        Raises:
            ValueError: frames are missing.
            KeyError: the object or the scene is gone.
        """
        if self._written != self._frame_count:
            raise ValueError(f"{self._written} of {self._frame_count} frames were written")
        face = bpy.data.objects[self._face_name]
        keys = face.data.shape_keys
        curve = compat.new_fcurve(keys, bpy.data.actions.new(f"{face.name} playback"), "eval_time")
        places = np.array([key.frame for key in keys.key_blocks[1:]], dtype=np.float32)
        frames = np.arange(self._first_frame, self._first_frame + self._frame_count, dtype=np.float32)
        curve.keyframe_points.add(self._frame_count)
        curve.keyframe_points.foreach_set("co", np.stack([frames, places], axis=1).ravel())
        curve.keyframe_points.foreach_set("interpolation", np.full(self._frame_count, LINEAR, dtype=np.int32))
        curve.update()
        # the curve itself is only evaluated at the next change of frame
        keys.eval_time = curve.evaluate(bpy.data.scenes[self._scene_name].frame_current)
        face.data.update_tag()
