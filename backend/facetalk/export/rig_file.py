"""A rigged take as a .blend: the face with named shape keys, and an action that plays their weights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from facetalk.export.blender_process import BlenderProcess, require_blender
from facetalk.export.head_motion import HeadMotion
from facetalk.export.preview import extract_sound
from facetalk.export.rigged_take import RiggedTake
from facetalk.output_file import written_whole
from facetalk.service import stream
from facetalk.take import FrameBatch, TakeSettings

if TYPE_CHECKING:
    import torch

    from facetalk.animate import Animator
    from facetalk.clip import Clip
    from facetalk.topology.template import AnyMesh

PROGRAM = "blender_addon.named_rig"


@dataclass(frozen=True)
class _AtRest:
    """A face that does not move as a source of records: the mesh, the hair, and one frame."""

    face: "AnyMesh"
    device: "torch.device"
    models: Sequence[str]

    def mesh(self, identity: str, hair: str | None = None) -> "AnyMesh":
        del identity, hair
        return self.face

    def frame_count(self, clip: "Clip", fps: float) -> int:
        del clip, fps
        return 1

    def frames(
        self, clip: "Clip", settings: TakeSettings, progress: stream.Progress | None = None
    ) -> Iterator[FrameBatch]:
        del clip, settings, progress
        yield FrameBatch(0, self.face.vertices[None])


def write_rig_file(
    take: RiggedTake,
    animator: "Animator",
    settings: TakeSettings,
    blend: Path,
    sound: Path | None,
    head_motion: HeadMotion | None = None,
) -> None:
    """Write a rigged take as a .blend, whole or not at all.

    Args:
        take: the face, its keys and their weights.
        animator: made the take; the file says so.
        settings: of the take; the file keeps them.
        blend: the file to write.
        sound: the speech, packed into it; None for a silent one.
        head_motion: how the head turns.

    Raises:
        UserError: Blender is missing, or the sound cannot be decoded.
    """
    require_blender()
    from facetalk.clip import SAMPLE_RATE, Clip

    silence = Clip(np.zeros(SAMPLE_RATE, np.float32))
    with TemporaryDirectory(prefix="facetalk-") as folder, written_whole(blend) as staged:
        scratch = Path(folder)
        arguments: list[str | Path] = ["--blend", staged, "--rig", _write_arrays(take, scratch)]
        arguments += ["--sound", extract_sound(sound, scratch)] if sound is not None else []
        arguments += ["--head-motion", head_motion.write(scratch)] if head_motion is not None else []
        with BlenderProcess(arguments, program=PROGRAM) as blender:
            source = _AtRest(take.mesh, animator.device, animator.models)
            stream.write_take(blender.send, source, silence, settings)
            for _ in blender.finish():
                pass


def _write_arrays(take: RiggedTake, folder: Path) -> Path:
    """What ``blender_addon/named_rig.py`` reads."""
    path = folder / "rig.npz"
    np.savez(
        path,
        names=np.array(take.rig.key_names),
        offsets=take.rig.key_offsets,
        correctives=np.int64(len(take.rig.correctives)),
        weights=take.weights.astype(np.float32),
    )
    return path
