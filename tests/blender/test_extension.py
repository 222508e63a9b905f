"""The extension as people get it: built, checked by Blender's tool, installed in a fresh Blender, and run."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import build_addon
from tests.service.fake_backend import write_fake_python

# The parts of Blender's published lists that we use; its validator accepts any word.
LICENCES = {"SPDX:GPL-3.0-or-later"}
TAGS = {"Animation", "Sequencer"}

IN_A_FRESH_BLENDER = """
import sys, os, time
import bpy
archive, sound = sys.argv[1:3]
bpy.ops.extensions.package_install_files(
    filepath=archive, repo="user_default", enable_on_install=True, overwrite=True)
module = "bl_ext.user_default.facetalk"
assert module in bpy.context.preferences.addons, list(bpy.context.preferences.addons.keys())
preferences = bpy.context.preferences.addons[module].preferences
preferences.backend_python = os.environ["FAKE_PYTHON"]
for panel in ("generate_sequencer", "generate_view", "takes_sequencer", "takes_view"):
    assert hasattr(bpy.types, "FACETALK_PT_" + panel), panel
bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
scene = bpy.context.scene
scene.render.fps = 25
strip = scene.sequence_editor_create().strips.new_sound("line", sound, 1, 5)
strip.select = True
assert bpy.ops.facetalk.check_backend() == {"FINISHED"}
assert bpy.ops.facetalk.generate() == {"FINISHED"}
face = scene.objects["line take 1"]
assert face.facetalk.frame_count == 25, face.facetalk.frame_count
assert len(face.data.shape_keys.key_blocks) >= 25
import addon_utils
addon_utils.disable(module)
assert not hasattr(bpy.types.Scene, "facetalk")
print("installed and run")
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_addon.build(tmp_path_factory.mktemp("dist"))


def test_the_archive_holds_the_addon_and_nothing_else(archive: Path) -> None:
    manifest = tomllib.loads((build_addon.SOURCE / "blender_manifest.toml").read_text())
    assert archive.name == f"facetalk-{manifest['version']}.zip"
    names = set(zipfile.ZipFile(archive).namelist())
    assert {"__init__.py", "blender_manifest.toml", "LICENSE", "operators.py", "face_object.py"} <= names
    assert not {name for name in names if not re.fullmatch(r"\w+\.(py|toml)|LICENSE", name)}
    assert archive.stat().st_size < 200_000


def test_the_manifest_uses_known_words_and_our_version() -> None:
    manifest = tomllib.loads((build_addon.SOURCE / "blender_manifest.toml").read_text())
    assert set(manifest["license"]) <= LICENCES
    assert set(manifest["tags"]) <= TAGS
    project = tomllib.loads((build_addon.CHECKOUT / "pyproject.toml").read_text())
    assert manifest["version"] == project["project"]["version"]


def test_blenders_tool_refuses_a_broken_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "addon"
    source.mkdir()
    text = (build_addon.SOURCE / "blender_manifest.toml").read_text()
    (source / "blender_manifest.toml").write_text(text.replace('type = "add-on"', 'type = "thing"'))
    (source / "__init__.py").write_text("")
    monkeypatch.setattr(build_addon, "SOURCE", source)
    with pytest.raises(SystemExit, match="refuses"):
        build_addon.build(tmp_path / "dist")


def test_a_script_that_ends_with_the_addon_enabled_does_end(tmp_path: Path) -> None:
    script = "import bpy, blender_addon; blender_addon.register()"
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=build_addon.CHECKOUT, timeout=30, check=False
    )
    assert done.returncode == 0


def test_the_addon_imports_only_blender_numpy_and_itself() -> None:
    allowed = {*sys.stdlib_module_names, "bpy", "aud", "numpy", "mathutils", "bpy_extras"}
    for path in build_addon.SOURCE.glob("*.py"):
        if path.name in {"headless.py", "pictures.py", "point_cache.py", "quad_remesh.py", "stage.py"}:  # left out
            continue
        imported = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
        assert set(imported) <= allowed, path.name


def test_installed_in_a_fresh_blender_it_generates(archive: Path, tmp_path: Path) -> None:
    import numpy as np
    import soundfile

    sound = tmp_path / "line.wav"
    soundfile.write(sound, np.sin(np.linspace(0, 2000, 16000)), 16000)
    (tmp_path / "user").mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "FACETALK_PYTHON"}},
        "BLENDER_USER_RESOURCES": str(tmp_path / "user"),
        "FAKE_PYTHON": str(write_fake_python(tmp_path)),
    }
    done = subprocess.run(
        [sys.executable, "-c", IN_A_FRESH_BLENDER, str(archive), str(sound)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "installed and run" in done.stdout
