"""The command line of benchmarks: ``facetalk bench head | motion | topology | landing | decoding | rig | memory``.

What a command needs is imported when it runs, so that ``--help`` does not wait for torch.
"""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from facetalk import presets
from facetalk.cli_console import ERR, OUT, Device, load_animator, one_bar

app = typer.Typer(help="Measure how fast the parts are.", no_args_is_help=True)


@app.command()
def head(
    identity: Annotated[str, typer.Option(help="Whose head: average, random-N, or a preset.")] = "average",
    part: Annotated[str | None, typer.Option(help="The part to mesh; all together if not given.")] = None,
    dense_resolution: Annotated[
        int, typer.Option(min=16, max=512, help="Samples per axis of the dense grid; 256 takes minutes on a CPU.")
    ] = 256,
    device: Device = "auto",
) -> None:
    """Measure the embedded head: posing, and sparse meshing against dense in the same run."""
    with ERR.status("loading the head"):
        import torch

        from facetalk.device import choose_device, describe_device
        from facetalk.evaluation.head_bench import bench_head, bench_table, require_part
        from facetalk.head.head import Head
        from facetalk.head.named_identity import named_identity
        from facetalk.topology.template import Template

        chosen = choose_device(device)
        start = time.perf_counter()
        model = Head.load(presets.preset(presets.HEAD), chosen)
        load_seconds = time.perf_counter() - start
        template = Template.load(presets.preset(presets.TOPOLOGY))
        points, parts = torch.from_numpy(template.vertices), torch.from_numpy(template.parts).long()
        code = named_identity(model, presets.HEAD.rpartition("/")[2], identity)
        require_part(model, part)
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=ERR) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, fraction: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0)
            bars.update(tasks[stage], completed=fraction)

        result = bench_head(model, code, points, parts, report, part, dense_resolution)
    OUT.print(bench_table(result, load_seconds, describe_device(chosen)))


@app.command()
def motion(
    speech: Annotated[Path, typer.Argument(help="A sound or video file with speech; repeated to the lengths needed.")],
    device: Device = "auto",
) -> None:
    """Measure takes: speed, cost together, seams of windows and edits."""
    from facetalk.clip import load_clip
    from facetalk.device import choose_device, describe_device

    clip = load_clip(speech)
    animator, _ = load_animator(device)
    from facetalk.evaluation.motion_bench import bench_motion, bench_table

    with one_bar() as progress:
        result = bench_motion(animator, clip, progress)
    OUT.print(bench_table(result, describe_device(choose_device(device))))


@app.command()
def topology(
    speech: Annotated[Path, typer.Argument(help="A sound or video file with speech; repeated to a minute.")],
    identities: Annotated[int, typer.Option(min=1, max=200, help="How many faces: named ones and random ones.")] = 20,
    template: Annotated[
        str, typer.Option(metavar="NAME", help="Which one: any that comes along, or one of your own made of quads.")
    ] = presets.TOPOLOGY.rpartition("/")[2],
    whole: Annotated[bool, typer.Option("--whole", help="Then `bench decoding` and `bench rig` as well.")] = False,
    device: Device = "auto",
) -> None:
    """Measure a template: how it lands on faces, and what becomes of it while they speak."""
    from facetalk.clip import load_clip
    from facetalk.device import choose_device, describe_device

    clip = load_clip(speech)
    animator, _ = load_animator(device)
    from facetalk.animate import Animator
    from facetalk.cast import Cast
    from facetalk.errors import UserError
    from facetalk.evaluation.topology_bench import bench_table, bench_topology

    performer = Cast(animator).performer(template)
    if not isinstance(performer, Animator):
        raise UserError(f"The character {template} has a face of its own, which no other head wears: name a template.")
    with one_bar() as progress:
        result = bench_topology(performer, clip, identities, progress)
    OUT.print(bench_table(result, describe_device(choose_device(device))))
    if whole:
        decoding(speech, device=device)
        rig(speech, device=device)


@app.command()
def landing(
    speech: Annotated[Path, typer.Argument(help="A sound or video file with speech.")],
    strangers: Annotated[int, typer.Option(min=1, max=100, help="How many heads of each kind.")] = 5,
    device: Device = "auto",
) -> None:
    """Measure how the template lands on heads without a warp: on our own in disguise, for which the truth is known."""
    from facetalk.clip import load_clip
    from facetalk.device import choose_device, describe_device

    clip = load_clip(speech)
    animator, _ = load_animator(device)
    from facetalk.evaluation.landing_bench import bench_landing, bench_table

    with one_bar() as progress:
        result = bench_landing(animator, clip, strangers, progress)
    OUT.print(bench_table(result, describe_device(choose_device(device))))


