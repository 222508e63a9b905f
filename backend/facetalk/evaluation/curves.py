"""The curves of generated takes, for our own report and for anybody else's."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from facetalk.clip import Clip, load_clip
from facetalk.errors import UserError
from facetalk.evaluation.measures import CURVE_RATE, Curve, face_curves
from facetalk.output_file import written_whole
from facetalk.take import FrameBatch, TakeSettings

if TYPE_CHECKING:
    from facetalk.topology.template import FaceMesh

SOUND_SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".caf", ".m4a", ".aac"}
VIDEO_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi"}

LIPS = ("lip_upper", "lip_lower")
UPPER_FACE = ("brows", "lid_upper_left", "lid_upper_right", "lid_lower_left", "lid_lower_right")

Progress = Callable[[str, float], None]


class Performer(Protocol):
    """What turns clips into posed faces: ``facetalk.animate.Animator``."""

    def mesh(self, identity: str) -> "FaceMesh":
        """The neutral face of one identity."""

    def frames(self, clip: Clip, settings: TakeSettings, progress: Progress | None = None) -> Iterator[FrameBatch]:
        """The posed frames of one take, in order."""


class Performance(NamedTuple):
    """One take at 50 Hz.

    Attributes:
        curves: ``[T, 4]``, columns as in ``measures.CURVES``.
        lips: points of the lips ``[T, N, 3]``, metres.
        upper_face: points of brows and lids ``[T, M, 3]``, metres.
    """

    curves: Curve
    lips: NDArray[np.float32]
    upper_face: NDArray[np.float32]


def perform(performer: Performer, clip: Clip, settings: TakeSettings) -> Performance:
    """One take of a clip, whatever the settings' frame rate at 50 Hz; T is ``ceil(50 * seconds)``."""
    settings = replace(settings, fps=float(CURVE_RATE))
    mesh = performer.mesh(settings.identity)
    lips, upper_face = (np.concatenate([mesh.groups[name] for name in names]) for names in (LIPS, UPPER_FACE))
    frames = [
        Performance(face_curves(batch.vertices, mesh), batch.vertices[:, lips], batch.vertices[:, upper_face])
        for batch in performer.frames(clip, settings)
    ]
    return Performance(*(np.concatenate(pieces) for pieces in zip(*frames, strict=True)))


def generated_curves(performer: Performer, clip: Clip, seed: int = 0) -> Curve:
    """The curves ``[ceil(50 * seconds), 4]`` of one take at 50 Hz, columns as in ``measures.CURVES``."""
    return perform(performer, clip, TakeSettings(seed=seed)).curves


def sound_files(folder: Path) -> list[Path]:
    """The sound and video files of a folder by name, each of them read once to be sure of it.

    Raises:
        UserError: there is no such folder, no such file in it, or one of them cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: give the folder that holds the recordings.")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SOUND_SUFFIXES | VIDEO_SUFFIXES)
    if not paths:
        raise UserError(f"{folder} holds no sound files: give the folder that holds the recordings.")
    for path in paths:
        load_clip(path)
    return paths


def write_curves(performer: Performer, paths: list[Path], out: Path, progress: Progress) -> None:
    """Generate one take for every sound file and write its curves.

    Args:
        performer: what makes the takes; seed 0, the average identity.
        paths: sound files, as from ``sound_files``.
        out: the ``.npz`` to write, whole or not at all: float32 ``[frames, 4]`` under each file's name,
            columns as in ``measures.CURVES``, and their ``fps``.
        progress: told of each file's name and the share of files that are done.
    """
    curves: dict[str, Curve] = {}
    for done, path in enumerate(paths):
        progress(path.name, done / len(paths))
        curves[path.name] = generated_curves(performer, load_clip(path))
    with written_whole(out) as staged:
        np.savez_compressed(staged, fps=np.float32(CURVE_RATE), **curves)
    progress(out.name, 1.0)
