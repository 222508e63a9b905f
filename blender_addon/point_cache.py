"""The frames of a take in a file beside the .blend, played by a Mesh Cache modifier: for takes too long for shape keys.

The file is a PC2 point cache, which Maya, 3ds Max and Houdini read too: a header, then the vertices of every frame.
Blender reads two frames of it at a time, so that neither writing nor playing it needs more memory for a longer take.
"""

import struct
from pathlib import Path

import bpy
import numpy as np

from .records import Frame

# signature, version, vertices, first frame, frames between samples, samples
HEADER = struct.Struct("<12siiffi")
SIGNATURE = b"POINTCACHE2\0"
VERSION = 1
MODIFIER = "Take"
MESH_CACHE = "MESH_CACHE"  # its type


class CacheWriter:
    """Writes a take into a point cache, one frame at a time. Leaving the ``with`` block closes the file."""

    def __init__(self, face: bpy.types.Object, first_frame: int, frame_count: int, path: Path) -> None:
        """Prepare an object that has no shape keys.

        Args:
            face: a mesh object; its own vertices are the neutral face.
            first_frame: the scene frame of the take's frame 0.
            frame_count: how many frames will be written.
            path: the file to write; the face looks for it by its name, beside the .blend.

        Raises:
            ValueError: there are no frames.
            OSError: the file cannot be written.
        """
        if frame_count < 1:
            raise ValueError("a take has at least one frame")
        self._face_name: str = face.name
        self._first_frame = first_frame
        self._frame_count = frame_count
        self._shape = (len(face.data.vertices), 3)
        self._written = 0
        self._path = path
        self._file = path.open("wb")
        self._file.write(HEADER.pack(SIGNATURE, VERSION, self._shape[0], float(first_frame), 1.0, frame_count))

    def __enter__(self) -> "CacheWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, frame: Frame) -> None:
        """Write the next frame.

        Args:
            frame: of the take, in the object's own space; frames come in order.

        Raises:
            ValueError: a frame was left out, comes twice or too late, or has the wrong shape.
            OSError: the disk is full.
        """
        if frame.index != self._written or frame.index >= self._frame_count:
            raise ValueError(f"frame {frame.index} does not follow {self._written} of {self._frame_count} frames")
        if frame.vertices.shape != self._shape:
            raise ValueError(f"frame {frame.index} has shape {frame.vertices.shape}, not {self._shape}")
        self._file.write(np.ascontiguousarray(frame.vertices, dtype="<f4").data)
        self._written += 1

    def finish(self) -> None:
        """Play the file on the object, before whatever else its modifiers do.

        Raises:
            ValueError: frames are missing.
            KeyError: the object is gone.
        """
        if self._written != self._frame_count:
            raise ValueError(f"{self._written} of {self._frame_count} frames were written")
        self._file.close()
        face = bpy.data.objects[self._face_name]
        modifier = face.modifiers.new(MODIFIER, MESH_CACHE)
        modifier.cache_format = "PC2"
        modifier.frame_start = self._first_frame
        face.modifiers.move(len(face.modifiers) - 1, 0)
        play_from(face, f"//{self._path.name}")


def play_from(face: bpy.types.Object, path: str) -> None:
    """Say where the point cache of a face is: a path of Blender's, ``//`` for the .blend's own folder.

    Raises:
        KeyError: the face has no take that is kept in one.
    """
    face.modifiers[MODIFIER].filepath = path
