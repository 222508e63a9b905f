"""Reads a take's records from a pipe, a socket or a file (docs/protocol.md, section Records). Free of bpy."""

import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .records import (
    BackendError,
    CharacterMade,
    Frame,
    Hair,
    Hello,
    Key,
    Keys,
    Progress,
    Record,
    StreamError,
    Topology,
)

Number = TypeVar("Number", np.float32, np.int32)

PROTOCOL = 4
MAGIC = b"FTLK"
HEADER = struct.Struct("<4sIII")  # magic, type, payload bytes, frame index
HAIR_HEADER = struct.Struct("<III4f")  # vertices, quads, bytes of the style's name, linear RGBA
HELLO, TOPOLOGY, PROGRESS, FRAME, ERROR, END, HAIR, KEYS, KEY, CHARACTER = range(1, 11)

JSON_LIMIT = 1 << 20  # bytes
MESH_LIMIT = 2_000_000  # vertices or faces; a face has some thousands
CORNER_LIMIT = 8_000_000  # of all faces
FRAME_LIMIT = 10_000_000  # four days at 25 frames per second
NAME_LIMIT = 1024  # materials, groups or keys
KEY_NAME_LIMIT = 63  # bytes, of Blender's names
STYLE_LIMIT = 200  # bytes of a hair style's name


class ByteSource(Protocol):
    """What records are read from: a binary file, a pipe, an HTTP response."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill at most the buffer; 0 at the end."""


def read_take(source: ByteSource) -> Iterator[Record]:
    """Yield the records of one take in their order; return after its END.

    Lengths are checked before memory is taken, then order, index ranges, and at the end the checksum.

    Raises:
        BackendError: the backend sent an ERROR record.
        StreamError: the stream was cut off, damaged, or of another protocol version.
    """
    kind, length, _ = _read_header(source)
    _expect(kind, HELLO, source, length)
    hello = _parse_hello(_read_json(source, kind, length))
    yield hello
    kind, length, _ = _read_header(source)
    _expect(kind, TOPOLOGY, source, length)
    yield _read_topology(source, length, hello)
    header = _read_header(source)
    if header[0] == HAIR:
        yield _read_hair(source, header[1])
        header = _read_header(source)
    yield from _read_motion(source, hello, header)


def read_hair(source: ByteSource) -> Hair:
    """The one HAIR record of ``GET /v1/hair``, checked as in ``read_take``.

    Raises:
        StreamError: the record was cut off or damaged.
    """
    kind, length, _ = _read_header(source)
    _expect(kind, HAIR, source, length)
    return _read_hair(source, length)


def read_character(source: ByteSource) -> Iterator[Progress | CharacterMade]:
    """Yield how far the making of a character is, and at the end what came of it.

    Raises:
        BackendError: the backend sent an ERROR record.
        StreamError: the stream was cut off or damaged.
    """
    while True:
        kind, length, _ = _read_header(source)
        if kind == PROGRESS:
            yield _parse_progress(_read_json(source, kind, length))
            continue
        _expect(kind, CHARACTER, source, length)
        yield _parse_character(_read_json(source, kind, length))
        return


def _read_motion(source: ByteSource, hello: Hello, header: tuple[int, int, int]) -> Iterator[Record]:
    """Frames, or keys with curves, to the END."""
    keys: Keys | None = None
    expected = hello.frame_count
    received, checksum = 0, 0
    while True:
        kind, length, index = header
        if kind == PROGRESS:
            yield _parse_progress(_read_json(source, kind, length))
        elif kind == END:
            end = _read_json(source, kind, length)
            if (end.get("frame_count"), received, end.get("crc32")) != (hello.frame_count, expected, checksum):
                raise StreamError("The frames were damaged on their way from the backend: generate the take again.")
            return
        elif kind == KEYS and keys is None and not received:
            keys = _parse_keys(_read_json(source, kind, length))
            expected = len(keys.names)
            yield keys
        else:
            _expect(kind, FRAME if keys is None else KEY, source, length)
            shape = (hello.vertex_count, 3)
            curve_length = 0 if keys is None else hello.frame_count
            if index != received or index >= expected or length != 12 * hello.vertex_count + 4 * curve_length:
                raise _unreadable(f"frame or key {index} of {length} bytes after {received} of {expected}")
            vertices, curve = _read_array(source, np.float32, shape), _read_array(source, np.float32, (curve_length,))
            checksum = zlib.crc32(curve.tobytes(), zlib.crc32(vertices.data.cast("B"), checksum))
            received += 1
            yield Frame(index, vertices) if keys is None else Key(index, vertices, curve)
        header = _read_header(source)