@app.command()
def decoding(
    speech: Annotated[
        Path | None, typer.Argument(help="A sound or video file with speech; the embedded head is measured on it.")
    ] = None,
    head: Annotated[
        Path | None,
        typer.Option(metavar="BUNDLE", help="An imported head to measure instead (docs/published-heads.md)."),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(min=8, max=1024, help="Or a published head of random weights, so wide; the real ones are 512."),
    ] = None,
    identity: Annotated[str, typer.Option(help="Whose face, of the embedded head.")] = "average",
    device: Device = "auto",
) -> None:
    """Measure a reduced basis against the head's own posing: speed, errors, and whether it knows them."""
    if sum(given is not None for given in (speech, head, width)) != 1:
        raise typer.BadParameter("give either SPEECH, for the embedded head, or --head BUNDLE, or --width N")
    from facetalk.clip import load_clip
    from facetalk.device import choose_device, describe_device

    clip = None if speech is None else load_clip(speech)
    if clip is not None:
        animator, _ = load_animator(device)
    from facetalk.evaluation.random_published_head import random_published_head
    from facetalk.evaluation.reduced_basis_bench import bench_decoding, bench_published_decoding, bench_table
    from facetalk.head.published_head import PublishedHead
    from facetalk.topology.template import Template

    with one_bar() as progress:
        if clip is not None:
            result = bench_decoding(animator, clip, progress, identity)
        else:
            chosen, template = choose_device(device), Template.load(presets.preset(presets.TOPOLOGY))
            if head is not None:
                model, name = PublishedHead.load(head, chosen), head.resolve().name
            else:
                assert width is not None, "one of the three was given"
                model, name = random_published_head(width, chosen), f"a random published head, {width} wide"
            result = bench_published_decoding(model, name, template, progress)
    OUT.print(bench_table(result, describe_device(choose_device(device))))


@app.command()
def rig(
    speech: Annotated[Path, typer.Argument(help="A sound or video file with speech.")],
    seconds: Annotated[
        float, typer.Option(min=4.0, max=600.0, help="How much of it to speak; repeated if short.")
    ] = 60.0,
    identity: Annotated[str, typer.Option(help="Whose face.")] = "average",
    device: Device = "auto",
) -> None:
    """Measure a named rig against the frames that it plays: residuals, shut lips, size, speed."""
    from facetalk.clip import load_clip
    from facetalk.device import choose_device, describe_device

    clip = load_clip(speech)
    animator, _ = load_animator(device)
    from facetalk.evaluation.motion_bench import looped
    from facetalk.evaluation.named_rig_bench import bench_named_rig, bench_table
    from facetalk.take import TakeSettings

    with one_bar() as progress:
        codes = animator.codes(looped(clip, seconds), TakeSettings(identity=identity), progress)
        result = bench_named_rig(animator, codes, animator.motion.speech.rate, progress, identity)
    OUT.print(bench_table(result, describe_device(choose_device(device))))


@app.command()
def memory(
    speech: Annotated[Path, typer.Argument(help="A sound or video file with speech; repeated to the lengths needed.")],
    minutes: Annotated[
        float, typer.Option(min=1.0, max=180.0, help="Of the take that is compared with 1 minute.")
    ] = 60,
    form: Annotated[str, typer.Option(help="What is written: cache, compact, rig, or frames.")] = "cache",
    steps: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Denoising steps; few save time and need as much memory.")
    ] = None,
    scratch: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Where to write, if not in the system's folder."),
    ] = None,
) -> None:
    """Measure memory from a sound file to the .blend: of a minute, and of an hour."""
    from facetalk.clip import load_clip
    from facetalk.evaluation.memory_bench import bench_memory, bench_table
    from facetalk.take import TakeSettings, require_form

    require_form(form)
    settings = TakeSettings(steps=steps, form=form)
    with one_bar() as progress:
        short, long = bench_memory(load_clip(speech), minutes, settings, scratch, progress)
    OUT.print(bench_table(short, long, settings))
