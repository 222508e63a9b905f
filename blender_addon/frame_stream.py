"""Reads a take's records from a pipe, a socket or a file (docs/protocol.md, section Records). Free of bpy."""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", np.float32, np.int32)

PROTOCOL = 3
MAGIC = b"FTLK"
HEADER = struct.Struct("<4sIII")  # magic, type, payload bytes, frame index
HAIR_HEADER = struct.Struct("<III4f")  # vertices, quads, bytes of the style's name, linear RGBA
HELLO, TOPOLOGY, PROGRESS, FRAME, ERROR, END, HAIR = range(1, 8)

JSON_LIMIT = 1 << 20  # bytes
MESH_LIMIT = 2_000_000  # vertices or faces; a face has some thousands
CORNER_LIMIT = 8_000_000  # of all faces
FRAME_LIMIT = 10_000_000  # four days at 25 frames per second
NAME_LIMIT = 1024  # materials or groups
STYLE_LIMIT = 200  # bytes of a hair style's name


class BackendError(Exception):
    """The backend cannot go on, or is not there. The message is one sentence for the user."""


class StreamError(BackendError):
    """The stream was cut off, or is not what docs/protocol.md says."""


class ByteSource(Protocol):
    """What records are read from: a binary file, a pipe, an HTTP response."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill at most the buffer; 0 at the end."""


@dataclass(frozen=True)
class Hello:
    """What a take is, and the sizes of all that follows.

    Attributes:
        version: the backend's version.
        vertex_count: V.
        face_count: P.
        corner_count: C, of all faces.
        placement: takes vertices to Blender's metres, rows of ``[4, 4]``; None if they are there.
        frame_count: frames that will come.
        fps: frames per second.
        materials: material names, in the order of ``Topology.material_index``.
        groups: name and size of every vertex group.
        settings: what was asked for, as plain JSON values.
        models: names of the model bundles that made the take.
        device: where they ran.
    """

    version: str
    vertex_count: int
    face_count: int
    corner_count: int
    placement: tuple[tuple[float, ...], ...] | None
    frame_count: int
    fps: float
    materials: tuple[str, ...]
    groups: tuple[tuple[str, int], ...]
    settings: dict[str, Any]
    models: tuple[str, ...]
    device: str


@dataclass(frozen=True)
class Topology:
    """The mesh of a take.

    Attributes:
        vertices: float32 ``[V, 3]`` neutral face; metres, z up, looking along -Y, once placed.
        face_sizes: int32 ``[P]``, corners of every face, three or more.
        corners: int32 ``[C]``, vertices of all corners, face by face.
        uv: float32 ``[C, 2]``, one per corner.
        materials: material names.
        material_index: int32 ``[P]`` into ``materials``.
        colors: float32 ``[V, 4]`` linear RGBA.
        groups: vertex indices, int32, by group name.
        placement: of ``Hello``.
    """

    vertices: NDArray[np.float32]
    face_sizes: NDArray[np.int32]
    corners: NDArray[np.int32]
    uv: NDArray[np.float32]
    materials: tuple[str, ...]
    material_index: NDArray[np.int32]
    colors: NDArray[np.float32]
    groups: dict[str, NDArray[np.int32]]
    placement: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True)
class Hair:
    """The hair of a take, at rest on the neutral face; it does not move with expressions.

    Attributes:
        style: its name.
        vertices: float32 ``[H, 3]``, axes and units of ``Topology.vertices``.
        quads: int32 ``[K, 4]``.
        uv: float32 ``[K, 4, 2]``, one per corner.
        color: linear RGBA, 0 to 1.
    """

    style: str
    vertices: NDArray[np.float32]
    quads: NDArray[np.int32]
    uv: NDArray[np.float32]
    color: tuple[float, float, float, float]


@dataclass(frozen=True)
class Progress:
    """How far (0 to 1) a stage (speech, motion, decode) has come."""

    stage: str
    fraction: float


@dataclass(frozen=True)
class Frame:
    """One frame: its index from 0 and its vertices, float32 ``[V, 3]``."""

    index: int
    vertices: NDArray[np.float32]


Record = Hello | Topology | Hair | Progress | Frame


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
    yield from _read_frames(source, hello, header)


def read_hair(source: ByteSource) -> Hair:
    """The one HAIR record of ``GET /v1/hair``, checked as in ``read_take``.

    Raises:
        StreamError: the record was cut off or damaged.
    """
    kind, length, _ = _read_header(source)
    _expect(kind, HAIR, source, length)
    return _read_hair(source, length)


def _read_frames(source: ByteSource, hello: Hello, header: tuple[int, int, int]) -> Iterator[Record]:
    received, checksum = 0, 0
    while True:
        kind, length, index = header
        if kind == PROGRESS:
            yield _parse_progress(_read_json(source, kind, length))
        elif kind == END:
            end = _read_json(source, kind, length)
            if (end.get("frame_count"), received) != (hello.frame_count,) * 2 or end.get("crc32") != checksum:
                raise StreamError("The frames were damaged on their way from the backend: generate the take again.")
            return
        else:
            _expect(kind, FRAME, source, length)
            if index != received or index >= hello.frame_count or length != 12 * hello.vertex_count:
                raise _unreadable(f"frame {index} of {length} bytes after {received} frames")
            vertices = _read_array(source, np.float32, (hello.vertex_count, 3))
            checksum = zlib.crc32(vertices.data.cast("B"), checksum)
            received += 1
            yield Frame(index, vertices)
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
