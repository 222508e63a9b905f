"""What commands print to: two consoles, bars of progress, and a spinner while models load."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from facetalk.animate import Animator

OUT = Console(soft_wrap=True, highlight=False, markup=False)
ERR = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps; auto takes a GPU if there is one.")]


def bars() -> Progress:
    """Bars with a label, a percentage and the time."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=ERR)


@contextmanager
def one_bar() -> Iterator[Callable[[str, float], None]]:
    """A single bar, labelled with what is being worked on."""
    with bars() as progress:
        task = progress.add_task("", total=1.0)
        yield lambda label, fraction: progress.update(task, description=label, completed=fraction)


def load_animator(device: str, motion: Path | None = None) -> "tuple[Animator, float]":
    """The animator, with the embedded motion model or that of a bundle, and the seconds it took to load."""
    start = time.perf_counter()
    with ERR.status("loading the models"):
        from facetalk.animate import Animator

        animator = Animator.load(device, motion)
    return animator, time.perf_counter() - start
