"""Which Python the add-on takes for the backend, and how it keeps one backend for all takes."""

import os
from pathlib import Path

import pytest

from blender_addon import backend_process
from blender_addon.backend_process import find_python, shared_backend, stop_shared_backend
from blender_addon.records import BackendError
from tests.service.fake_backend import write_fake_python


def test_the_preference_comes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preferred, named = tmp_path / "preferred", tmp_path / "named"
    preferred.touch()
    named.touch()
    monkeypatch.setenv("FACETALK_PYTHON", str(named))
    assert find_python(str(preferred)) == preferred
    assert find_python("") == named


def test_a_python_that_is_set_but_missing_is_an_error_not_a_guess(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FACETALK_PYTHON", raising=False)
    with pytest.raises(BackendError, match=r"no Python at .*: set 'Backend Python'"):
        find_python(str(tmp_path / "gone"))


def test_the_checkouts_own_environment_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACETALK_PYTHON", raising=False)
    monkeypatch.setattr(backend_process, "__file__", str(tmp_path / "blender_addon" / "backend_process.py"))
    with pytest.raises(BackendError, match="is not known: set 'Backend Python'"):
        find_python("")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert find_python("") == python


def test_one_backend_serves_all_until_it_ends_or_another_python_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    python, other = write_fake_python(tmp_path), write_fake_python(tmp_path / "other")
    try:
        first = shared_backend(python)
        assert shared_backend(python) is first
        first.stop()
        second = shared_backend(python)
        assert second is not first
        third = shared_backend(other)
        assert not second.alive
        assert third.alive
    finally:
        stop_shared_backend()
    assert not third.alive


def test_the_token_is_not_in_the_process_list(tmp_path: Path) -> None:
    backend = shared_backend(write_fake_python(tmp_path))
    try:
        backend.wait_until_ready(lambda: False, lambda stage: None)
        arguments = Path(f"/proc/{backend._process.pid}/cmdline").read_bytes()
        assert backend._token.encode() not in arguments
        assert backend._token not in os.environ.values()
    finally:
        stop_shared_backend()
