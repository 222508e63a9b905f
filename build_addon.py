"""Build the Blender extension: ``python build_addon.py`` writes ``dist/facetalk-<version>.zip``.

Blender's own extension tool, which comes with the bpy wheel, checks the manifest, packs the folder and checks
the zip.
"""

import argparse
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent
SOURCE = CHECKOUT / "blender_addon"
TOOL = "*/scripts/addons_core/bl_pkg/cli/blender_ext.py"  # below the bpy package


def extension_tool() -> Path:
    """Blender's extension tool in the bpy wheel, found without importing bpy, which takes a second."""
    spec = importlib.util.find_spec("bpy")
    for folder in (spec.submodule_search_locations if spec is not None else None) or ():
        for tool in Path(folder).glob(TOOL):
            return tool
    sys.exit("The bpy package is not installed in this Python: install requirements-dev.txt.")


def build(output: Path) -> Path:
    """Write the extension into a folder; return the zip's path. Exits with the tool's words if it refuses."""
    manifest = tomllib.loads((SOURCE / "blender_manifest.toml").read_text(encoding="utf-8"))
    archive = output / f"{manifest['id']}-{manifest['version']}.zip"
    output.mkdir(parents=True, exist_ok=True)
    _run_tool("build", "--source-dir", str(SOURCE), "--output-filepath", str(archive))
    _run_tool("validate", str(archive))
    return archive


def _run_tool(*arguments: str) -> None:
    # -I: nothing of the user's environment belongs into a build.
    done = subprocess.run(
        [sys.executable, "-I", str(extension_tool()), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"Blender's extension tool refuses ({arguments[0]}):\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the Blender extension.")
    parser.add_argument("--output", type=Path, default=CHECKOUT / "dist", help="folder for the zip (dist)")
    print(build(parser.parse_args().output))
