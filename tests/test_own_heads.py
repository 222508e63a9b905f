"""Imported heads are found by their names, and stand in on what any face wears."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from facetalk import cast as cast_module
from facetalk.animate import Animator
from facetalk.cast import Cast
from facetalk.errors import UserError
from facetalk.own_heads import find_head, list_own_heads, require_own_head


@pytest.fixture
def heads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FACETALK_HEADS", str(tmp_path))
    for name in ("nphm", "mono"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_bundles_are_listed_by_name(heads: Path) -> None:
    assert list_own_heads() == ("mono", "nphm")
    assert require_own_head("nphm") == heads / "nphm"


def test_a_head_is_found_by_its_folder_and_by_its_name(heads: Path) -> None:
    assert find_head(str(heads / "mono")) == heads / "mono"
    assert find_head("mono") == heads / "mono"
    assert find_head("elsewhere/mono") == Path("elsewhere/mono")
    with pytest.raises(UserError, match="There is no imported head nobody"):
        find_head("nobody")


@pytest.mark.parametrize("name", ["empty", "../nphm", "nobody"])
def test_what_is_no_head_is_refused(heads: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"There is no imported head .*: choose one of mono, nphm"):
        require_own_head(name)


def test_without_heads_the_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACETALK_HEADS", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"put its bundle in .*none"):
        require_own_head("nphm")


def test_a_head_is_loaded_once_and_again_when_it_is_written_anew(heads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Path] = []

    def load(animator: Animator, bundle: Path) -> object:
        loaded.append(bundle)
        return object()

    monkeypatch.setattr(cast_module, "ImportedHead", SimpleNamespace(load=load))
    crew = Cast(Animator.__new__(Animator))
    assert crew.standing_in("nphm", None) is crew.standing_in("nphm", None)
    (heads / "nphm/manifest.json").write_text("{ }")
    os.utime(heads / "nphm/manifest.json", ns=(1, 1))
    crew.standing_in("nphm", None)
    assert loaded == [heads / "nphm"] * 2


def test_a_character_has_no_imported_head(heads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crew = Cast(cast(Any, SimpleNamespace()))
    monkeypatch.setattr(crew, "performer", lambda template: SimpleNamespace())
    with pytest.raises(UserError, match="The character hero hangs on the embedded head"):
        crew.standing_in("nphm", "hero")
