"""The command line: ``facetalk animate | fit | rig | template | evaluate | head | serve | doctor``.

What a command needs is imported when it runs, so that ``--help`` does not wait for torch.
"""

import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID
from rich.table import Table
from rich.text import Text

from facetalk import cli_bench, cli_evaluate, cli_fit, cli_head, cli_rig, cli_template, presets
from facetalk.cli_console import ERR, OUT, Device, bars, load_animator
from facetalk.errors import UserError

app = typer.Typer(
    help="Make a 3D head speak a recorded line.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(cli_fit.fit)
app.command()(cli_rig.rig)
app.command()(cli_template.template)
app.add_typer(cli_head.app, name="head")
app.add_typer(cli_bench.app, name="bench")
app.add_typer(cli_evaluate.app, name="evaluate")

PACKAGES = ("facetalk", "torch", "transformers", "numpy", "soundfile", "imageio-ffmpeg", "fastapi", "bpy")
BUNDLES = {
    "speech": presets.SPEECH_ENCODER,
    "head": presets.HEAD,
    "motion": presets.MOTION,
    "topology": presets.TOPOLOGY,
}
FACE_STAGES = ("speech", "motion", "decode")  # from sound to posed vertices; the rest writes files


class StageClock:
    """One progress bar for each stage, and the seconds each has taken.

    Stages take turns, one batch of frames after the other: the time since the last report belongs to the
    stage that reports.

    Attributes:
        seconds: time of each stage so far, in the order in which they first reported.
    """

    def __init__(self, bars: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._last_report = time.perf_counter()

    def __call__(self, stage: str, fraction: float) -> None:
        """A stage reports that this share of it, 0 to 1, is done."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=1.0)
        self._bars.update(self._tasks[stage], completed=fraction)
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last_report
        self._last_report = now


@app.command()
def animate(
    speech: Annotated[Path, typer.Argument(help="A sound file, or a video file with sound.")],
    blend: Annotated[Path | None, typer.Option(help="The Blender file to write.")] = None,
    video: Annotated[Path | None, typer.Option(help="The preview to write, .mp4.")] = None,
    identity: Annotated[str, typer.Option(help="Whose face.")] = "average",
    hair: Annotated[
        str | None, typer.Option(metavar="STYLE", help="A hair style, or bald; the face's own if left out.")
    ] = None,
    style: Annotated[
        str | None, typer.Option(help="How to perform: neutral, lively, happy ...; a file of presets/styles.")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="light, fine, or one that `facetalk template` has made."),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="BUNDLE",
            help="A published head of your own, taught the rig: a folder, or a name in ~/.facetalk/heads.",
        ),
    ] = None,
    motion: Annotated[
        Path | None, typer.Option(metavar="BUNDLE", help="A motion model of your own; the embedded one if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Each seed is another take.")] = 0,
    fps: Annotated[float, typer.Option(min=1, max=240, help="Frames per second.")] = 25.0,
    guidance: Annotated[float | None, typer.Option(min=0, help="How strictly to follow the speech.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, max=1000, help="Denoising steps.")] = None,
    compact: Annotated[
        float | None,
        typer.Option(
            metavar="MM",
            min=0.01,
            max=10,
            help="Few shape keys with curves, no vertex farther off than so much (try 0.1).",
        ),
    ] = None,
    cache: Annotated[
        bool,
        typer.Option("--cache", help="Frames in a point cache (.pc2) beside the .blend, for takes of many minutes."),
    ] = False,
    device: Device = "auto",
) -> None:
    """Animate a head to speech: a .blend, a preview .mp4, or both."""
    if blend is None and video is None:
        raise typer.BadParameter("say what to write: --blend FILE.blend, --video FILE.mp4, or both")
    if cache and compact is not None:
        raise typer.BadParameter("a compact take has no frames to put in a point cache: leave out --cache or --compact")
    from facetalk.clip import load_clip
    from facetalk.output_file import require_writable
    from facetalk.own_heads import find_head
    from facetalk.topology.own_template import has_own_face

    own = template if template is not None and has_own_face(template) else None
    if head is not None and own is not None:
        raise typer.BadParameter("a mesh of your own hangs on the embedded head: leave out --template or --head")
    for path, suffix in ((blend, ".blend"), (video, ".mp4")):
        if path is not None:
            require_writable(path, suffix)
    bundle = None if head is None else find_head(head)
    clip = load_clip(speech)

    animator, load_seconds = load_animator(device, motion)

    from facetalk.animate import Animator
    from facetalk.cast import Cast
    from facetalk.device import describe_device
    from facetalk.export import write_take
    from facetalk.imported_head import ImportedHead
    from facetalk.service.stream import TakeSource
    from facetalk.take import CACHE, COMPACT, FRAMES, TakeSettings

    form = CACHE if cache else FRAMES
    settings = TakeSettings(identity, seed, fps, guidance, steps, hair=hair, style=style, template=own, form=form)
    if compact is not None:
        settings = replace(settings, form=COMPACT, tolerance_mm=compact)
    performer = Cast(animator).performer(template)
    source: TakeSource = performer
    if bundle is not None and isinstance(performer, Animator):
        source = ImportedHead.load(performer, bundle)
    with _stage_bars() as clock:
        report = write_take(source, clip, settings, sound=speech, blend=blend, video=video, progress=clock)
    seconds = {"load models": load_seconds, **clock.seconds}
    _print_summary(seconds, clip.seconds, describe_device(animator.device))
    if report.keys is not None:
        OUT.print(
            f"{report.frames} frames as {report.keys.count} shape keys with curves; "
            f"no vertex is farther off than {report.keys.error_mm:.3f} mm."
        )
    if isinstance(source, ImportedHead) and source.roots.missed:
        ERR.print(source.roots.remark(), style="yellow")
    for path in (report.blend, report.cache, report.video):
        if path is not None:
            OUT.print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
) -> None:
    """Serve Blender's add-on until standard input ends; the token is in FACETALK_TOKEN."""
    import logging

    from facetalk.service.app import serve as serve_takes

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    serve_takes(port=port)


@app.command()
def doctor() -> None:
    """Say what is installed, which device runs, and whether every model bundle is whole."""
    from facetalk.device import choose_device, describe_device

    table = Table("part", "state", title="FaceTalk", title_justify="left")
    table.add_row("python", f"{platform.python_version()} on {platform.platform()}")
    for package in PACKAGES:
        table.add_row(package, _version(package))
    table.add_row("device", describe_device(choose_device("auto")))
    damaged = 0
    for kind, name in BUNDLES.items():
        try:
            state = _bundle_state(kind, name)
        except UserError as error:
            damaged += 1
            table.add_row(name, Text(str(error), "red"))
        else:
            table.add_row(name, state)
    OUT.print(table)
    if damaged:
        raise UserError(f"{damaged} of {len(BUNDLES)} model bundles cannot be used: the table says why.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a ``UserError`` becomes one red line and exit status 1."""
    try:
        app(args=arguments)
    except UserError as error:
        ERR.print(str(error), style="red")
        sys.exit(1)


@contextmanager
def _stage_bars() -> Iterator[StageClock]:
    with bars() as progress:
        yield StageClock(progress)


def _print_summary(seconds: dict[str, float], speech_seconds: float, device: str) -> None:
    table = Table("stage", show_edge=False)
    table.add_column("seconds", justify="right")
    for stage, taken in seconds.items():
        table.add_row(stage, f"{taken:.1f}")
    OUT.print(table)
    face = sum(seconds.get(stage, 0.0) for stage in FACE_STAGES)
    OUT.print(
        f"{speech_seconds:.1f} s of speech became a moving face in {face:.1f} s: "
        f"{speech_seconds / face:.1f} times as fast as real time, on {device}."
    )


def _bundle_state(kind: str, name: str) -> str:
    """What there is to say of a bundle that can be used."""
    from facetalk.bundle import read_bundle
    from facetalk.speech.feature_kind import FeatureKind
    from facetalk.speech.speech_encoder import require_encoder

    bundle = read_bundle(presets.preset(name), kind)
    if kind == "motion":
        require_encoder(FeatureKind.read(bundle.config.get("speech"), bundle.folder / "manifest.json"))
    size = sum(path.stat().st_size for path in bundle.folder.iterdir()) / 1e6
    return f"{bundle.name}, {size:.1f} MB, every hash right"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
