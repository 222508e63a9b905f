"""Imports run down the floors of the house, never up, and the add-on shares no code with the backend."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BACKEND = ROOT / "backend/facetalk"
ADD_ON = ROOT / "blender_addon"

# From the roof down; modules of one floor may not import each other unless they share a name here.
FLOORS: tuple[set[str], ...] = (
    {"cli", "cli_bench", "cli_evaluate", "cli_fit", "cli_head", "cli_rig", "cli_template"},
    {"cli_console"},
    {"service", "export", "evaluation"},
    {"animate", "capture", "cast", "character", "imported_head", "keyed_take", "rigged_take", "stand_in"},
    {"topology"},
    {"head", "motion", "speech"},
    {"bundle", "clip", "take", "presets", "preset_file", "device", "output_file", "own_heads", "runs"},
    {"errors"},
)
FLOOR_OF = {name: number for number, floor in enumerate(FLOORS) for name in floor}


def imported_modules(path: Path, while_running: bool = True) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and while_running and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "facetalk" and len(parts) > 1 else None


@pytest.mark.parametrize("path", sorted(BACKEND.rglob("*.py")), ids=lambda path: str(path.relative_to(BACKEND)))
def test_imports_run_down(path: Path) -> None:
    own = path.relative_to(BACKEND).parts[0].removesuffix(".py")
    if own == "__init__":
        assert not imported_modules(path)
        return
    assert own in FLOOR_OF, f"{own} has no floor yet"
    for module in imported_modules(path):
        other = room(module)
        if other in FLOOR_OF and other != own:
            assert FLOOR_OF[other] >= FLOOR_OF[own], f"{path.name} imports {module} from a floor above"


def test_running_code_never_imports_training() -> None:
    for path in BACKEND.rglob("*.py"):
        assert not any(module.split(".")[0] == "training" for module in imported_modules(path)), path


def test_the_add_on_imports_nothing_of_the_backend() -> None:
    for path in ADD_ON.rglob("*.py"):
        roots = {module.split(".")[0] for module in imported_modules(path, while_running=False)}
        assert not roots & {"facetalk", "training", "torch"}, path


def test_the_backend_imports_neither_bpy_nor_the_add_on() -> None:
    for path in BACKEND.rglob("*.py"):
        assert not {module.split(".")[0] for module in imported_modules(path)} & {"bpy", "blender_addon"}, path
