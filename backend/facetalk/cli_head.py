"""The command line of heads: ``facetalk head import | land | fit``.

What a command needs is imported when it runs, so that ``--help`` does not wait for torch.
"""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from facetalk import presets
from facetalk.cli_console import load_animator, one_bar

if TYPE_CHECKING:
    from facetalk.head.fitting import FittedIdentity

app = typer.Typer(help="Bring heads in, land the template on them, and fit heads to scans.", no_args_is_help=True)

_out = Console(soft_wrap=True, highlight=False, markup=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)


@app.command("import")
def import_head(
    folder: Annotated[Path, typer.Argument(help="The folder of a published NPHM, DPHM or MonoNPHM model.")],
    anchors: Annotated[Path, typer.Option(help="Its mean anchors, anchors_39.npy or anchors_65.npy.")],
    output: Annotated[Path, typer.Option(help="The bundle to write, a new folder.")],
) -> None:
    """Turn a published head model into a bundle (docs/published-heads.md)."""
    with _err.status("reading the checkpoint"):
        from facetalk.head.published_checkpoints import import_published_head

        summary = import_published_head(folder, anchors, output)
    size = sum(path.stat().st_size for path in output.iterdir()) / 1e6
    _out.print(f"{output} ({size:.1f} MB): {summary}")


@app.command()
def land(
    bundle: Annotated[Path, typer.Argument(help="A published head, imported and taught the rig.")],
    identity: Annotated[str, typer.Option(help="Whose face: average, subject-K or random-N.")] = "average",
    landmarks: Annotated[
        Path | None,
        typer.Option(help="Named points of the head, in its own units, where its face is not found: nose_tip 0 0 0.3."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Land the template on a face of a published head, as `facetalk animate` does the first time, and say how well."""
    from facetalk.head.scan_landmarks import read_landmarks

    points = None if landmarks is None else read_landmarks(landmarks)
    animator, _ = load_animator(device)
    from facetalk.imported_head import ImportedHead

    with _err.status("loading the head"):
        head = ImportedHead.load(animator, bundle)
    start = time.perf_counter()
    with one_bar() as report:
        landed = head.landed(identity, points, report)
    _out.print(f"{identity} after {time.perf_counter() - start:.1f} s: {landed.describe()}")


@app.command()
def fit(
    scan: Annotated[Path, typer.Argument(help="A head or face: .obj, .ply, .stl, .glb, .xyz, .npy or .npz.")],
    landmarks: Annotated[
        Path | None, typer.Option(help="Named points of the scan, one line each: nose_tip 0.01 1.62 0.12.")
    ] = None,
    units: Annotated[str | None, typer.Option(help="Its units: m, dm, cm, mm or inch; found if not given.")] = None,
    head: Annotated[Path | None, typer.Option(help="The head's bundle; the embedded one if not given.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the identity; the scan's if not given.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="The preset to write, .json; one of your own if not given.")
    ] = None,
    hair: Annotated[str | None, typer.Option(help="A hair style of the head; bald if not given.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Find the identity of a scan, a sculpt or a character's head, neutral and with lips closed."""
    with _err.status("reading the scan"):
        from facetalk.device import choose_device
        from facetalk.head.fitting import fit_scan
        from facetalk.head.head_bundle import load_head
        from facetalk.head.identity_preset import IdentityPreset, identity_path, require_name, write_identity
        from facetalk.head.registration import require_units
        from facetalk.head.scan import read_scan
        from facetalk.head.scan_landmarks import read_landmarks
        from facetalk.output_file import require_writable

        name = name if name is not None else re.sub(r"[^a-z0-9_-]+", "-", scan.stem.lower())[:64]
        require_name(name)
        output = output if output is not None else identity_path(name)
        require_writable(output, ".json")
        require_units(units)
        points = None if landmarks is None else read_landmarks(landmarks)
        surface = read_scan(scan)
    with _err.status("loading the head"):
        folder = head if head is not None else presets.preset(presets.HEAD)
        model = load_head(folder, choose_device(device))
        preset = IdentityPreset(name, folder.resolve().name, (0.0,) * model.identity_size, hair, source=scan.name)
        preset.require_fit(preset.head, model.identity_size, getattr(model, "hair_styles", ()))
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=_err
    ) as bars:
        tasks = {what: bars.add_task(what, total=1.0) for what in ("surface", "align", "fit")}
        fitted, alignment = fit_scan(
            model,
            surface,
            landmarks=points,
            units=units,
            progress=lambda what, fraction: bars.update(tasks[what], completed=fraction),
        )
    write_identity(output, preset.fitted(fitted.code.tolist(), fitted.residuals()))
    _print_fit(fitted)
    _out.print(f"The scan shows {alignment.describe_size()}.")
    for remark in fitted.remarks():
        _err.print(remark, style="yellow")
    _out.print(f"{output}: the identity {name}")


def _print_fit(fitted: "FittedIdentity") -> None:
    table = Table("surface, mm", show_edge=False)
    for column in ("mean", "95 %", "worst", "left out", "points"):
        table.add_column(column, justify="right")
    for region, residual in (("face", fitted.face), ("head", fitted.head)):
        figures = (f"{value:.2f}" for value in (residual.mean, residual.p95, residual.worst))
        table.add_row(region, *figures, f"{residual.outliers:.1%}", str(residual.points))
    _out.print(table)
