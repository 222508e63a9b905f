"""A take as shape keys with curves in place of frames: as few as keep a tolerance, or those of the named rig."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from facetalk.rigged_take import Poser, rig_take
from facetalk.take import COMPACT, FrameBatch, KeyedTake, TakeSettings, require_tolerance
from facetalk.topology.compact_form import FrameSpan
from facetalk.topology.face_metric import MILLIMETRES, metres

if TYPE_CHECKING:
    from torch import Tensor

    from facetalk.clip import Clip
    from facetalk.topology.template import AnyMesh

Progress = Callable[[str, float], None]

RIM_GROUPS = ("lip_", "lid_")  # vertex groups that begin so meet their like: twice as close as the rest


class Performer(Poser, Protocol):
    """Who performs speech: ``facetalk.animate.Animator``, or a character."""

    @property
    def code_rate(self) -> int:
        """Codes per second that speech becomes."""

    def codes(self, clip: "Clip", settings: TakeSettings, progress: Progress | None = None) -> "Tensor":
        """The take as expression codes ``[T, E]``."""

    def frame_count(self, clip: "Clip", fps: float) -> int:
        """How many frames the clip becomes."""

    def frames(self, clip: "Clip", settings: TakeSettings, progress: Progress | None = None) -> Iterator[FrameBatch]:
        """The frames in order, in batches."""


def keyed_take(performer: Performer, clip: "Clip", settings: TakeSettings, progress: Progress) -> KeyedTake:
    """Make a take in the form that its settings name.

    Args:
        performer: poses the frames.
        clip: the speech.
        settings: the take; its form is ``COMPACT`` or ``RIG``.
        progress: told "speech", "motion" and "decode", then "keys" and "weights", and the fraction done; may raise to
            cancel.

    Raises:
        UserError: a setting is out of range, or the head lacks what the rig needs.
    """
    if settings.form == COMPACT:
        require_tolerance(settings.tolerance_mm)
        mesh = performer.mesh(settings.identity, settings.hair)
        return compact_take(mesh, performer.frames(clip, settings, progress), settings.tolerance_mm, progress)
    codes = performer.codes(clip, settings, progress)
    frames = performer.frame_count(clip, settings.fps)
    return rig_take(performer, codes, settings, progress, rate=performer.code_rate, frame_count=frames).keyed()


def compact_take(mesh: "AnyMesh", batches: Iterator[FrameBatch], tolerance_mm: float, progress: Progress) -> KeyedTake:
    """Put frames into as few keys as hold every vertex to a tolerance; those of lips and lids to half of it.

    Args:
        mesh: at rest; its groups know lips and lids.
        batches: frames in its units and axes; not kept.
        tolerance_mm: millimetres.
        progress: told "keys" and the fraction done.
    """
    millimetres = MILLIMETRES * metres(mesh)
    tolerances = np.full(len(mesh.vertices), tolerance_mm / millimetres, np.float32)
    rims = [members for name, members in mesh.groups.items() if name.startswith(RIM_GROUPS)]
    if rims:
        tolerances[np.unique(np.concatenate(rims))] *= 0.5
    span = FrameSpan(mesh.vertices, tolerances)
    for batch in batches:
        span.add(batch.vertices)
    form = span.fewest(lambda fraction: progress("keys", fraction))
    count = len(form.displacements)
    names = tuple(f"Mode {number:02d}" for number in range(1, count + 1))
    return KeyedTake(names, (-1.0,) * count, form.displacements, form.curves, form.error * millimetres)
