"""Blender as a module: its user folder is a temporary one, and every test starts from an empty file.

State inside bpy is global: run each file of this folder in a process of its own.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="facetalk-blender-")  # before bpy is imported

import bpy
import pytest

import blender_addon
from blender_addon import backend_process
from tests.service.fake_backend import UseBackend, write_fake_python


def pytest_unconfigure() -> None:
    """Leave no user folder behind."""
    shutil.rmtree(os.environ["BLENDER_USER_RESOURCES"], ignore_errors=True)


@pytest.fixture(autouse=True)
def empty_file() -> None:
    """An empty scene. The home file reset, other than a factory reset, keeps add-ons registered."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


@pytest.fixture(scope="module")
def addon() -> Iterator[None]:
    """The add-on, registered."""
    blender_addon.register()
    yield
    blender_addon.unregister()


@pytest.fixture
def use_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UseBackend]:
    """Has the add-on use a fake backend with wishes; what is known of it is gone afterwards."""

    def use(**wishes: object) -> Path:
        python = write_fake_python(tmp_path, **wishes)
        monkeypatch.setenv("FACETALK_PYTHON", str(python))
        return python

    yield use
    backend_process.stop_shared_backend()
    backend_process.last_health = None
