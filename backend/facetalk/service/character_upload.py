"""A character's mesh as it comes from Blender (``docs/protocol.md``, section Service)."""

import struct
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from facetalk.errors import UserError
from facetalk.topology.polygon_mesh import CORNER_LIMIT, FACE_LIMIT, PolygonMesh

VERTEX_LIMIT = 1_000_000
UPLOAD_LIMIT = 128 << 20  # bytes; the largest mesh has 70 MB
LENGTH = struct.Struct("<I")  # of the header, in bytes

Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Header(BaseModel):
    """Names and sizes of what follows."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z0-9_-]{1,64}$")
    vertex_count: int = Field(ge=3, le=VERTEX_LIMIT)
    face_count: int = Field(ge=1, le=FACE_LIMIT)
    corner_count: int = Field(ge=3, le=CORNER_LIMIT)
    materials: list[Name] = Field(min_length=1, max_length=1024)
    landmarks: dict[Name, tuple[FiniteFloat, FiniteFloat, FiniteFloat]] = Field(max_length=64)

    @property
    def array_bytes(self) -> int:
        """Of all arrays."""
        return 4 * (3 * self.vertex_count + 2 * self.face_count + 3 * self.corner_count)


@dataclass(frozen=True)
class CharacterUpload:
    """A mesh that is to become a character.

    Attributes:
        name: of the template it becomes.
        mesh: in its own units and axes.
        landmarks: named points of it, or None.
    """

    name: str
    mesh: PolygonMesh
    landmarks: dict[str, NDArray[np.float64]] | None


def read_character(body: bytes | bytearray) -> CharacterUpload:
    """Read the body of ``POST /v1/characters``.

    Raises:
        UserError: it is cut off or damaged, or too large.
    """
    if len(body) < LENGTH.size:
        raise _unreadable("no header")
    (length,) = LENGTH.unpack_from(body)
    start = LENGTH.size + length
    try:
        header = _Header.model_validate_json(body[LENGTH.size : start])
    except ValidationError as error:
        first = error.errors()[0]
        raise _unreadable(f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error
    if len(body) - start != header.array_bytes:
        raise _unreadable(f"{len(body) - start} bytes where {header.array_bytes} belong")
    landmarks = {name: np.array(point) for name, point in header.landmarks.items()}
    return CharacterUpload(header.name, _read_mesh(memoryview(body)[start:], header), landmarks or None)


def _read_mesh(arrays: memoryview, header: _Header) -> PolygonMesh:
    v, p, c = header.vertex_count, header.face_count, header.corner_count
    numbers = np.frombuffer(arrays, "<i4")
    sizes, corners, material_index = np.split(numbers[3 * v : 3 * v + 2 * p + c].astype(np.int64), [p, p + c])
    mesh = PolygonMesh(
        vertices=np.frombuffer(arrays, "<f4", 3 * v).reshape(v, 3).astype(np.float64),
        face_sizes=sizes,
        corners=corners,
        corner_uv=np.frombuffer(arrays, "<f4", offset=4 * (3 * v + 2 * p + c)).reshape(c, 2).astype(np.float32),
        materials=tuple(header.materials),
        material_index=material_index,
    )
    if not np.isfinite(mesh.vertices).all():
        raise UserError("The mesh has vertices that are not finite numbers: clean it up in Edit Mode.")
    if sizes.min() < 3 or sizes.sum() != c:
        raise _unreadable("faces that do not have its corners")
    if (
        corners.min() < 0
        or corners.max() >= v
        or material_index.min() < 0
        or material_index.max() >= len(mesh.materials)
    ):
        raise _unreadable("an index out of range")
    return mesh


def _unreadable(what: str) -> UserError:
    return UserError(f"The character's mesh cannot be read ({what}): install add-on and backend of the same release.")