def _read_header(source: ByteSource) -> tuple[int, int, int]:
    header = bytearray(HEADER.size)
    _read_exactly(source, memoryview(header))
    magic, kind, length, index = HEADER.unpack(header)
    if magic != MAGIC:
        raise _unreadable(f"record starting with {magic!r}")
    return kind, length, index


def _expect(kind: int, expected: int, source: ByteSource, length: int) -> None:
    if kind == ERROR:
        raise BackendError(str(_read_json(source, kind, length).get("message", "The backend gave no reason.")))
    if kind != expected:
        raise _unreadable(f"record of type {kind} where type {expected} belongs")


def _read_json(source: ByteSource, kind: int, length: int) -> dict[str, Any]:
    if length > JSON_LIMIT:
        raise _unreadable(f"record of type {kind} with {length} bytes of text")
    payload = bytearray(length)
    _read_exactly(source, memoryview(payload))
    try:
        content = json.loads(payload)
    except ValueError as error:
        raise _unreadable(f"record of type {kind} that is not JSON") from error
    if not isinstance(content, dict):
        raise _unreadable(f"record of type {kind} that is not a JSON object")
    return content


def _parse_hello(content: dict[str, Any]) -> Hello:
    if content.get("protocol") != PROTOCOL:
        raise StreamError(
            f"The backend speaks protocol version {content.get('protocol')}, this add-on version {PROTOCOL}: "
            "install the add-on and the backend of the same FaceTalk release."
        )
    try:
        hello = Hello(
            version=str(content["version"]),
            vertex_count=_count(content["vertex_count"], MESH_LIMIT),
            face_count=_count(content["face_count"], MESH_LIMIT),
            corner_count=_count(content["corner_count"], CORNER_LIMIT, least=3),
            placement=_placement(content["placement"]),
            frame_count=_count(content["frame_count"], FRAME_LIMIT),
            fps=float(content["fps"]),
            materials=tuple(str(name) for name in content["materials"]),
            groups=tuple(
                (str(group["name"]), _count(group["size"], content["vertex_count"], least=0))
                for group in content["groups"]
            ),
            settings=dict(content["settings"]),
            models=tuple(str(name) for name in content["models"]),
            device=str(content["device"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(f"HELLO record ({error!r})") from error
    if max(len(hello.materials), len(hello.groups)) > NAME_LIMIT or not 0.0 < hello.fps < 1e6:
        raise _unreadable("HELLO record with sizes out of range")
    return hello


def _count(value: object, limit: int, least: int = 1) -> int:
    if not isinstance(value, int) or not least <= value <= limit:
        raise ValueError(f"{value!r} is not a count from {least} to {limit}")
    return value


def _placement(value: object) -> tuple[tuple[float, ...], ...] | None:
    if value is None:
        return None
    matrix = np.array(value, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not abs(np.linalg.det(matrix)) > 0.0:
        raise ValueError("placement is no matrix")
    return tuple(tuple(row) for row in matrix.tolist())


def _parse_progress(content: dict[str, Any]) -> Progress:
    try:
        return Progress(str(content["stage"]), float(content["fraction"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable("PROGRESS record") from error


def _parse_keys(content: dict[str, Any]) -> Keys:
    try:
        names = tuple(str(key["name"]) for key in content["keys"])
        keys = Keys(names, tuple(float(key["lowest"]) for key in content["keys"]), float(content["error_mm"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable("KEYS record") from error
    if len(names) > NAME_LIMIT or len(set(names)) < len(names):
        raise _unreadable("KEYS record with too many names, or twice the same")
    if not all(1 <= len(name.encode()) <= KEY_NAME_LIMIT for name in names):
        raise _unreadable("KEYS record with a name that Blender cannot keep")
    return keys


def _parse_character(content: dict[str, Any]) -> CharacterMade:
    try:
        remarks = tuple(str(remark) for remark in content["remarks"])
        return CharacterMade(str(content["name"]), str(content["summary"]), remarks)
    except (KeyError, TypeError) as error:
        raise _unreadable("CHARACTER record") from error


def _read_topology(source: ByteSource, length: int, hello: Hello) -> Topology:
    v, p, c = hello.vertex_count, hello.face_count, hello.corner_count
    if length != 4 * (3 * v + p + c + 2 * c + p + 4 * v + sum(size for _, size in hello.groups)):
        raise _unreadable(f"TOPOLOGY record of {length} bytes")
    topology = Topology(
        vertices=_read_array(source, np.float32, (v, 3)),
        face_sizes=_read_array(source, np.int32, (p,)),
        corners=_read_array(source, np.int32, (c,)),
        uv=_read_array(source, np.float32, (c, 2)),
        materials=hello.materials,
        material_index=_read_array(source, np.int32, (p,)),
        colors=_read_array(source, np.float32, (v, 4)),
        groups={name: _read_array(source, np.int32, (size,)) for name, size in hello.groups},
        placement=hello.placement,
    )
    if topology.face_sizes.min() < 3 or topology.face_sizes.sum(dtype=np.int64) != c:
        raise _unreadable("TOPOLOGY record whose faces do not have its corners")
    indices: list[tuple[NDArray[np.int32], int]] = [
        (topology.corners, v),
        (topology.material_index, len(hello.materials)),
        *((members, v) for members in topology.groups.values()),
    ]
    for array, end in indices:
        if array.size and not 0 <= array.min() <= array.max() < end:
            raise _unreadable("TOPOLOGY record with an index out of range")
    return topology


def _read_hair(source: ByteSource, length: int) -> Hair:
    if length < HAIR_HEADER.size:
        raise _unreadable(f"HAIR record of {length} bytes")
    sizes = bytearray(HAIR_HEADER.size)
    _read_exactly(source, memoryview(sizes))
    v, q, name_length, *color = HAIR_HEADER.unpack(sizes)
    if not (1 <= v <= MESH_LIMIT and 1 <= q <= MESH_LIMIT and 1 <= name_length <= STYLE_LIMIT):
        raise _unreadable("HAIR record with sizes out of range")
    if length != HAIR_HEADER.size + name_length + 4 * (3 * v + 4 * q + 8 * q):
        raise _unreadable(f"HAIR record of {length} bytes")
    if not all(0.0 <= part <= 1.0 for part in color):
        raise _unreadable("HAIR record with a colour out of range")
    name = bytearray(name_length)
    _read_exactly(source, memoryview(name))
    hair = Hair(
        style=name.decode(errors="replace"),
        vertices=_read_array(source, np.float32, (v, 3)),
        quads=_read_array(source, np.int32, (q, 4)),
        uv=_read_array(source, np.float32, (q, 4, 2)),
        color=(color[0], color[1], color[2], color[3]),
    )
    if not 0 <= hair.quads.min() <= hair.quads.max() < v:
        raise _unreadable("HAIR record with an index out of range")
    return hair


def _read_array(source: ByteSource, kind: type[Number], shape: tuple[int, ...]) -> NDArray[Number]:
    array: NDArray[Number] = np.empty(shape, dtype=np.dtype(kind).newbyteorder("<"))
    if array.size:
        _read_exactly(source, array.data.cast("B"))
    return array


def _read_exactly(source: ByteSource, buffer: memoryview) -> None:
    filled = 0
    while filled < len(buffer):
        count = source.readinto(buffer[filled:])
        if not count:
            raise StreamError("The backend stopped in the middle of the take: start it again and generate once more.")
        filled += count


def _unreadable(what: str) -> StreamError:
    return StreamError(f"The backend sent what this add-on cannot read ({what}): install both of the same release.")
