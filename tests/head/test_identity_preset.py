"""Identity presets: what is written reads back, and nothing else is read."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facetalk.errors import UserError
from facetalk.head.identity_preset import (
    FILE_LIMIT,
    IdentityPreset,
    identity_path,
    list_identities,
    load_identity,
    read_identity,
    write_identity,
)

ADA = IdentityPreset(
    name="ada",
    head="facetalk-head",
    code=(0.5, -1.25, 0.00001),
    hair="bob",
    colors={"skin": (0.5, 0.3, 0.2), "eyes": (0.0, 0.1, 1.0)},
    description="A woman of forty.",
    source="ada.ply",
    residuals={"face mean": 0.21},
)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Folders of embedded and of own identities."""
    monkeypatch.setenv("FACETALK_PRESETS", str(tmp_path / "presets"))
    monkeypatch.setenv("FACETALK_IDENTITIES", str(tmp_path / "own"))
    embedded = tmp_path / "presets/identities"
    embedded.mkdir(parents=True)
    return embedded, tmp_path / "own"


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "ada.json"
    write_identity(path, ADA)
    assert read_identity(path) == ADA


def test_the_file_is_short_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "ada.json"
    write_identity(
        path, replace(ADA, code=tuple(index / 7.0 for index in range(2176)), description='"CODE" and "code"')
    )
    assert path.stat().st_size < FILE_LIMIT
    assert path.read_text().count("\n") < 50
    read = read_identity(path)
    assert len(read.code) == 2176
    assert max(abs(value - index / 7.0) for index, value in enumerate(read.code)) <= 5.1e-6
    assert read.description == '"CODE" and "code"'


def edited(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    write_identity(path, ADA)
    entries = json.loads(path.read_text())
    edit(entries)
    path.write_text(json.dumps(entries))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda entries: entries.update(code=[float("nan")]), "'code'"),
        (lambda entries: entries.update(code=[float("inf")]), "'code'"),
        (lambda entries: entries.update(code=[10**400]), "'code'"),
        (lambda entries: entries.update(code=[True]), "'code'"),
        (lambda entries: entries.update(code=["1"]), "'code'"),
        (lambda entries: entries.update(code=[]), "'code'"),
        (lambda entries: entries.pop("code"), "'code'"),
        (lambda entries: entries.update(name="../ada"), "'name'"),
        (lambda entries: entries.update(name=3), "'name'"),
        (lambda entries: entries.update(head=None), "'head'"),
        (lambda entries: entries.update(hair=1), "'hair'"),
        (lambda entries: entries.update(colors={"skin": [0.1, 0.2]}), "'colors'"),
        (lambda entries: entries.update(colors={"skin": [0.1, 0.2, 2.0]}), "'colors'"),
        (lambda entries: entries.update(colors={"teeth": [0.1, 0.2, 0.3]}), "'colors'"),
        (lambda entries: entries.update(colors=[1]), "'colors'"),
        (lambda entries: entries.update(residuals={"face": "small"}), "'residuals'"),
        (lambda entries: entries.update(description="x" * 2000), "'description'"),
        (lambda entries: entries.update(format_version=2), "format 2"),
        (lambda entries: entries.pop("format_version"), "not an identity"),
    ],
)
def test_entries_that_cannot_be_are_refused(
    tmp_path: Path, edit: Callable[[dict[str, Any]], object], said: str
) -> None:
    path = tmp_path / "ada.json"
    edited(path, edit)
    with pytest.raises(UserError, match=said) as caught:
        read_identity(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"no json", b"[1, 2]", b"\xff\xfe\x00", b"[" * 50_000, b"{" + b" " * FILE_LIMIT]
)
def test_what_is_no_preset_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ada.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_identity(path)
    assert str(path) in str(caught.value)


def test_a_preset_fits_one_head(tmp_path: Path) -> None:
    ADA.require_fit("facetalk-head", 3, ("bob", "crop"))
    replace(ADA, hair=None).require_fit("facetalk-head", 3, ())
    with pytest.raises(UserError, match="made for the head facetalk-head, not nphm"):
        ADA.require_fit("nphm", 3, ("bob",))
    with pytest.raises(UserError, match="3 numbers where the head facetalk-head takes 100"):
        ADA.require_fit("facetalk-head", 100, ("bob",))
    with pytest.raises(UserError, match=r"hair 'bob'.* has crop, afro"):
        ADA.require_fit("facetalk-head", 3, ("crop", "afro"))


def test_identities_are_listed_and_loaded(folders: tuple[Path, Path]) -> None:
    embedded, own = folders
    assert list_identities() == ()
    for name in ("cora", "bert"):
        write_identity(embedded / f"{name}.json", replace(ADA, name=name))
    (embedded / "not a name.json").write_text("{}")
    assert identity_path("ada").parent == own
    write_identity(identity_path("ada"), ADA)
    write_identity(identity_path("cora"), replace(ADA, name="cora", description="Another."))
    assert list_identities() == ("bert", "cora", "ada")
    assert load_identity("ada") == ADA
    assert load_identity("cora").description == "Another."
    with pytest.raises(UserError, match="choose one of bert, cora, ada"):
        load_identity("dora")


@pytest.mark.parametrize("name", ["", "../secret", "a/b", "Ada", "a b", "x" * 65, "ada\n"])
def test_names_are_no_paths(folders: tuple[Path, Path], name: str) -> None:
    for attempt in (load_identity, identity_path):
        with pytest.raises(UserError, match="cannot name an identity"):
            attempt(name)


def test_nothing_is_written_that_does_not_read_back(tmp_path: Path) -> None:
    for wrong in (
        replace(ADA, code=(float("nan"),)),
        replace(ADA, name="Ada"),
        replace(ADA, colors={"skin": (2.0, 0.0, 0.0)}),
    ):
        with pytest.raises(UserError):
            write_identity(tmp_path / "ada.json", wrong)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match="does not end"):
        write_identity(tmp_path / "ada.txt", ADA)
