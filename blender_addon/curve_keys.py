"""Relative shape keys with a curve each: a take that can be edited, scaled, mixed and layered like any animation."""

import bpy
import numpy as np
from numpy.typing import NDArray

from . import compat
from .records import Key, Keys

BASIS = "Basis"
LINEAR = 1  # FCurve interpolation as foreach_set wants it
FLAT = 1e-6  # of a weight: what is no farther off a straight line is on it


class KeyWriter:
    """Writes a take's keys into an object, one at a time, each with its curve.

    A curve has points where it bends, and is straight between them. Keys that the take never uses have no curve: they
    are free for the animator.

    Undo frees data-blocks, so the object is looked up by name at every write.
    """

    def __init__(
        self, face: bpy.types.Object, scene: bpy.types.Scene, first_frame: int, frame_count: int, keys: Keys
    ) -> None:
        """Prepare an object that has no shape keys yet.

        Args:
            face: a mesh object in its neutral shape.
            scene: whose current frame the face shows when it is finished.
            first_frame: the scene frame of the take's frame 0.
            frame_count: how many frames the take has.
            keys: which will come.

        Raises:
            ValueError: the object has shape keys already, or there are no frames.
        """
        if face.data.shape_keys:
            raise ValueError(f"{face.name} has shape keys already")
        if frame_count < 1:
            raise ValueError("a take has at least one frame")
        self._face_name: str = face.name
        self._scene_name: str = scene.name
        self._keys = keys
        self._written = 0
        self._frames = np.arange(first_frame, first_frame + frame_count, dtype=np.float32)
        face.shape_key_add(name=BASIS, from_mix=False)
        face.data.shape_keys.name = face.name
        self._neutral = np.empty((len(face.data.vertices), 3), np.float32)
        face.data.vertices.foreach_get("co", self._neutral.ravel())
        action = bpy.data.actions.new(f"{face.name} performance")
        face.data.shape_keys.animation_data_create().action = action

    def write(self, key: Key) -> None:
        """Add the next key and play it.

        Args:
            key: of the take; keys come in order.

        Raises:
            ValueError: a key was left out, comes twice or too late, or has the wrong shape.
            KeyError: the object is gone.
        """
        if key.index != self._written or key.index >= len(self._keys.names):
            raise ValueError(f"key {key.index} does not follow {self._written} of {len(self._keys.names)} keys")
        if key.offsets.shape != self._neutral.shape or key.curve.shape != self._frames.shape:
            raise ValueError(f"key {key.index} has shapes {key.offsets.shape} and {key.curve.shape}")
        face = bpy.data.objects[self._face_name]
        block = face.shape_key_add(name=self._keys.names[key.index], from_mix=False)
        # points, not data: 30 to 100 times faster
        block.points.foreach_set("co", np.ascontiguousarray(self._neutral + key.offsets).ravel())
        block.slider_min = min(self._keys.lowest[key.index], float(key.curve.min()))
        block.slider_max = max(1.0, float(key.curve.max()))
        if key.curve.any():
            self._play(face.data.shape_keys, block, key.curve)
        self._written += 1

    def finish(self) -> None:
        """Show the face of the scene's current frame.

        Raises:
            ValueError: keys are missing.
            KeyError: the object is gone.
        """
        if self._written != len(self._keys.names):
            raise ValueError(f"{self._written} of {len(self._keys.names)} keys were written")
        bpy.data.objects[self._face_name].data.update_tag()

    def _play(self, keys: bpy.types.Key, block: bpy.types.ShapeKey, weights: NDArray[np.float32]) -> None:
        path = f'key_blocks["{bpy.utils.escape_identifier(block.name)}"].value'
        curve = compat.new_fcurve(keys, keys.animation_data.action, path)
        kept = bends(self._frames, weights)
        curve.keyframe_points.add(len(kept))
        curve.keyframe_points.foreach_set("co", np.stack([self._frames[kept], weights[kept]], axis=1).ravel())
        curve.keyframe_points.foreach_set("interpolation", np.full(len(kept), LINEAR, dtype=np.int32))
        curve.update()
        # the curve itself is only evaluated at the next change of frame
        block.value = curve.evaluate(bpy.data.scenes[self._scene_name].frame_current)


def bends(frames: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.int64]:
    """The frames, counted from 0, without which a curve of weights ``[F]`` would not be what it is: its keys."""
    kept = np.ones(len(weights), dtype=bool)
    kept[1:-1] = np.abs(np.diff(weights.astype(np.float64), 2)) > FLAT
    off = ~kept
    while off.any():  # slight bends add up
        off = np.abs(np.interp(frames, frames[kept], weights[kept]) - weights) > FLAT
        kept |= off
    return np.flatnonzero(kept)
