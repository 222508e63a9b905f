"""A rigged take as a .blend: the face with named shape keys, and an action that plays their weights."""

from pathlib import Path
from tempfile import TemporaryDirectory

from facetalk.export.blender_process import BlenderProcess, require_blender
from facetalk.export.head_motion import HeadMotion
from facetalk.export.preview import extract_sound
from facetalk.output_file import written_whole
from facetalk.rigged_take import RiggedTake
from facetalk.service import stream
from facetalk.take import TakeSettings


def write_rig_file(
    take: RiggedTake,
    performer: stream.TakeSource,
    settings: TakeSettings,
    blend: Path,
    sound: Path | None,
    head_motion: HeadMotion | None = None,
) -> None:
    """Write a rigged take as a .blend, whole or not at all.

    Args:
        take: the face, its keys and their weights.
        performer: made the take; the file says so.
        settings: of the take; the file keeps them.
        blend: the file to write.
        sound: the speech, packed into it; None for a silent one.
        head_motion: how the head turns.

    Raises:
        UserError: Blender is missing, or the sound cannot be decoded.
    """
    require_blender()
    with TemporaryDirectory(prefix="facetalk-") as folder, written_whole(blend) as staged:
        scratch = Path(folder)
        arguments: list[str | Path] = ["--blend", staged]
        arguments += ["--sound", extract_sound(sound, scratch)] if sound is not None else []
        arguments += ["--head-motion", head_motion.write(scratch)] if head_motion is not None else []
        origin = stream.Origin(str(performer.device), performer.models)
        with BlenderProcess(["build", *arguments]) as blender:
            stream.write_keyed_take(blender.send, take.mesh, take.keyed(), settings, origin)
            for _ in blender.finish():
                pass
