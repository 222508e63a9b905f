"""The command ``facetalk fit``: performance capture from a video.

What the command needs is imported when it runs, so that ``--help`` does not wait for torch.
"""

import logging
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from facetalk.cli_console import ERR, OUT, Device, load_animator, one_bar

if TYPE_CHECKING:
    from facetalk.capture.fit_report import FitReport
    from facetalk.capture.landmarks import TrackedLandmarks

TAKE_SUFFIX = ".safetensors"
LANDMARK_SUFFIX = ".npz"


def fit(
    source: Annotated[
        Path, typer.Argument(metavar="VIDEO", help="A video of one talking face, or its landmarks, .npz.")
    ],
    take: Annotated[
        Path | None, typer.Option(help="The take to write, .safetensors; beside the video if nothing else is asked.")
    ] = None,
    blend: Annotated[Path | None, typer.Option(help="The Blender file to write.")] = None,
    video: Annotated[Path | None, typer.Option(help="The preview to write, .mp4.")] = None,
    clip: Annotated[str | None, typer.Option(help="Which recording of an .npz; the first if not given.")] = None,
    identity: Annotated[str, typer.Option(help="Whose face performs.")] = "average",
    hair: Annotated[str | None, typer.Option(metavar="STYLE", help="A hair style, or bald.")] = None,
    fps: Annotated[float, typer.Option(min=1, max=240, help="Frames per second of .blend and preview.")] = 25.0,
    device: Device = "auto",
) -> None:
    """Capture a performance: a video's face becomes a take, with the head's turns kept apart."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    take = take if take is not None or blend is not None or video is not None else source.with_suffix(TAKE_SUFFIX)
    from facetalk.output_file import require_writable

    for path, suffix in ((take, TAKE_SUFFIX), (blend, ".blend"), (video, ".mp4")):
        if path is not None:
            require_writable(path, suffix)
    landmarks, sound, seconds = _landmarks(source, clip)
    animator, _ = load_animator(device)

    from facetalk import presets
    from facetalk.capture.captured_take import CapturedTake
    from facetalk.capture.fit_report import report_fit
    from facetalk.capture.fitted_head import FittedHead
    from facetalk.capture.performance import MAPPED, capture
    from facetalk.export import write_take
    from facetalk.export.head_motion import HeadMotion
    from facetalk.export.playback import Playback
    from facetalk.take import TakeSettings, require_hair

    require_hair(hair, animator.hair_styles())
    head = FittedHead(animator.head, animator.template, animator.identity_code(identity), MAPPED)
    start = time.perf_counter()
    with ERR.status("fitting the head"):
        (performance,) = capture([landmarks], head)
    seconds["fit"] = time.perf_counter() - start
    captured = CapturedTake.of(performance, head, presets.HEAD.rpartition("/")[2], source.name)
    if take is not None:
        captured.save(take)
    if blend is not None or video is not None:
        start, playback = time.perf_counter(), Playback(animator, captured)
        with one_bar() as progress:
            write_take(
                playback,
                playback.clip(),
                TakeSettings(identity=identity, fps=fps, hair=hair),
                sound=sound,
                blend=blend,
                video=video,
                progress=progress,
                head_motion=HeadMotion.of(captured),
            )
        seconds["write"] = time.perf_counter() - start
    _print_report(report_fit([performance], head), seconds, captured.seconds)
    for path in (take, blend, video):
        if path is not None:
            OUT.print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


def _landmarks(source: Path, clip: str | None) -> "tuple[TrackedLandmarks, Path | None, dict[str, float]]":
    """The landmarks of a source, where its sound is, and the seconds that tracking took."""
    from facetalk.capture.video import open_video, read_frames
    from facetalk.errors import UserError

    if source.suffix.lower() == LANDMARK_SUFFIX:
        from facetalk.capture.landmarks import read_landmarks

        clips = read_landmarks(source)
        chosen = [each for each in clips if clip is None or each.name == clip]
        if not chosen:
            raise UserError(f"{source} has no recording named {clip}: the first of {len(clips)} is {clips[0].name}.")
        return chosen[0], None, {}
    file = open_video(source)
    from facetalk.capture.face_tracking import require_tracker, track_face

    require_tracker()
    start = time.perf_counter()
    with one_bar() as progress:
        length = file.seconds or math.inf
        tracked = track_face(read_frames(file), source.name, lambda done: progress("track", min(done / length, 1.0)))
    return tracked, source if file.has_sound else None, {"track": time.perf_counter() - start}


def _print_report(report: "FitReport", seconds: dict[str, float], length: float) -> None:
    table = Table("reprojection error", show_edge=False)
    table.add_column("% of the eyes' distance", justify="right")
    table.add_column("pixels", justify="right")
    for name, error in report.regions.items():
        table.add_row(name, f"{error.percent:.2f}", f"{error.pixels:.2f}")
    OUT.print(table)
    OUT.print(
        f"Lip height r {report.lip_correlation:.3f}; closures: recall {report.closure_recall:.3f}, "
        f"precision {report.closure_precision:.3f}; {report.bridged:.1%} of the frames show no face and are bridged."
    )
    times = ", ".join(f"{stage} {taken:.1f} s" for stage, taken in seconds.items())
    OUT.print(f"{length:.1f} s of performance: {times}.")
