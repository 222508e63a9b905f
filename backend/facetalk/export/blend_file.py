"""A take as files: animate, pipe the records to Blender, and put the results in their places."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from facetalk.errors import UserError
from facetalk.export.blender_process import BlenderProcess, require_blender
from facetalk.export.head_motion import HeadMotion
from facetalk.export.preview import extract_sound, write_preview
from facetalk.output_file import written_whole
from facetalk.service import stream
from facetalk.take import FrameBatch, TakeSettings

if TYPE_CHECKING:
    import torch

    from facetalk.clip import Clip
    from facetalk.topology.template import AnyMesh

Progress = Callable[[str, float], None]

FINEST_MM, COARSEST_MM = 0.01, 10.0  # that a compact take may be held to


@dataclass(frozen=True)
class CompactReport:
    """How small a take became.

    Attributes:
        keys: how many shape keys, the neutral one left out.
        error_mm: millimetres that no vertex of any frame is farther off than.
    """

    keys: int
    error_mm: float


@dataclass(frozen=True)
class ExportReport:
    """What was written, and what it took.

    Attributes:
        frames: how many frames the take has.
        device: where the models ran.
        seconds: of the stages "animate" (speech to shape keys), "save" (the .blend) and "preview".
        blend: the .blend file, if one was asked for.
        video: the preview, if one was asked for.
        compact: how small the take became, if its compact form was asked for.
    """

    frames: int
    device: str
    seconds: dict[str, float]
    blend: Path | None
    video: Path | None
    compact: CompactReport | None


def require_compact(tolerance_mm: float | None) -> None:
    """Check a wish for the compact form.

    Args:
        tolerance_mm: how far off a vertex may be; None for all frames as they are.

    Raises:
        UserError: it is too little for single precision, or more than a face bears.
    """
    if tolerance_mm is not None and not FINEST_MM <= tolerance_mm <= COARSEST_MM:
        raise UserError(
            f"A compact take cannot be held to {tolerance_mm:g} mm: choose from {FINEST_MM:g} to {COARSEST_MM:g} mm."
        )


def write_take(
    animator: stream.TakeSource,
    clip: "Clip",
    settings: TakeSettings,
    *,
    sound: Path | None,
    blend: Path | None,
    video: Path | None,
    progress: Progress,
    head_motion: HeadMotion | None = None,
    compact_mm: float | None = None,
) -> ExportReport:
    """Animate a clip and write it as a .blend, a preview video, or both: all of them or none.

    Args:
        animator: makes the frames.
        clip: the speech.
        settings: what is asked of the take.
        sound: the file the clip was read from; its sound goes into the results; None for silent ones.
        blend: the .blend to write.
        video: the .mp4 to write.
        progress: is told stage ("prepare", "speech", "motion", "decode", "save", "preview") and fraction (0 to 1), and
            may raise ``Cancelled``; nothing is left behind then.
        head_motion: how the head turns.
        compact_mm: write the take's compact form, in which no vertex is farther off than so many millimetres; None for
            one shape key a frame.

    Raises:
        UserError: clip or settings cannot be used, or Blender is missing.
    """
    require_blender()
    require_compact(compact_mm)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="facetalk-")))
        # staged first to be moved last: both results appear together, at the very end
        staged_blend = stack.enter_context(written_whole(blend)) if blend else scratch / "take.blend"
        staged_video = stack.enter_context(written_whole(video)) if video else None
        seconds: dict[str, float] = {}
        progress("prepare", 0.0)
        extracted = extract_sound(sound, scratch) if sound is not None else None
        arguments: list[str | Path] = ["--blend", staged_blend]
        arguments += ["--sound", extracted] if extracted is not None else []
        arguments += ["--head-motion", head_motion.write(scratch)] if head_motion is not None else []
        arguments += ["--compact", str(compact_mm)] if compact_mm is not None else []
        animator.mesh(settings.identity, settings.hair)  # lands the template on the face, once: no part of animating it
        progress("prepare", 1.0)
        compact = _write_blend(_Watched(animator, progress), clip, settings, arguments, seconds)
        if staged_video is not None:
            start = time.perf_counter()
            write_preview(staged_blend, extracted, staged_video, settings.fps, progress)
            seconds["preview"] = time.perf_counter() - start
        frames = animator.frame_count(clip, settings.fps)
    return ExportReport(frames, str(animator.device), seconds, blend, video, compact)


def _write_blend(
    source: "_Watched",
    clip: "Clip",
    settings: TakeSettings,
    arguments: Sequence[str | Path],
    seconds: dict[str, float],
) -> CompactReport | None:
    start = time.perf_counter()
    with BlenderProcess(["build", *arguments]) as blender:
        stream.write_take(blender.send, source, clip, settings)
        saving = time.perf_counter()
        source.progress("save", 0.0)
        for fraction in blender.finish():
            source.progress("save", fraction)
    source.progress("save", 1.0)
    seconds["animate"] = saving - start
    seconds["save"] = time.perf_counter() - saving
    found = blender.findings.get("compact")
    return None if found is None else CompactReport(**found)


@dataclass(frozen=True)
class _Watched:
    """An animator whose progress is told to somebody besides the stream, here the person who waits."""

    animator: stream.TakeSource
    progress: Progress
    device: "torch.device" = field(init=False)
    models: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", self.animator.device)
        object.__setattr__(self, "models", self.animator.models)

    def mesh(self, identity: str, hair: str | None = None) -> "AnyMesh":
        return self.animator.mesh(identity, hair)

    def frame_count(self, clip: "Clip", fps: float) -> int:
        return self.animator.frame_count(clip, fps)

    def frames(self, clip: "Clip", settings: TakeSettings, progress: Progress | None = None) -> Iterator[FrameBatch]:
        return self.animator.frames(clip, settings, self.progress)
