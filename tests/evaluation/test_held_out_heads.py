"""Held-out heads written, read back, and refused when they are damaged or foreign."""

import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from facetalk.bundle import write_bundle
from facetalk.errors import UserError
from facetalk.evaluation.held_out_heads import (
    PARTS,
    POSE_KINDS,
    HeldOutHeads,
    read_held_out_heads,
    write_held_out_heads,
)
from tests.evaluation.ball_faces import CONTROLS, ball_faces

FACES = ball_faces()


def write(folder: Path, heads: HeldOutHeads = FACES) -> Path:
    write_held_out_heads(folder, heads, {"identities": 2}, "MIT")
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_held_out_heads(folder)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(folder) in sentence
    return sentence


def assert_equal(one: object, other: object) -> None:
    if dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            assert_equal(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, dict):
        assert isinstance(other, dict)
        assert one.keys() == other.keys()
        for name in one:
            assert_equal(one[name], other[name])
    else:
        first, second = np.asarray(one), np.asarray(other)
        assert first.dtype == second.dtype
        assert np.array_equal(first, second)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert_equal(read_held_out_heads(write(tmp_path / "heads")), FACES)


def test_the_folder_says_what_it_is(tmp_path: Path) -> None:
    folder = write(tmp_path / "heads")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["format_version"], manifest["kind"], manifest["licence"]) == (1, "held-out", "MIT")
    assert manifest["training"] == {"identities": 2}
    assert "ICT-FaceKit" in manifest["attributions"][0]


def test_parts_and_poses_are_found_by_name() -> None:
    assert FACES.poses("closed_lids").tolist() == [POSE_KINDS.index("closed_lids")]
    parts = [FACES.part(name) for name in PARTS]
    assert sorted(np.concatenate(parts)) == list(range(len(FACES.part_of_vertex)))
    for name, vertices in zip(PARTS, parts, strict=True):
        assert set(FACES.triangles[name].ravel()) <= set(vertices)


@pytest.mark.parametrize(
    "misfit",
    [
        replace(FACES, triangles={**FACES.triangles, "skin": FACES.triangles["skin"] - 1}),
        replace(FACES, regions={**FACES.regions, "face": FACES.regions["face"][1:]}),
        replace(FACES, regions={"face": FACES.regions["face"]}),
        replace(FACES, bands={"lips": FACES.bands["lips"]}),
        replace(FACES, posed=FACES.posed[:, 1:]),
        replace(FACES, posed=np.full_like(FACES.posed, np.nan)),
        replace(FACES, weights=FACES.weights[..., :2]),
        replace(FACES, pose_kinds=("rest", "rest", "rest", "smile")),
        replace(FACES, pose_kinds=FACES.pose_kinds[::-1]),
        replace(FACES, part_of_vertex=FACES.part_of_vertex + 1),
    ],
)
def test_heads_that_do_not_fit_together_are_refused(tmp_path: Path, misfit: HeldOutHeads) -> None:
    refusal(write(tmp_path / "heads", misfit))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "heads")
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert "damaged" in refusal(folder)
    weights.unlink()
    assert "cannot be read" in refusal(folder)


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere")
    tensors = {"one": torch.zeros(1)}
    described: dict[str, Any] = {"name": "x", "config": {}, "licence": "MIT", "attributions": [], "training": {}}
    write_bundle(tmp_path / "head", kind="head", tensors=tensors, **described)
    assert "head model" in refusal(tmp_path / "head")
    write_bundle(tmp_path / "empty", kind="held-out", tensors=tensors, **described)
    assert "pose_kinds" in refusal(tmp_path / "empty")


def test_a_head_of_another_family_is_refused() -> None:
    FACES.require_same_family(2, list(CONTROLS), ("hair", *PARTS))
    for shape_size, controls, parts in ((3, CONTROLS, PARTS), (2, CONTROLS[1:], PARTS), (2, CONTROLS, PARTS[1:])):
        with pytest.raises(UserError, match="different families"):
            FACES.require_same_family(shape_size, controls, parts)


def test_only_numbers_are_stored(tmp_path: Path) -> None:
    tensors = load_file(write(tmp_path / "heads") / "weights.safetensors")
    assert tensors["posed"].dtype == np.float32
    assert tensors["regions.face"].dtype == np.bool_
