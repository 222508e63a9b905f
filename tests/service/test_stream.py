"""What the backend's ``stream`` writes, the add-on's ``frame_stream`` reads: docs/protocol.md, both ends."""

import io
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from blender_addon import frame_stream
from blender_addon.frame_stream import read_character, read_hair, read_take
from blender_addon.records import (
    BackendError,
    CharacterMade,
    Frame,
    Hair,
    Hello,
    Key,
    Keys,
    Progress,
    StreamError,
    Topology,
)
from facetalk.clip import Clip
from facetalk.service import stream
from facetalk.take import FrameBatch, TakeSettings
from tests.service.fake_animator import HAIR_COLOR, FakeAnimator, frame_vertices, grid_hair, grid_mesh

Part = tuple[int, bytes, int]  # type, payload, frame index

SETTINGS = TakeSettings(identity="average", seed=7, fps=24.0, guidance=2.5)


def clip(seconds: float = 0.5) -> Clip:
    return Clip(np.zeros(round(seconds * 16000), np.float32))


def written(animator: FakeAnimator | None = None, hair: str | None = None) -> bytes:
    out = io.BytesIO()
    stream.write_take(out.write, cast(Any, animator or FakeAnimator()), clip(), replace(SETTINGS, hair=hair))
    return out.getvalue()


def hair_payload(
    vertices: int = 16, quads: int = 9, name: bytes = b"bob", color: tuple[float, ...] = HAIR_COLOR, body: int = 624
) -> bytes:
    """A HAIR payload of any sizes, in truth 16 vertices and 9 quads, all of whose numbers are 0."""
    return struct.pack("<III4f", vertices, quads, len(name), *color) + name + bytes(body)


def record(kind: int, payload: bytes, index: int = 0) -> bytes:
    return struct.pack("<4sIII", b"FTLK", kind, len(payload), index) + payload


def split(content: bytes) -> list[Part]:
    records: list[Part] = []
    at = 0
    while at < len(content):
        _, kind, length, index = struct.unpack_from("<4sIII", content, at)
        records.append((kind, content[at + 16 : at + 16 + length], index))
        at += 16 + length
    return records


def test_round_trip_of_a_whole_take() -> None:
    records = list(read_take(io.BytesIO(written())))
    mesh = grid_mesh(4)
    hello, topology = records[:2]
    assert isinstance(hello, Hello)
    assert isinstance(topology, Topology)
    assert (hello.vertex_count, hello.face_count, hello.corner_count, hello.fps) == (25, 16, 64, 24.0)
    assert (hello.frame_count, hello.placement) == (12, None)
    assert hello.settings == asdict(SETTINGS)
    assert (hello.materials, hello.models, hello.device) == (
        mesh.materials,
        ("fake-head", "fake-motion"),
        "cpu",
    )
    for name in ("vertices", "face_sizes", "corners", "material_index", "colors"):
        assert np.array_equal(getattr(topology, name), getattr(mesh, name)), name
    assert np.array_equal(topology.uv, mesh.corner_uv)
    assert topology.groups.keys() == mesh.groups.keys()
    assert all(np.array_equal(topology.groups[name], mesh.groups[name]) for name in mesh.groups)
    frames = [item for item in records if isinstance(item, Frame)]
    assert [frame.index for frame in frames] == list(range(12))
    assert all(np.array_equal(frame.vertices, frame_vertices(4, frame.index, seed=7)) for frame in frames)
    stages = [item.stage for item in records if isinstance(item, Progress)]
    assert stages == ["speech"] + ["motion"] * 5 + ["decode"] * 3


def test_round_trip_of_a_mesh_of_the_users_own() -> None:
    mesh = grid_mesh(1)
    own = SimpleNamespace(
        vertices=mesh.vertices,
        face_sizes=np.array([3, 3], np.int32),
        corners=np.array([0, 1, 3, 0, 3, 2], np.int32),
        corner_uv=np.zeros((6, 2), np.float32),
        materials=("skin",),
        material_index=np.zeros(2, np.int32),
        colors=mesh.colors,
        groups={},
        placement=np.diag([0.01, 0.01, 0.01, 1.0]),
    )
    hello = stream.hello_record(cast(Any, own), 1, SETTINGS, models=(), device="cpu")
    records = read_take(io.BytesIO(hello + stream.topology_record(cast(Any, own))))
    next(records)
    topology = next(records)
    assert isinstance(topology, Topology)
    assert (topology.face_sizes.tolist(), topology.corners.tolist()) == ([3, 3], [0, 1, 3, 0, 3, 2])
    assert topology.placement == ((0.01, 0, 0, 0), (0, 0.01, 0, 0), (0, 0, 0.01, 0), (0, 0, 0, 1))


