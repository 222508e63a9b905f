"""Files are written whole or not at all."""

import os
from pathlib import Path

import pytest

from facetalk.errors import UserError
from facetalk.output_file import require_writable, written_whole


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "take.txt"
    path.write_text("old")
    with written_whole(path) as staged:
        staged.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    def write_half() -> None:
        with written_whole(tmp_path / "take.txt") as staged:
            staged.write_text("half")
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_half()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("take.txt", "does not end with .mp4"),
        ("gone/take.mp4", "does not exist"),
        ("folder.mp4", "is a folder"),
    ],
)
def test_places_that_cannot_be_written_are_refused(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UserError, match=reason):
        require_writable(tmp_path / name, ".mp4")


def test_a_good_place_is_accepted(tmp_path: Path) -> None:
    require_writable(tmp_path / "Take.MP4", ".mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="not writable"):
        require_writable(tmp_path / "take.mp4", ".mp4")
