"""A take as a stream of binary records (``docs/protocol.md``, section Records)."""

import json
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from facetalk.take import CACHE, FRAMES, FrameBatch, KeyedTake, TakeSettings, require_keys_fit

if TYPE_CHECKING:  # these import torch, which costs seconds that a starting service does not have
    import torch

    from facetalk.clip import Clip
    from facetalk.topology.template import AnyMesh, HairMesh

PROTOCOL = 4
MAGIC = b"FTLK"
HEADER = struct.Struct("<4sIII")  # magic, type, payload bytes, frame index
HAIR_HEADER = struct.Struct("<III4f")  # vertices, quads, bytes of the style's name, linear RGBA

Progress = Callable[[str, float], None]
Sink = Callable[[bytes], object]  # takes one or more whole records; may block, may raise Cancelled


class RecordType(IntEnum):
    """The type field of a record's header."""

    HELLO = 1
    TOPOLOGY = 2
    PROGRESS = 3
    FRAME = 4
    ERROR = 5
    END = 6
    HAIR = 7
    KEYS = 8
    KEY = 9
    CHARACTER = 10


class TakeSource(Protocol):
    """What a stream is made from: ``facetalk.animate.Animator``, or what stands in for it."""

    @property
    def device(self) -> "torch.device":
        """Where the models run."""

    @property
    def models(self) -> Sequence[str]:
        """Names of the model bundles in use."""

    def mesh(self, identity: str, hair: str | None = None) -> "AnyMesh":
        """The neutral face of one identity, with hair as ``TakeSettings.hair`` says."""

    def frame_count(self, clip: "Clip", fps: float) -> int:
        """How many frames the clip becomes."""

    def frames(self, clip: "Clip", settings: TakeSettings, progress: Progress | None = None) -> Iterator[FrameBatch]:
        """The frames in order, in batches."""


@runtime_checkable
class KeyedTakeSource(TakeSource, Protocol):
    """A source that makes takes in every form of ``TakeSettings``."""

    def keyed(self, clip: "Clip", settings: TakeSettings, progress: Progress | None = None) -> KeyedTake:
        """The take as shape keys with curves, in the form of the settings."""


@dataclass(frozen=True)
class Origin:
    """What a take is made by: where the models run, and their bundles' names."""

    device: str
    models: Sequence[str]


def write_take(
    sink: Sink, source: TakeSource, clip: "Clip", settings: TakeSettings, progress: Progress | None = None
) -> KeyedTake | None:
    """Make a take and send every record of it, HELLO to END, as soon as it is known.

    Args:
        sink: receives the records; the ``write`` of a file or pipe will do.
        source: the animator; a ``KeyedTakeSource`` if another form than frames is asked for.
        clip: the speech.
        settings: what is asked of the take.
        progress: told how far every stage is, in place of records that say so.

    Returns:
        The keys of a take that has any.

    Raises:
        UserError: the clip or the settings cannot be used, or the take is too long for shape keys. The stream then
            lacks its END.
        Cancelled: the sink raised it.
    """
    mesh = source.mesh(settings.identity, settings.hair)
    frame_count = source.frame_count(clip, settings.fps)
    if settings.form == FRAMES:
        require_keys_fit(frame_count, len(mesh.vertices))
    _write_opening(sink, mesh, frame_count, settings, Origin(str(source.device), source.models))

    def send_progress(stage: str, fraction: float) -> None:
        sink(progress_record(stage, fraction))

    report = progress or send_progress
    if settings.form in (FRAMES, CACHE):
        _write_frames(sink, source.frames(clip, settings, report), mesh.vertices.shape, frame_count)
        return None
    if not isinstance(source, KeyedTakeSource):
        raise TypeError(f"{type(source).__name__} makes frames only")
    take = source.keyed(clip, settings, report)
    _write_keys(sink, take, mesh.vertices.shape, frame_count)
    return take


def write_keyed_take(sink: Sink, mesh: "AnyMesh", take: KeyedTake, settings: TakeSettings, origin: Origin) -> None:
    """Send a take that is made already, HELLO to END, as ``write_take`` sends it.

    Args:
        sink: receives the records.
        mesh: at rest.
        take: its keys.
        settings: what was asked of it; the records say so.
        origin: who made it.
    """
    _write_opening(sink, mesh, len(take.curves), settings, origin)
    _write_keys(sink, take, mesh.vertices.shape, len(take.curves))


def _write_opening(sink: Sink, mesh: "AnyMesh", frame_count: int, settings: TakeSettings, origin: Origin) -> None:
    sink(hello_record(mesh, frame_count, settings, models=origin.models, device=origin.device))
    sink(topology_record(mesh))
    if mesh.hair is not None:
        sink(hair_record(mesh.hair))


