"""How fast takes are sampled, what they cost together, and whether one sees where windows and edits meet."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from rich.table import Table
from torch import Tensor

from facetalk.animate import Animator
from facetalk.clip import SAMPLE_RATE, Clip
from facetalk.motion.range_edit import edit_range
from facetalk.motion.takes import MotionModel
from facetalk.motion.windows import plan_windows
from facetalk.take import TakeSettings

TOGETHER = (1, 2, 4, 8)  # takes
LINE_SECONDS = 10.0  # the clip whose speed is measured
SEAM_SECONDS = 120.0  # the clip whose windows are looked at
EDITS = 12
EDIT_FRAMES = 60
ORDER = 3  # of the difference that is a jerk

T = TypeVar("T")
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class MotionBench:
    """What ``facetalk bench motion`` measures.

    Attributes:
        speech_seconds: for encoding a line of ``LINE_SECONDS``.
        take_seconds: for sampling so many takes of it together.
        line: its whole way to posed vertices at 25 frames per second.
        seam_jerk: jerk where windows meet over jerk elsewhere, root mean squares over normalised codes.
        edit_jerk: the same at the borders of edits.
    """

    speech_seconds: float
    take_seconds: dict[int, float]
    line: "LineSeconds"
    seam_jerk: float
    edit_jerk: float


class LineSeconds(NamedTuple):
    """What a line takes from its sound to posed frames, the face landed before.

    Attributes:
        whole, first: seconds to all frames, and to the first of them, by the clock: other programs count.
        own_whole, own_first: the same of the processor's own time: they do not.
    """

    whole: float
    first: float
    own_whole: float
    own_first: float


def bench_motion(animator: Animator, clip: Clip, progress: Progress) -> MotionBench:
    """Measure the embedded models in one run.

    Args:
        animator: the models.
        clip: speech; it is repeated or cut to the lengths that are measured.
        progress: told of what is being measured and the share that is done.
    """
    progress("speed", 0.0)
    line = looped(clip, LINE_SECONDS)
    speech_seconds, features = _timed(lambda: animator.encoder.encode(line.samples))
    take_seconds = {takes: _sampling_seconds(animator.motion, features, takes) for takes in TOGETHER}
    way = pipeline_seconds(animator, line)
    progress("seams", 0.5)
    features = animator.encoder.encode(looped(clip, SEAM_SECONDS).samples)
    take = animator.motion.sample(features, seed=0)
    seam_jerk = jerk_at(_normalised(animator.motion, take), _seams(animator.motion, len(take)))
    progress("edits", 0.9)
    edit_jerk = _edit_jerk(animator.motion, features, take)
    progress("done", 1.0)
    return MotionBench(speech_seconds, take_seconds, way, seam_jerk, edit_jerk)


def looped(clip: Clip, seconds: float) -> Clip:
    """A clip repeated, and cut, to a length."""
    length = round(seconds * SAMPLE_RATE)
    return Clip(np.resize(clip.samples, length))


def jerk_at(codes: Tensor, borders: list[int]) -> float:
    """How much rougher codes ``[T, E]`` are at borders than elsewhere.

    Args:
        codes: normalised.
        borders: frames that follow a border.

    Returns:
        Root mean square of the third differences that reach over a border, over that of all others.
    """
    jerk = codes.diff(n=ORDER, dim=0).square().sum(dim=1)
    across = torch.zeros(len(jerk), dtype=torch.bool, device=codes.device)
    for border in borders:
        across[max(border - ORDER, 0) : border] = True
    return float((jerk[across].mean() / jerk[~across].mean()).sqrt())


def bench_table(result: MotionBench, device: str) -> Table:
    """The figures as a table."""
    table = Table(title=f"Takes on {device}")
    table.add_column("measure")
    table.add_column("figure", justify="right")
    alone = result.take_seconds[1]
    codes = result.speech_seconds + alone
    table.add_row(f"speech features of {LINE_SECONDS:g} s", f"{result.speech_seconds:.2f} s")
    for takes, seconds in result.take_seconds.items():
        table.add_row(f"takes sampled together: {takes}", f"{seconds:.2f} s, {seconds / takes / alone:.2f} each")
    table.add_row("sound to codes", f"{LINE_SECONDS / codes:.1f} x real time")
    for what, figure in line_rows(result.line):
        table.add_row(what, figure)
    table.add_row("jerk at seams, over elsewhere", f"{result.seam_jerk:.2f}")
    table.add_row("jerk at borders of edits, over elsewhere", f"{result.edit_jerk:.2f}")
    return table


def _sampling_seconds(motion: MotionModel, features: Tensor, takes: int) -> float:
    return _timed(lambda: list(motion.stream(features, seeds=range(takes))))[0]


def pipeline_seconds(animator: Animator, line: Clip) -> LineSeconds:
    """What a line of sound takes to posed frames; the face has landed before."""
    settings = TakeSettings()
    animator.mesh(settings.identity)
    start, own_start = time.perf_counter(), time.process_time()
    frames = animator.frames(line, settings)
    next(frames)
    first, own_first = time.perf_counter() - start, time.process_time() - own_start
    for _ in frames:
        pass
    return LineSeconds(time.perf_counter() - start, first, time.process_time() - own_start, own_first)


def line_rows(line: LineSeconds) -> list[tuple[str, str]]:
    """Rows of a table: by the clock, and of the processor's own time, which on a GPU means little."""
    return [
        (
            "sound to posed frames, by the clock / own time",
            f"{LINE_SECONDS / line.whole:.1f} / {LINE_SECONDS / line.own_whole:.1f} x real time",
        ),
        ("the first of them after, by the clock / own time", f"{line.first:.2f} / {line.own_first:.2f} s"),
    ]


def _seams(motion: MotionModel, frames: int) -> list[int]:
    settings = motion.settings
    plan = plan_windows(frames, settings.window, settings.context, settings.look_ahead)
    return [window.emit_from for window in plan][1:]


def _edit_jerk(motion: MotionModel, features: Tensor, take: Tensor) -> float:
    """Jerk at the borders of edits that are spread over a take, each with a seed of its own."""
    edited, borders = take, []
    for number, start in enumerate(np.linspace(0, len(take) - EDIT_FRAMES, EDITS + 2, dtype=int)[1:-1].tolist()):
        edited = edit_range(motion, features, edited, range(start, start + EDIT_FRAMES), seed=number + 1)
        borders += [start, start + EDIT_FRAMES]
    return jerk_at(_normalised(motion, edited), borders)


def _normalised(motion: MotionModel, codes: Tensor) -> Tensor:
    return (codes - motion.code_mean) / motion.code_deviation


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
