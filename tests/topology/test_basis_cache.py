"""A basis is made once; whatever is wrong with what was kept, it is made again."""

import logging
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from facetalk.topology.basis_cache import BasisCache
from facetalk.topology.reduced_basis import Basis, Certificate
from facetalk.topology.tensor_cache import digest, own_folder

CPU = torch.device("cpu")


def some_basis(seed: int = 0, points: int = 50) -> Basis:
    generator = torch.Generator().manual_seed(seed)
    middle, modes, coefficients, probe_modes = (
        torch.randn(*shape, generator=generator) for shape in ((points, 3), (4, 3 * points), (6, 4), (4, 9))
    )
    certificate = Certificate(0.0003, 0.00002, 0.01, 1.0, 40)
    asked, foresight = torch.tensor([1, 5, 7]), torch.randn(5, 9, generator=generator)
    return Basis(middle, modes, coefficients, asked, probe_modes, foresight, 1.25, 0.0004, certificate)


class Maker:
    """Makes a basis, or finds that there is none, and counts how often."""

    def __init__(self, basis: Basis | None) -> None:
        self.basis, self.calls = basis, 0

    def __call__(self) -> Basis | None:
        self.calls += 1
        return self.basis


@pytest.fixture
def cache(tmp_path: Path) -> BasisCache:
    return BasisCache(tmp_path / "cache")


def test_a_basis_is_made_once(cache: BasisCache) -> None:
    maker = Maker(some_basis())
    made = cache.find("a" * 64, CPU, maker)
    found = cache.find("a" * 64, CPU, maker)
    assert made is not None
    assert found is not None
    assert maker.calls == 1
    assert found.certificate == made.certificate
    assert (found.factor, found.tolerance) == (made.factor, made.tolerance)
    assert all(torch.equal(tensor, made.tensors()[name]) for name, tensor in found.tensors().items())
    assert [path.suffix for path in cache.folder.iterdir()] == [".safetensors"]


def test_that_there_is_none_is_remembered(cache: BasisCache) -> None:
    maker = Maker(None)
    assert cache.find("b", CPU, maker) is None
    assert cache.find("b", CPU, maker) is None
    assert maker.calls == 1


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "empty", "other"])
def test_what_is_damaged_is_made_again_and_said(
    cache: BasisCache, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    maker = Maker(some_basis())
    cache.find("c", CPU, maker)
    (path,) = cache.folder.iterdir()
    whole = path.read_bytes()
    flipped = whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:]
    cache.find("other", CPU, Maker(None))
    other = (cache.folder / "other.safetensors").read_bytes()[:-1]
    path.write_bytes({"cut": whole[:-50], "flipped": flipped, "text": b"hello", "empty": b"", "other": other}[damage])
    with caplog.at_level(logging.WARNING):
        assert cache.find("c", CPU, maker) is not None
    assert "is damaged" in caplog.text
    assert maker.calls == 2
    assert path.read_bytes() == whole


def test_the_least_recently_used_makes_way(tmp_path: Path) -> None:
    BasisCache(tmp_path).find("first", CPU, Maker(some_basis()))
    size = (tmp_path / "first.safetensors").stat().st_size
    cache = BasisCache(tmp_path, limit=2 * size + size // 2)
    cache.find("second", CPU, Maker(some_basis()))
    for age, name in ((20, "first"), (10, "second")):
        path = tmp_path / f"{name}.safetensors"
        used = path.stat().st_mtime - age
        os.utime(path, (used, used))
    cache.find("first", CPU, Maker(None))
    cache.find("third", CPU, Maker(some_basis()))
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["first", "third"]


def test_a_basis_that_cannot_be_kept_is_still_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    basis = some_basis()
    with caplog.at_level(logging.WARNING):
        assert BasisCache(tmp_path / "file").find("d", CPU, Maker(basis)) is basis
    assert "cannot be written" in caplog.text


def test_other_content_has_another_digest() -> None:
    row = torch.arange(6.0)
    contents: list[list[Tensor | str]] = [
        ["a", row],
        ["a", row + 1e-6],
        ["a", row.view(2, 3)],
        ["a", row.double()],
        ["ab", row],
        [row, "a"],
        ["a", row, row[:0]],
    ]
    digests = [digest(content) for content in contents]
    assert len(set(digests)) == len(digests)
    assert digest(["a", row]) == digest(["a", row.clone()])


def test_the_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACETALK_CACHE", str(tmp_path))
    assert own_folder() == tmp_path
    monkeypatch.delenv("FACETALK_CACHE")
    assert own_folder().parent.name == ".facetalk"