@pytest.mark.parametrize("sizes", [[3, 4], [2, 4]])
def test_faces_that_do_not_have_their_corners_are_refused(sizes: list[int]) -> None:
    content = written()
    parts = split(content)
    payload = bytearray(parts[1][1])
    payload[4 * 3 * 25 : 4 * (3 * 25 + 2)] = np.array(sizes, "<i4").tobytes()
    with pytest.raises(StreamError, match="faces do not have its corners"):
        list(read_take(io.BytesIO(record(*parts[0][:2]) + record(frame_stream.TOPOLOGY, bytes(payload)))))


def test_round_trip_of_hair() -> None:
    records = list(read_take(io.BytesIO(written(hair="curls"))))
    hello, _, hair = records[:3]
    assert isinstance(hello, Hello)
    assert isinstance(hair, Hair)
    sent = grid_hair(3, "curls")
    assert hello.settings["hair"] == hair.style == "curls"
    assert hair.color == HAIR_COLOR
    for name in ("vertices", "quads", "uv"):
        assert np.array_equal(getattr(hair, name), getattr(sent, name)), name
    assert sum(isinstance(item, Frame) for item in records) == 12


def test_a_bald_head_has_no_hair_record() -> None:
    assert frame_stream.HAIR not in [kind for kind, _, _ in split(written())]
    assert frame_stream.HAIR not in [kind for kind, _, _ in split(written(hair="bald"))]
    assert frame_stream.HAIR in [kind for kind, _, _ in split(written(hair="bob"))]


def test_hair_alone_is_the_same_record() -> None:
    hair = read_hair(io.BytesIO(stream.hair_record(cast(Any, grid_hair(3, "tr\u00e8s long")))))
    assert hair.style == "tr\u00e8s long"
    with pytest.raises(StreamError, match="record of type 3 where type 7 belongs"):
        read_hair(io.BytesIO(stream.progress_record("speech", 0.0)))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        hair_payload()[:27],
        hair_payload()[:-4],
        hair_payload(body=628),
        hair_payload(vertices=0, body=432),
        hair_payload(quads=0, body=192),
        hair_payload(vertices=0xFFFFFFFF),
        hair_payload(quads=0xFFFFFFFF),
        hair_payload(name=b""),
        hair_payload(name=b"b" * 201),
        hair_payload(color=(2.0, 0.0, 0.0, 1.0)),
        hair_payload(color=(float("nan"), 0.0, 0.0, 1.0)),
        hair_payload(body=0) + bytes(192) + b"\xff" * 432,  # indices of -1
        hair_payload(body=0) + bytes(192) + struct.pack("<36i", *[16] * 36) + bytes(288),  # one too high
    ],
)
def test_impossible_hair_is_refused(payload: bytes) -> None:
    start = b"".join(record(*part) for part in split(written())[:2])
    with pytest.raises(StreamError, match="HAIR"):
        list(read_take(io.BytesIO(start + record(frame_stream.HAIR, payload))))
    whole = list(frame_stream.read_take(io.BytesIO(start + record(frame_stream.HAIR, hair_payload()) + rest_of_take())))
    assert isinstance(whole[2], Hair), "the same without the fault is read"


def rest_of_take() -> bytes:
    return b"".join(record(*part) for part in split(written())[2:])


def test_hair_takes_no_memory_before_its_sizes_are_checked() -> None:
    largest = struct.pack("<III4f", 2_000_000, 2_000_000, 200, *HAIR_COLOR)

    class Sizes:
        """Fails when an array is asked of it."""

        def __init__(self, content: bytes) -> None:
            self.source = io.BytesIO(content)

        def readinto(self, buffer: memoryview, /) -> int:
            assert len(buffer) <= len(largest)
            return self.source.readinto(buffer)

    for length in (0xFFFFFFFF, 100, 28):
        header = struct.pack("<4sIII", b"FTLK", frame_stream.HAIR, length, 0)
        with pytest.raises(StreamError, match=f"HAIR record of {length} bytes"):
            read_hair(Sizes(header + largest))


def test_random_damage_to_hair_is_an_error_or_harmless() -> None:
    generator = np.random.default_rng(0)
    clean = stream.hair_record(cast(Any, grid_hair(3, "bob")))
    refused = 0
    for _ in range(400):
        damaged = bytearray(clean)
        for at in generator.integers(0, len(clean), 3):
            damaged[at] = generator.integers(0, 256)
        try:
            hair = read_hair(io.BytesIO(bytes(damaged)))
        except BackendError:
            refused += 1
        else:
            assert 0 <= hair.quads.min() <= hair.quads.max() < len(hair.vertices)
    assert refused > 40


