"""The command line of templates: ``facetalk template MESH``, and ``--quads N`` without a mesh.

What a command needs is imported when it runs, so that ``--help`` does not wait for torch.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetalk import presets
from facetalk.cli_console import ERR, OUT, Device, bars

if TYPE_CHECKING:
    from facetalk.head.head import Head
    from facetalk.topology.template import Template


def template(
    mesh: Annotated[
        Path | None, typer.Argument(help="A character's head or body, neutral: .obj, .ply, .stl or .glb.")
    ] = None,
    quads: Annotated[
        int | None,
        typer.Option(metavar="N", help="In place of a mesh: about N quads over the neural head itself, by QuadriFlow."),
    ] = None,
    landmarks: Annotated[
        Path | None, typer.Option(help="Named points of the mesh, one line each: nose_tip 0.01 1.62 0.12.")
    ] = None,
    units: Annotated[str | None, typer.Option(help="Its units: m, dm, cm, mm or inch; found if not given.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the template; the mesh's, or quads-N, if not given.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The folder to write; one of your own templates if not given.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Make a template, once: of a mesh of your own, or of quads over the neural head, which any identity wears.

    `facetalk animate --template NAME` then moves it.
    """
    from facetalk.topology.own_template import template_folder

    if quads is not None:
        if mesh is not None or landmarks is not None or units is not None:
            raise typer.BadParameter("--quads makes a template without a mesh: leave out MESH, --landmarks and --units")
        name = name if name is not None else f"quads-{quads}"
        _cover_head(quads, name, output if output is not None else template_folder(name), device)
        return
    if mesh is None:
        raise typer.BadParameter("say what to make a template of: a MESH, or --quads N over the neural head")
    name = name if name is not None else re.sub(r"[^a-z0-9_-]+", "-", mesh.stem.lower())[:64]
    _bind_mesh(mesh, landmarks, units, name, output if output is not None else template_folder(name), device)


def _bind_mesh(mesh: Path, landmarks: Path | None, units: str | None, name: str, folder: Path, device: str) -> None:
    """Make a template of the user's own mesh."""
    from facetalk.head.registration import require_units
    from facetalk.head.scan_landmarks import read_landmarks
    from facetalk.topology.own_template import write_own_template
    from facetalk.topology.polygon_mesh import read_polygon_mesh

    require_units(units)
    points = None if landmarks is None else read_landmarks(landmarks)
    polygons = read_polygon_mesh(mesh)
    head, default = _load_head(device)
    from facetalk.character import make_template

    with _stage_bars("surface", "align", "fit", "bind") as progress:
        made = make_template(head, default, polygons, name, points, units, progress)
    write_own_template(folder, made.template, mesh.name)
    OUT.print(made.summary())
    for remark in made.remarks():
        ERR.print(remark, style="yellow")
    OUT.print(f"{folder}: the template {name}")


def _cover_head(quads: int, name: str, folder: Path, device: str) -> None:
    """Make a template of QuadriFlow's quads."""
    from facetalk.export.blender_process import require_blender
    from facetalk.export.quadriflow import quadriflow
    from facetalk.topology.quad_template import faults, make_quad_template, require_quads
    from facetalk.topology.template_file import write_template
    from facetalk.topology.template_rims import SKIN

    require_quads(quads)
    require_blender()
    head, default = _load_head(device)
    with _stage_bars("surface", "quads", "transfer") as progress:
        made = make_quad_template(head, default, name, quads, quadriflow, progress)
    write_template(folder, made, f"facetalk template --quads {quads}")
    skin = made.quads[(made.parts[made.quads] == SKIN).all(axis=1)].astype("int64")
    OUT.print(f"{len(skin):,} quads of skin, {len(made.quads) - len(skin):,} of eyeballs, teeth, mouth and brows.")
    if wrong := faults(made.vertices[: skin.max() + 1].astype("float64"), skin):
        ERR.print(f"{wrong} quads are turned over or go through others: another number may do better.", style="yellow")
    OUT.print(f"{folder}: the template {name}")


def _load_head(device: str) -> "tuple[Head, Template]":
    """The embedded head, and the default template."""
    with ERR.status("loading the head"):
        from facetalk.device import choose_device
        from facetalk.head.head import Head
        from facetalk.topology.template import Template

        head = Head.load(presets.preset(presets.HEAD), choose_device(device))
        return head, Template.load(presets.preset(presets.TOPOLOGY))


@contextmanager
def _stage_bars(*stages: str) -> Iterator[Callable[[str, float], None]]:
    """A bar for each of some stages."""
    with bars() as progress:
        tasks = {stage: progress.add_task(stage, total=1.0) for stage in stages}
        yield lambda stage, fraction: progress.update(tasks[stage], completed=fraction)