def _write_frames(sink: Sink, batches: Iterator[FrameBatch], shape: tuple[int, ...], frame_count: int) -> None:
    checksum = 0
    sent = 0
    for batch in batches:
        if batch.first != sent or batch.vertices.shape[1:] != shape:
            raise RuntimeError(f"frames {batch.first}, shape {batch.vertices.shape}, do not follow frame {sent}")
        payloads = [np.ascontiguousarray(frame, dtype="<f4").tobytes() for frame in batch.vertices]
        for payload in payloads:
            checksum = zlib.crc32(payload, checksum)
        sink(b"".join(_record(RecordType.FRAME, part, sent + i) for i, part in enumerate(payloads)))
        sent += len(payloads)
    if sent != frame_count:
        raise RuntimeError(f"{sent} frames came where {frame_count} were announced")
    sink(_json_record(RecordType.END, {"frame_count": sent, "crc32": checksum}))


def _write_keys(sink: Sink, take: KeyedTake, shape: tuple[int, ...], frame_count: int) -> None:
    if take.curves.shape != (frame_count, len(take.names)) or take.offsets.shape != (len(take.names), *shape):
        raise RuntimeError(f"keys {take.offsets.shape} with curves {take.curves.shape} do not fit {frame_count} frames")
    keys = [{"name": name, "lowest": lowest} for name, lowest in zip(take.names, take.lowest, strict=True)]
    sink(_json_record(RecordType.KEYS, {"keys": keys, "error_mm": take.error_mm}))
    checksum = 0
    for index, (offsets, curve) in enumerate(zip(take.offsets, take.curves.T, strict=True)):
        payload = b"".join(np.ascontiguousarray(part, dtype="<f4").tobytes() for part in (offsets, curve))
        checksum = zlib.crc32(payload, checksum)
        sink(_record(RecordType.KEY, payload, index))
    sink(_json_record(RecordType.END, {"frame_count": frame_count, "crc32": checksum}))


def hello_record(
    mesh: "AnyMesh", frame_count: int, settings: TakeSettings, *, models: Sequence[str], device: str
) -> bytes:
    """The HELLO record: the sizes of all that follows, and where the take comes from."""
    return _json_record(
        RecordType.HELLO,
        {
            "protocol": PROTOCOL,
            "version": version("facetalk"),
            "vertex_count": len(mesh.vertices),
            "face_count": len(mesh.face_sizes),
            "corner_count": len(mesh.corners),
            "placement": None if mesh.placement is None else np.asarray(mesh.placement, dtype=float).tolist(),
            "frame_count": frame_count,
            "fps": settings.fps,
            "materials": list(mesh.materials),
            "groups": [{"name": name, "size": len(members)} for name, members in mesh.groups.items()],
            "settings": asdict(settings),
            "models": list(models),
            "device": device,
        },
    )


def topology_record(mesh: "AnyMesh") -> bytes:
    """The TOPOLOGY record: the mesh's arrays one after the other."""
    arrays = [
        np.ascontiguousarray(mesh.vertices, dtype="<f4"),
        np.ascontiguousarray(mesh.face_sizes, dtype="<i4"),
        np.ascontiguousarray(mesh.corners, dtype="<i4"),
        np.ascontiguousarray(mesh.corner_uv, dtype="<f4"),
        np.ascontiguousarray(mesh.material_index, dtype="<i4"),
        np.ascontiguousarray(mesh.colors, dtype="<f4"),
        *(np.ascontiguousarray(members, dtype="<i4") for members in mesh.groups.values()),
    ]
    return _record(RecordType.TOPOLOGY, b"".join(array.tobytes() for array in arrays))


def hair_record(hair: "HairMesh") -> bytes:
    """The HAIR record: sizes and colour, the style's name, and the mesh's arrays one after the other."""
    style = hair.style.encode()
    arrays = [
        np.ascontiguousarray(hair.vertices, dtype="<f4"),
        np.ascontiguousarray(hair.quads, dtype="<i4"),
        np.ascontiguousarray(hair.uv, dtype="<f4"),
    ]
    sizes = HAIR_HEADER.pack(len(hair.vertices), len(hair.quads), len(style), *hair.color)
    return _record(RecordType.HAIR, b"".join([sizes, style, *(array.tobytes() for array in arrays)]))


def progress_record(stage: str, fraction: float) -> bytes:
    """A PROGRESS record: how far (0 to 1) a stage has come."""
    return _json_record(RecordType.PROGRESS, {"stage": stage, "fraction": fraction})


def character_record(name: str, summary: str, remarks: Sequence[str]) -> bytes:
    """The CHARACTER record that ends the making of one: its template's name, and what is to be said of it."""
    return _json_record(RecordType.CHARACTER, {"name": name, "summary": summary, "remarks": list(remarks)})


def error_record(message: str) -> bytes:
    """The ERROR record that ends a stream which cannot go on; the message is one sentence for the user."""
    return _json_record(RecordType.ERROR, {"message": message})


def _record(kind: RecordType, payload: bytes, index: int = 0) -> bytes:
    return HEADER.pack(MAGIC, kind, len(payload), index) + payload


def _json_record(kind: RecordType, content: dict[str, Any]) -> bytes:
    return _record(kind, json.dumps(content, allow_nan=False).encode())
