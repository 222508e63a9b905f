"""What the add-on packs of a mesh, the service reads; what is damaged or too large it refuses with a sentence."""

import json
import math
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from blender_addon.character_upload import CharacterUpload, template_name
from facetalk.errors import UserError
from facetalk.service.character_upload import read_character

UPLOAD = CharacterUpload(
    name="hero",
    own=False,
    vertices=np.arange(15, dtype=np.float32).reshape(5, 3),
    face_sizes=np.array([3, 4], np.int32),
    corners=np.array([0, 1, 2, 1, 2, 3, 4], np.int32),
    uv=np.linspace(0, 1, 14, dtype=np.float32).reshape(7, 2),
    materials=("skin", "Glas \u00fc"),
    material_index=np.array([1, 0], np.int32),
    landmarks={"nose_tip": (0.0, 1.0, 2.5)},
)


def packed(**header: Any) -> bytes:  # noqa: ANN401 - JSON
    """The upload with a header that lies."""
    body = UPLOAD.pack()
    (length,) = struct.unpack_from("<I", body)
    content = json.loads(body[4 : 4 + length]) | header
    text = json.dumps(content).encode()
    return struct.pack("<I", len(text)) + text + body[4 + length :]


def test_round_trip() -> None:
    read = read_character(UPLOAD.pack())
    assert read.name == "hero"
    assert read.mesh.materials == UPLOAD.materials
    for own, sent in (
        (read.mesh.vertices, UPLOAD.vertices),
        (read.mesh.face_sizes, UPLOAD.face_sizes),
        (read.mesh.corners, UPLOAD.corners),
        (read.mesh.corner_uv, UPLOAD.uv),
        (read.mesh.material_index, UPLOAD.material_index),
    ):
        np.testing.assert_array_equal(own, sent)
    assert read.landmarks is not None
    assert read.landmarks["nose_tip"].tolist() == [0.0, 1.0, 2.5]
    assert read_character(replace(UPLOAD, landmarks={}).pack()).landmarks is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no header"),
        (b"\xff\xff\xff\xff", "json"),
        (UPLOAD.pack()[:-1], "bytes where"),
        (UPLOAD.pack() + b"0", "bytes where"),
        (packed(name="../../etc"), "name"),
        (packed(name="/tmp/hero"), "name"),
        (packed(vertex_count=1 << 40), "vertex_count"),
        (packed(face_count=0), "face_count"),
        (packed(corner_count=1 << 31), "corner_count"),
        (packed(materials=[]), "materials"),
        (packed(landmarks={"nose_tip": [0.0, math.nan, 0.0]}), "finite"),
        (packed(landmarks={"nose_tip": [0.0]}), "landmarks"),
        (packed(extra=1), "extra"),
        (replace(UPLOAD, face_sizes=np.array([2, 5], np.int32)).pack(), "faces"),
        (replace(UPLOAD, face_sizes=np.array([3, 3], np.int32)).pack(), "faces"),
        (replace(UPLOAD, corners=UPLOAD.corners + 1).pack(), "out of range"),
        (replace(UPLOAD, corners=UPLOAD.corners - 1).pack(), "out of range"),
        (replace(UPLOAD, material_index=np.array([0, 2], np.int32)).pack(), "out of range"),
        (replace(UPLOAD, vertices=np.full((5, 3), np.inf, np.float32)).pack(), "not finite"),
    ],
)
def test_what_is_damaged_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        read_character(body)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_names_of_objects_become_names_of_templates() -> None:
    assert template_name("Hero Head.001") == "hero-head-001"
    assert template_name("\u0413\u0435\u0440\u043e\u0439") == "character"
    assert len(template_name("x" * 200)) == 64


def test_nobodys_template_is_replaced() -> None:
    assert UPLOAD.named_apart(["else"]).name == "hero"
    assert UPLOAD.named_apart(["hero", "hero-2"]).name == "hero-3"
    assert replace(UPLOAD, own=True).named_apart(["hero"]).name == "hero"
    assert replace(UPLOAD, name="default").named_apart([]).name == "default-2"
    assert len(replace(UPLOAD, name="x" * 64).named_apart(["x" * 64]).name) == 64
