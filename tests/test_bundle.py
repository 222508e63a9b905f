import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from facetalk import presets
from facetalk.bundle import KINDS, read_bundle, write_bundle
from facetalk.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(
        tmp_path / "made",
        kind="motion",
        name="a bundle",
        config={"size": 3},
        tensors={"net.weight": torch.arange(6.0).view(2, 3), "mean": torch.zeros(3).half()},
        licence="MIT",
        attributions=["somebody"],
        training={"steps": 1},
        texts={"NOTICE.txt": "thanks"},
    )
    return tmp_path / "made"


def edit_manifest(change: Callable[[dict[str, object]], object]) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(json.dumps(manifest))

    return edit


def test_what_is_written_is_read(folder: Path) -> None:
    bundle = read_bundle(folder, "motion")
    assert bundle.name == "a bundle"
    assert bundle.config == {"size": 3}
    assert torch.equal(bundle.section("net")["weight"], torch.arange(6.0).view(2, 3))
    assert bundle.tensor("mean", (3,)).dtype == torch.float16
    assert sorted(path.name for path in folder.parent.iterdir()) == ["made"]


def test_a_tensor_of_another_shape_or_none_is_named(folder: Path) -> None:
    bundle = read_bundle(folder, "motion")
    with pytest.raises(UserError, match=r"mean has shape \(3,\) where \(4,\)"):
        bundle.tensor("mean", (4,))
    with pytest.raises(UserError, match="deviation is missing"):
        bundle.tensor("deviation", (3,))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), "does not exist"),
    "no json": (lambda folder: (folder / "manifest.json").write_text("{"), "not valid JSON"),
    "not text": (lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe\x00"), "not valid JSON"),
    "a list": (lambda folder: (folder / "manifest.json").write_text("[]"), "no valid entry"),
    "huge manifest": (lambda folder: (folder / "manifest.json").write_text(" " * (2 << 20)), "too large"),
    "no hashes": (edit_manifest(lambda manifest: manifest.pop("sha256")), "no valid entry 'sha256'"),
    "newer format": (edit_manifest(lambda manifest: manifest.update(format_version=99)), "format 99"),
    "another kind": (edit_manifest(lambda manifest: manifest.update(kind="head")), "holds a head model"),
    "outside": (edit_manifest(lambda manifest: manifest.update(sha256={"../x": "0"})), "outside the bundle"),
    "changed weights": (
        lambda folder: (folder / "weights.safetensors").write_bytes(b"\0" * 64),
        "weights.safetensors is damaged",
    ),
    "no weights": (lambda folder: (folder / "weights.safetensors").unlink(), "weights.safetensors cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(folder: Path, damage: str) -> None:
    spoil, message = DAMAGE[damage]
    spoil(folder)
    with pytest.raises(UserError, match=message):
        read_bundle(folder, "motion")


def test_an_older_bundle_is_replaced_whole(folder: Path) -> None:
    empty: dict[str, torch.Tensor] = {"only": torch.zeros(1)}
    write_bundle(folder, kind="head", name="new", config={}, tensors=empty, licence="MIT", attributions=[], training={})
    assert set(read_bundle(folder, "head").tensors) == {"only"}
    assert not (folder / "NOTICE.txt").exists()


def test_every_embedded_bundle_is_whole_says_whom_to_thank_and_together_they_are_small() -> None:
    manifests = sorted(presets.presets_folder().glob("*/*/manifest.json"))
    kinds = set()
    for path in manifests:
        manifest = json.loads(path.read_text())
        read_bundle(path.parent, manifest["kind"])
        kinds.add(manifest["kind"])
        assert manifest["licence"]
        assert manifest["attributions"]
        assert manifest["training"]
    assert kinds == set(KINDS) - {"held-out", "mesh"}  # which only evaluation needs, and what users make
    total = sum(file.stat().st_size for path in manifests for file in path.parent.iterdir())
    assert total < 60e6
