"""A take as some tens of relative shape keys with a curve each: small, and to be mixed, scaled and layered like any."""

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from . import compat
from .compact_form import CompactForm, FrameSpan
from .shape_keys import LINEAR

FRAMES_AT_ONCE = 25
RIM_GROUPS = ("lip_", "lid_")  # vertex groups that begin so meet their like: twice as close as the rest
METRES = 0.001  # per millimetre


@dataclass(frozen=True)
class CompactReport:
    """How small a take became.

    Attributes:
        keys: how many shape keys, the neutral one left out.
        error_mm: millimetres that no vertex of any frame is farther off than.
    """

    keys: int
    error_mm: float


class CompactWriter:
    """Writes a take into few shape keys; takes frames as ``FrameWriter`` does.

    Key 0, the basis, is the neutral face; every other key is as far as the take ever goes its way, and has a curve
    within -1 to 1 with one point a frame. Curves at 0 are the neutral face.
    """

    def __init__(
        self, face: bpy.types.Object, scene: bpy.types.Scene, first_frame: int, frame_count: int, tolerance_mm: float
    ) -> None:
        """Prepare an object that has no shape keys yet.

        Args:
            face: a mesh object in its neutral shape.
            scene: whose current frame the face shows when it is finished.
            first_frame: the scene frame of the take's frame 0.
            frame_count: how many frames will be written.
            tolerance_mm: how far off a vertex may be; those of lips and lids half as far.

        Raises:
            ValueError: the object has shape keys already, or there are no frames.
        """
        if face.data.shape_keys:
            raise ValueError(f"{face.name} has shape keys already")
        if frame_count < 1:
            raise ValueError("a take has at least one frame")
        self._face, self._scene = face, scene
        self._first_frame, self._frame_count, self._written = first_frame, frame_count, 0
        self._neutral = np.empty(3 * len(face.data.vertices), np.float32)
        face.data.vertices.foreach_get("co", self._neutral)
        tolerances = np.full(len(face.data.vertices), tolerance_mm * METRES, np.float32)
        tolerances[_rims(face)] *= 0.5
        self._span = FrameSpan(self._neutral.reshape(-1, 3), tolerances)
        self._waiting: list[NDArray[np.float32]] = []

    def write(self, index: int, vertices: NDArray[np.float32]) -> None:
        """Take the next frame.

        Args:
            index: of the frame in the take; frames come in order.
            vertices: float32 [V, 3], metres, in the object's own space.

        Raises:
            ValueError: a frame was left out, comes twice or too late, or has the wrong shape.
        """
        if index != self._written or index >= self._frame_count:
            raise ValueError(f"frame {index} does not follow {self._written} of {self._frame_count} frames")
        if vertices.size != self._neutral.size:
            raise ValueError(f"frame {index} has shape {vertices.shape}, not ({self._neutral.size // 3}, 3)")
        self._waiting.append(np.array(vertices, np.float32))
        self._written += 1
        if len(self._waiting) == FRAMES_AT_ONCE or self._written == self._frame_count:
            self._span.add(np.stack(self._waiting))
            self._waiting.clear()

    def finish(self) -> CompactReport:
        """Make the keys and their curves, and show the face of the scene's current frame.

        Raises:
            ValueError: frames are missing.
        """
        if self._written != self._frame_count:
            raise ValueError(f"{self._written} of {self._frame_count} frames were written")
        form = self._span.fewest()
        self._add_keys(form)
        return CompactReport(len(form.displacements), form.error / METRES)

    def _add_keys(self, form: CompactForm) -> None:
        self._face.shape_key_add(name="Neutral", from_mix=False)
        keys: bpy.types.Key = self._face.data.shape_keys
        keys.name = self._face.name
        frames = np.arange(self._first_frame, self._first_frame + self._frame_count, dtype=np.float32)
        action = bpy.data.actions.new(f"{self._face.name} playback")
        for number, (shape, values) in enumerate(zip(form.displacements, form.curves.T, strict=True), start=1):
            key = self._face.shape_key_add(name=f"Mode {number:02d}", from_mix=False)
            key.slider_min, key.slider_max = -1.0, 1.0
            key.points.foreach_set("co", self._neutral + shape.ravel())
            curve = compat.new_fcurve(keys, action, f'key_blocks["{key.name}"].value')
            curve.keyframe_points.add(self._frame_count)
            curve.keyframe_points.foreach_set("co", np.stack([frames, values], axis=1).ravel())
            curve.keyframe_points.foreach_set("interpolation", np.full(self._frame_count, LINEAR, dtype=np.int32))
            curve.update()
            key.value = curve.evaluate(self._scene.frame_current)
        self._face.data.update_tag()


def _rims(face: bpy.types.Object) -> list[int]:
    """The vertices that are in a group of lips or lids."""
    groups = {group.index for group in face.vertex_groups if group.name.startswith(RIM_GROUPS)}
    return [v.index for v in face.data.vertices if any(entry.group in groups for entry in v.groups)]