def test_both_ends_have_the_same_constants() -> None:
    for name in ("PROTOCOL", "MAGIC", "HEADER", "HAIR_HEADER"):
        ours, theirs = getattr(frame_stream, name), getattr(stream, name)
        assert getattr(ours, "format", ours) == getattr(theirs, "format", theirs), name
    assert {kind.name: getattr(frame_stream, kind.name) for kind in stream.RecordType} == {
        kind.name: kind.value for kind in stream.RecordType
    }


def test_reading_in_small_pieces_gives_the_same() -> None:
    class Dribble:
        def __init__(self, content: bytes) -> None:
            self.source = io.BytesIO(content)

        def readinto(self, buffer: memoryview, /) -> int:
            return self.source.readinto(buffer[:7])

    frames = [item for item in read_take(Dribble(written())) if isinstance(item, Frame)]
    assert np.array_equal(frames[-1].vertices, frame_vertices(4, 11, seed=7))


@pytest.mark.parametrize("kept", [0, 10, 16, 200, 2000, -1])
def test_a_stream_cut_off_anywhere_says_so(kept: int) -> None:
    with pytest.raises(StreamError, match="stopped in the middle"):
        list(read_take(io.BytesIO(written()[:kept])))


def test_an_error_record_is_raised_with_its_message() -> None:
    with pytest.raises(BackendError, match=r"^Too short\.$"):
        list(read_take(io.BytesIO(stream.error_record("Too short."))))
    middle = b"".join(record(*part) for part in split(written())[:5]) + stream.error_record("Out of memory.")
    with pytest.raises(BackendError, match="Out of memory"):
        list(read_take(io.BytesIO(middle)))


def test_another_protocol_version_is_named() -> None:
    kind, payload, _ = split(written())[0]
    hello = json.loads(payload) | {"protocol": 1}
    with pytest.raises(StreamError, match="protocol version 1, this add-on version 4"):
        list(read_take(io.BytesIO(record(kind, json.dumps(hello).encode()))))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vertex_count", 3_000_000_000),
        ("vertex_count", -1),
        ("vertex_count", "many"),
        ("frame_count", 1 << 40),
        ("fps", 0),
        ("groups", [{"name": "lips", "size": 26}]),
        ("materials", None),
        ("settings", 3),
    ],
)
def test_a_hello_with_impossible_sizes_is_refused(name: str, value: object) -> None:
    kind, payload, _ = split(written())[0]
    hello = json.loads(payload) | {name: value}
    with pytest.raises(StreamError, match="HELLO"):
        list(read_take(io.BytesIO(record(kind, json.dumps(hello).encode()))))


def test_a_length_is_checked_before_memory_is_taken() -> None:
    class Header:
        """Fails when more than a header is asked of it, as a reader that trusts the length would."""

        def __init__(self, content: bytes) -> None:
            self.source = io.BytesIO(content)

        def readinto(self, buffer: memoryview, /) -> int:
            assert len(buffer) <= 16
            return self.source.readinto(buffer)

    with pytest.raises(StreamError, match="bytes of text"):
        list(read_take(Header(struct.pack("<4sIII", b"FTLK", 1, 0xFFFFFFFF, 0))))


@pytest.mark.parametrize(
    "damage",
    [
        lambda parts: [*parts[:2], (4, parts[9][1][:-4], 0)],  # too short a frame
        lambda parts: [*parts[:2], (4, parts[8][1], 5)],  # a gap
        lambda parts: [parts[0], parts[8]],  # no topology
        lambda parts: [parts[0], (2, parts[1][1][:-4], 0)],  # too short a topology
        lambda parts: [parts[0], (2, b"\xff" * len(parts[1][1]), 0)],  # indices out of range
        lambda parts: [*parts[:2], (3, b"not json", 0)],
        lambda parts: [*parts[:2], (99, b"", 0)],
        lambda parts: [parts[0], (7, hair_payload(), 0)],  # hair before the face
        lambda parts: [*parts[:2], (7, hair_payload(), 0), (7, hair_payload(), 0)],  # hair twice
        lambda parts: [*parts[:3], (7, hair_payload(), 0)],  # hair too late
    ],
)
def test_damaged_records_are_refused(damage: Callable[[list[Part]], list[Part]]) -> None:
    content = b"".join(record(*part) for part in damage(split(written())))
    with pytest.raises(StreamError, match="cannot read"):
        list(read_take(io.BytesIO(content)))


def test_a_changed_byte_in_a_frame_is_noticed() -> None:
    parts = split(written())
    at = next(i for i, part in enumerate(parts) if part[0] == frame_stream.FRAME)
    kind, payload, index = parts[at]
    parts[at] = (kind, bytes([payload[0] ^ 1]) + payload[1:], index)
    with pytest.raises(StreamError, match="damaged"):
        list(read_take(io.BytesIO(b"".join(record(*part) for part in parts))))


