"""Blender as a module: its user folder is a temporary one, and every test starts from an empty file.

State inside bpy is global: run each file of this folder in a process of its own.
"""

import os
import tempfile

os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="facetalk-blender-")  # before bpy is imported

import bpy
import pytest


@pytest.fixture(autouse=True)
def empty_file() -> None:
    """An empty scene. The home file reset, other than a factory reset, keeps add-ons registered."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
