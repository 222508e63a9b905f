"""The command ``facetalk rig``: a performance on named shape keys that animators can edit and hand on.

What the command needs is imported when it runs, so that ``--help`` does not wait for torch.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetalk.cli_console import OUT, Device, load_animator, one_bar

if TYPE_CHECKING:
    from torch import Tensor

    from facetalk.animate import Animator
    from facetalk.capture.captured_take import CapturedTake
    from facetalk.clip import Clip
    from facetalk.rigged_take import RiggedTake
    from facetalk.take import TakeSettings

TAKE_SUFFIX = ".safetensors"


def rig(
    source: Annotated[
        Path, typer.Argument(metavar="SPEECH", help="A sound or video file, or a take of `facetalk fit`, .safetensors.")
    ],
    output: Annotated[Path | None, typer.Option(help="The Blender file to write.")] = None,
    csv: Annotated[Path | None, typer.Option(help="The weights to write as Live Link Face does, .csv.")] = None,
    identity: Annotated[str, typer.Option(help="Whose face.")] = "average",
    hair: Annotated[str | None, typer.Option(metavar="STYLE", help="A hair style, or bald.")] = None,
    style: Annotated[str | None, typer.Option(help="How to perform; a file of presets/styles.")] = None,
    template: Annotated[
        str | None, typer.Option(metavar="NAME", help="light, fine, or one that `facetalk template` has made.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Each seed is another take.")] = 0,
    fps: Annotated[float, typer.Option(min=1, max=240, help="Frames per second.")] = 25.0,
    sound: Annotated[Path | None, typer.Option(help="The sound that goes with a take of `facetalk fit`.")] = None,
    device: Device = "auto",
) -> None:
    """Put a performance on a named rig: ARKit's 52 shape keys and correctives, their weights as curves."""
    if output is None and csv is None:
        raise typer.BadParameter("say what to write: --output FILE.blend, --csv FILE.csv, or both")
    from facetalk.output_file import require_writable
    from facetalk.topology.own_template import has_own_face

    own = template if template is not None and has_own_face(template) else None
    for path, suffix in ((output, ".blend"), (csv, ".csv")):
        if path is not None:
            require_writable(path, suffix)
    performed = _performance(source)
    animator, seconds = load_animator(device)
    from facetalk.capture.captured_take import CapturedTake
    from facetalk.cast import Cast
    from facetalk.export.head_motion import HeadMotion
    from facetalk.export.live_link import write_live_link_csv
    from facetalk.export.rig_file import write_rig_file
    from facetalk.rigged_take import rig_take
    from facetalk.take import RIG, TakeSettings

    captured = performed if isinstance(performed, CapturedTake) else None
    settings = TakeSettings(identity, seed, fps, hair=hair, style=style, template=own, form=RIG)
    performer = Cast(animator).performer(template)
    start = time.perf_counter()
    with one_bar() as progress:
        performer.mesh(identity, hair)  # says at once what is wrong with either
        codes, rate = _codes(animator, performed, settings, progress)
        taken = rig_take(performer, codes, settings, progress, rate=rate)
        if csv is not None:
            write_live_link_csv(csv, taken.rig.key_names, taken.weights, fps)
        if output is not None:
            progress("save", 0.0)
            motion = HeadMotion.of(captured) if captured is not None else None
            write_rig_file(taken, performer, settings, output, sound if captured is not None else source, motion)
            progress("save", 1.0)
    _print_summary(taken, seconds, time.perf_counter() - start)
    for path in (output, csv):
        if path is not None:
            OUT.print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


def _performance(source: Path) -> "CapturedTake | Clip":
    """What there is to perform, read before anything is loaded.

    Raises:
        UserError: it is neither speech nor a take.
    """
    if source.suffix.lower() == TAKE_SUFFIX:
        from facetalk.capture.captured_take import CapturedTake

        return CapturedTake.load(source)
    from facetalk.clip import load_clip

    return load_clip(source)


def _codes(
    animator: "Animator",
    performed: "CapturedTake | Clip",
    settings: "TakeSettings",
    progress: Callable[[str, float], None],
) -> "tuple[Tensor, int]":
    """Expression codes ``[T, E]``, and how many there are a second.

    Raises:
        UserError: the take was captured with another head, or a setting cannot be used.
    """
    from facetalk import presets
    from facetalk.animate import CAPTURED_RATE
    from facetalk.clip import Clip
    from facetalk.errors import UserError

    if isinstance(performed, Clip):
        return animator.codes(performed, settings, progress), animator.motion.speech.rate
    head = presets.HEAD.rpartition("/")[2]
    if performed.head != head or performed.codes.shape[1] != animator.head.expression_size:
        raise UserError(f"The take was captured with the head {performed.head}, not {head}: fit the video again.")
    return performed.codes.to(animator.device), CAPTURED_RATE


def _print_summary(taken: "RiggedTake", loading: float, working: float) -> None:
    keys, correctives = len(taken.rig.names), len(taken.rig.correctives)
    OUT.print(f"{keys} named keys and {correctives} correctives play {len(taken.weights)} frames.")
    for name, left in taken.left.items():
        OUT.print(f"{name}: lips are off by {left[:, 0].mean():.3f} mm on average, by {left[:, 1].max():.2f} at worst.")
    OUT.print(f"loading {loading:.1f} s, working {working:.1f} s.")
