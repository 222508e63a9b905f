"""The command line of templates: ``facetalk template MESH``.

What a command needs is imported when it runs, so that ``--help`` does not wait for torch.
"""

import re
from pathlib import Path
from typing import Annotated

import typer

from facetalk import presets
from facetalk.cli_console import ERR, OUT, Device, bars


def template(
    mesh: Annotated[Path, typer.Argument(help="A character's head or body, neutral: .obj, .ply, .stl or .glb.")],
    landmarks: Annotated[
        Path | None, typer.Option(help="Named points of the mesh, one line each: nose_tip 0.01 1.62 0.12.")
    ] = None,
    units: Annotated[str | None, typer.Option(help="Its units: m, dm, cm, mm or inch; found if not given.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the template; the mesh's if not given.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The folder to write; one of your own templates if not given.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Make a template of a mesh of your own, once: `facetalk animate --template NAME` then moves it."""
    from facetalk.head.registration import require_units
    from facetalk.head.scan_landmarks import read_landmarks
    from facetalk.topology.own_template import template_folder, write_own_template
    from facetalk.topology.polygon_mesh import read_polygon_mesh

    name = name if name is not None else re.sub(r"[^a-z0-9_-]+", "-", mesh.stem.lower())[:64]
    folder = output if output is not None else template_folder(name)
    require_units(units)
    points = None if landmarks is None else read_landmarks(landmarks)
    polygons = read_polygon_mesh(mesh)
    with ERR.status("loading the head"):
        from facetalk.character import make_template
        from facetalk.device import choose_device
        from facetalk.head.head import Head
        from facetalk.topology.template import Template

        head = Head.load(presets.preset(presets.HEAD), choose_device(device))
        default = Template.load(presets.preset(presets.TOPOLOGY))
    with bars() as progress:
        tasks = {what: progress.add_task(what, total=1.0) for what in ("surface", "align", "fit", "bind")}
        made = make_template(
            head,
            default,
            polygons,
            name,
            points,
            units,
            lambda what, fraction: progress.update(tasks[what], completed=fraction),
        )
    write_own_template(folder, made.template, mesh.name)
    OUT.print(made.summary())
    for remark in made.remarks():
        ERR.print(remark, style="yellow")
    OUT.print(f"{folder}: the template {name}")
