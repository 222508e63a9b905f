"""A take as files: animate, pipe the records to Blender, and put the results in their places."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from facetalk.export.blender_process import BlenderProcess, require_blender
from facetalk.export.head_motion import HeadMotion
from facetalk.export.preview import extract_sound, write_preview
from facetalk.output_file import require_room, written_whole
from facetalk.service import stream
from facetalk.take import CACHE, FRAMES, KeyedTake, TakeSettings, frame_bytes, require_tolerance

if TYPE_CHECKING:
    from facetalk.clip import Clip

Progress = Callable[[str, float], None]

CACHE_SUFFIX = ".pc2"  # of the point cache beside a .blend, which has its name


@dataclass(frozen=True)
class KeysReport:
    """What a take became that has keys with curves.

    Attributes:
        count: how many, the neutral one left out.
        error_mm: millimetres that no vertex of any frame is farther off than.
    """

    count: int
    error_mm: float


@dataclass(frozen=True)
class ExportReport:
    """What was written, and what it took.

    Attributes:
        frames: how many frames the take has.
        device: where the models ran.
        seconds: of the stages "animate" (speech to shape keys), "save" (the .blend) and "preview".
        blend: the .blend file, if one was asked for.
        cache: its point cache, if it has one.
        video: the preview, if one was asked for.
        keys: its keys, if another form than frames was asked for.
    """

    frames: int
    device: str
    seconds: dict[str, float]
    blend: Path | None
    cache: Path | None
    video: Path | None
    keys: KeysReport | None


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
) -> ExportReport:
    """Animate a clip and write it as a .blend, a preview video, or both: all of them or none.

    Args:
        animator: makes the frames.
        clip: the speech.
        settings: what is asked of the take.
        sound: the file the clip was read from; its sound goes into the results; None for silent ones.
        blend: the .blend to write; a take that asks for a point cache has it beside, under the same name.
        video: the .mp4 to write.
        progress: is told stage ("prepare", "speech", "motion", "decode", "save", "preview") and fraction (0 to 1), and
            may raise ``Cancelled``; nothing is left behind then.
        head_motion: how the head turns.

    Raises:
        UserError: clip or settings cannot be used, Blender is missing, or there is no room for a point cache.
    """
    require_blender()
    require_tolerance(settings.tolerance_mm)
    if blend is None and settings.form == FRAMES:
        settings = replace(settings, form=CACHE)  # nobody wants the keys
    frames = animator.frame_count(clip, settings.fps)
    cache = blend.with_suffix(CACHE_SUFFIX) if blend is not None and settings.form == CACHE else None
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="facetalk-")))
        # staged first to be moved last: both results appear together, at the very end
        staged_blend = stack.enter_context(written_whole(blend)) if blend else scratch / "take.blend"
        staged_video = stack.enter_context(written_whole(video)) if video else None
        staged_cache = stack.enter_context(written_whole(cache)) if cache else scratch / f"take{CACHE_SUFFIX}"
        seconds: dict[str, float] = {}
        progress("prepare", 0.0)
        extracted = extract_sound(sound, scratch) if sound is not None else None
        arguments: list[str | Path] = ["--blend", staged_blend]
        arguments += ["--sound", extracted] if extracted is not None else []
        arguments += ["--head-motion", head_motion.write(scratch)] if head_motion is not None else []
        # lands the template on the face, once: no part of animating it
        mesh = animator.mesh(settings.identity, settings.hair)
        if settings.form == CACHE:
            require_room(staged_cache.parent, frame_bytes(frames, len(mesh.vertices)))
            arguments += ["--cache", staged_cache]
        progress("prepare", 1.0)
        keyed = _write_blend(animator, clip, settings, arguments, progress, seconds)
        if staged_video is not None:
            start = time.perf_counter()
            played = staged_cache if settings.form == CACHE else None
            write_preview(staged_blend, extracted, staged_video, settings.fps, progress, played)
            seconds["preview"] = time.perf_counter() - start
    keys = None if keyed is None else KeysReport(len(keyed.names), keyed.error_mm)
    return ExportReport(frames, str(animator.device), seconds, blend, cache, video, keys)


def _write_blend(
    animator: stream.TakeSource,
    clip: "Clip",
    settings: TakeSettings,
    arguments: Sequence[str | Path],
    progress: Progress,
    seconds: dict[str, float],
) -> KeyedTake | None:
    start = time.perf_counter()
    with BlenderProcess(["build", *arguments]) as blender:
        keyed = stream.write_take(blender.send, animator, clip, settings, progress)
        saving = time.perf_counter()
        progress("save", 0.0)
        for fraction in blender.finish():
            progress("save", fraction)
    progress("save", 1.0)
    seconds["animate"] = saving - start
    seconds["save"] = time.perf_counter() - saving
    return keyed
