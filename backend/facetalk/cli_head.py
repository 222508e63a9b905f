"""The command line of heads: ``facetalk head import``.

What a command needs is imported when it runs, so that ``--help`` does not wait for torch.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(help="Bring heads in.", no_args_is_help=True)

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
