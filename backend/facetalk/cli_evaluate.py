"""The command line of measures: ``facetalk evaluate --talkers | --curves | head`` (``docs/measures.md``).

What a command needs is imported when it runs, so that ``--help`` does not wait for torch.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetalk import presets
from facetalk.cli_console import ERR, OUT, Device, load_animator, one_bar

if TYPE_CHECKING:
    from facetalk.take import TakeSettings

app = typer.Typer(help="Measure how good the parts are.")


@app.callback(invoke_without_command=True)
def evaluate(
    context: typer.Context,
    talkers: Annotated[
        Path | None, typer.Option(help="Folder of recordings with tracked lips (docs/measures.md).")
    ] = None,
    curves: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="FOLDER OUT.npz", help="Write the generated curves of every sound in a folder."),
    ] = None,
    takes: Annotated[int, typer.Option(min=1, help="Takes of each recording (with --talkers).")] = 3,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Denoising steps (with --talkers); the model's own if not given.")
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(min=0.0, help="Weight of the speech (with --talkers); the model's own if not given.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Measure generated takes against recordings, or write their curves for others to judge."""
    if context.invoked_subcommand is not None:
        if talkers is not None or curves is not None:
            raise typer.BadParameter(f"say either {context.invoked_subcommand}, or --talkers or --curves")
        return
    if (talkers is None) == (curves is None):
        raise typer.BadParameter("say one of --talkers FOLDER and --curves FOLDER OUT.npz")
    if talkers is not None:
        from facetalk.take import TakeSettings

        _judge_talkers(talkers, takes, TakeSettings(steps=steps, guidance=guidance), device)
    if curves is not None:
        _write_curves(*curves, device)


@app.command()
def head(
    folder: Annotated[Path, typer.Argument(help="Held-out heads, as training writes them (docs/measures.md).")],
    bundle: Annotated[
        Path | None, typer.Option("--head", help="The head's bundle; the embedded one if not given.")
    ] = None,
    identities: Annotated[
        int | None, typer.Option(min=1, help="Measure so many identities only; all if not given.")
    ] = None,
    fits: Annotated[
        int | None, typer.Option(min=0, help="Fit codes to so many of these only, which takes the most time.")
    ] = None,
    resolution: Annotated[int, typer.Option(min=32, max=512, help="Samples per axis of the neural surface.")] = 256,
    surfaces: Annotated[
        bool, typer.Option(help="Measure the surfaces of identities; poses alone take a tenth of the time.")
    ] = True,
    out: Annotated[Path | None, typer.Option("--json", help="A file to write the figures to as well, .json.")] = None,
    device: Device = "auto",
) -> None:
    """Measure the neural head against heads that its training left out."""
    with ERR.status("reading the heads"):
        from facetalk.device import choose_device
        from facetalk.evaluation.head_measures import measure_head
        from facetalk.evaluation.head_report import as_json, head_table, report_rows
        from facetalk.evaluation.held_out_heads import read_held_out_heads
        from facetalk.head.head import Head
        from facetalk.output_file import require_writable, written_whole

        if out is not None:
            require_writable(out, ".json")
        heads = read_held_out_heads(folder)
        model = Head.load(bundle if bundle is not None else presets.preset(presets.HEAD), choose_device(device))
        heads.require_same_family(model.shape_size, model.config["rig_controls"], model.parts)
    with one_bar() as progress:
        counts = (identities, fits, resolution, surfaces)
        rows = report_rows(measure_head(model, model.rig_to_code(), heads, progress, *counts))
    OUT.print(head_table(rows))
    if out is not None:
        with written_whole(out) as staged:
            staged.write_text(json.dumps(as_json(rows), indent=2) + "\n", encoding="utf-8")


def _judge_talkers(folder: Path, takes: int, settings: "TakeSettings", device: str) -> None:
    from facetalk.evaluation.report import evaluate_talkers, read_recordings, report_table, summary_lines

    recordings = read_recordings(folder)
    animator, _ = load_animator(device)
    with one_bar() as progress:
        scores = evaluate_talkers(animator, recordings, takes, progress, settings)
    OUT.print(report_table(scores))
    for line in summary_lines(scores):
        OUT.print(line)


def _write_curves(folder: Path, out: Path, device: str) -> None:
    from facetalk.evaluation.curves import sound_files, write_curves
    from facetalk.output_file import require_writable

    require_writable(out, ".npz")
    paths = sound_files(folder)
    animator, _ = load_animator(device)
    with one_bar() as progress:
        write_curves(animator, paths, out, progress)
    OUT.print(f"{out}: {len(paths)} recordings")
