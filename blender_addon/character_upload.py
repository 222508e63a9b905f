"""The mesh of a character as it is sent to the backend (docs/protocol.md, section Service). Free of bpy."""

import json
import re
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

NAME_LENGTH = 64  # characters of a template's name
NAMELESS = "character"
RESERVED = ("default",)  # names that mean another mesh


@dataclass(frozen=True)
class CharacterUpload:
    """A mesh that is to become a character.

    Attributes:
        name: of the template it becomes; one of that name is replaced.
        own: whether the name is the mesh's already, else it must be nobody's.
        vertices: float32 ``[V, 3]``, neutral, in the object's own space.
        face_sizes: int32 ``[P]``.
        corners: int32 ``[C]``, vertices of all corners, face by face.
        uv: float32 ``[C, 2]``.
        materials: their names, one at least.
        material_index: int32 ``[P]``.
        landmarks: named points, in the object's own space; may be empty.
    """

    name: str
    own: bool
    vertices: NDArray[np.float32]
    face_sizes: NDArray[np.int32]
    corners: NDArray[np.int32]
    uv: NDArray[np.float32]
    materials: tuple[str, ...]
    material_index: NDArray[np.int32]
    landmarks: Mapping[str, tuple[float, float, float]]

    def named_apart(self, taken: Collection[str]) -> "CharacterUpload":
        """The same under a name that no other mesh has: ``hero``, ``hero-2``."""
        if self.own:
            return self
        name, number = self.name, 1
        while name in taken or name in RESERVED:
            number += 1
            ending = f"-{number}"
            name = self.name[: NAME_LENGTH - len(ending)] + ending
        return replace(self, name=name)

    def pack(self) -> bytes:
        """The body of ``POST /v1/characters``."""
        header = json.dumps(
            {
                "name": self.name,
                "vertex_count": len(self.vertices),
                "face_count": len(self.face_sizes),
                "corner_count": len(self.corners),
                "materials": self.materials,
                "landmarks": dict(self.landmarks),
            }
        ).encode()
        floats = (np.ascontiguousarray(part, "<f4").tobytes() for part in (self.vertices, self.uv))
        vertices, uv = floats
        whole = (self.face_sizes, self.corners, self.material_index)
        sizes, corners, index = (np.ascontiguousarray(part, "<i4").tobytes() for part in whole)
        return b"".join([struct.pack("<I", len(header)), header, vertices, sizes, corners, index, uv])


def template_name(text: str) -> str:
    """A name that a template can have, of the object's."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-")[:NAME_LENGTH] or NAMELESS