def test_a_source_that_breaks_its_promise_is_a_programming_error() -> None:
    class Gap(FakeAnimator):
        def frames(self, *_: object) -> Iterator[FrameBatch]:
            yield FrameBatch(3, np.zeros((1, 25, 3), np.float32))

    with pytest.raises(RuntimeError, match="do not follow frame 0"):
        written(Gap())


def written_in_keys() -> bytes:
    out = io.BytesIO()
    stream.write_take(out.write, cast(Any, FakeAnimator()), clip(), replace(SETTINGS, form="compact"))
    return out.getvalue()


def test_round_trip_of_a_take_in_keys() -> None:
    records = list(read_take(io.BytesIO(written_in_keys())))
    sent = FakeAnimator().keyed(clip(), SETTINGS)
    (keys,) = (record for record in records if isinstance(record, Keys))
    assert (keys.names, keys.lowest, keys.error_mm) == (sent.names, sent.lowest, sent.error_mm)
    read = [record for record in records if isinstance(record, Key)]
    assert [key.index for key in read] == [0, 1]
    np.testing.assert_array_equal([key.offsets for key in read], sent.offsets)
    np.testing.assert_array_equal([key.curve for key in read], sent.curves.T)
    assert not any(isinstance(record, Frame) for record in records)


def test_a_made_take_is_sent_as_one_that_is_being_made() -> None:
    out = io.BytesIO()
    origin = stream.Origin("cpu", FakeAnimator().models)
    settings = replace(SETTINGS, form="compact")
    stream.write_keyed_take(
        out.write, cast(Any, grid_mesh(4)), FakeAnimator().keyed(clip(), settings), settings, origin
    )
    made = [part for part in split(written_in_keys()) if part[0] != frame_stream.PROGRESS]
    assert split(out.getvalue()) == made


def test_a_source_of_frames_has_no_keys() -> None:
    source = SimpleNamespace(
        device="cpu", models=(), mesh=lambda identity, hair: grid_mesh(4), frame_count=lambda clip, fps: 12
    )
    with pytest.raises(TypeError, match="makes frames only"):
        stream.write_take(lambda records: None, cast(Any, source), clip(), replace(SETTINGS, form="rig"))


def lying(kind: int, change: Callable[[bytes], bytes]) -> bytes:
    """A take in keys with the first record of a type changed."""
    parts = split(written_in_keys())
    first = next(number for number, part in enumerate(parts) if part[0] == kind)
    parts[first] = (kind, change(parts[first][1]), parts[first][2])
    return b"".join(record(*part) for part in parts)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lying(frame_stream.KEYS, lambda _: b"{}"), "KEYS record"),
        (lying(frame_stream.KEYS, lambda text: text.replace(b"both", b"up")), "twice the same"),
        (lying(frame_stream.KEYS, lambda text: text.replace(b"both", b"b" * 64)), "Blender cannot keep"),
        (lying(frame_stream.KEYS, lambda text: text.replace(b'"lowest": 0.0', b'"lowest": "low"')), "KEYS record"),
        (lying(frame_stream.KEY, lambda payload: payload[:-4]), "key 0 of"),
        (lying(frame_stream.KEY, lambda payload: bytes(len(payload))), "damaged"),
        (lying(frame_stream.END, lambda text: text.replace(b"12", b"13")), "damaged"),
        (written_in_keys()[:-100], "stopped in the middle"),
    ],
)
def test_keys_that_do_not_fit_are_refused(content: bytes, said: str) -> None:
    with pytest.raises(StreamError, match=said):
        list(read_take(io.BytesIO(content)))


def test_frames_and_keys_do_not_mix() -> None:
    frame = next(part for part in split(written()) if part[0] == frame_stream.FRAME)
    keys = [part for part in split(written_in_keys()) if part[0] in {frame_stream.KEYS, frame_stream.KEY}]
    opening = split(written())[:2]
    for mixed in ([keys[0], frame], [frame, keys[0]], [keys[1]]):
        content = b"".join(record(*part) for part in (*opening, *mixed))
        with pytest.raises(StreamError, match="record of type"):
            list(read_take(io.BytesIO(content)))


def test_a_new_character_is_told_after_its_progress() -> None:
    content = stream.progress_record("fit", 0.5) + stream.character_record("hero", "All moves.", ["It is open."])
    assert list(read_character(io.BytesIO(content))) == [
        Progress("fit", 0.5),
        CharacterMade("hero", "All moves.", ("It is open.",)),
    ]
    with pytest.raises(BackendError, match="no face"):
        list(read_character(io.BytesIO(stream.error_record("There is no face."))))
    with pytest.raises(StreamError, match="CHARACTER record"):
        list(read_character(io.BytesIO(record(frame_stream.CHARACTER, b"{}"))))
