"""The selected sound strip, and the stretch of sound it plays."""

from pathlib import Path

import bpy

from . import compat
from .strip_sound import SoundError, StripSound

SELECT = "select the sound strip of the line in the Sequencer"


def selected_sound(context: bpy.types.Context) -> StripSound:
    """The sound of the selected strip.

    Raises:
        SoundError: no strip is selected, or it cannot be used; the message says why.
    """
    scene = compat.sequencer_scene(context)
    strip = _selected_strip(scene)
    path = _check_source(scene, strip)
    fps = scene.render.fps / scene.render.fps_base
    start = compat.first_frame(strip)
    into_content = (start - compat.content_start(strip)) / fps
    packed = strip.sound.packed_file
    keys = compat.retiming_frames(strip)
    return StripSound(
        strip_name=strip.name,
        source=path if packed is None else bytes(packed.data),
        content_start=into_content - getattr(strip, "sound_offset", 0.0),
        first_frame=start,
        frame_count=compat.frame_count(strip),
        fps=fps,
        retimed_frames=keys[-1] - keys[0] if keys else None,
    )


def disabled_reason(context: bpy.types.Context) -> str:
    """Why the selected strip cannot be used; empty if it can. Quick enough for every redraw."""
    try:
        scene = compat.sequencer_scene(context)
        _check_source(scene, _selected_strip(scene))
    except SoundError as error:
        return str(error)
    return ""


def _selected_strip(scene: bpy.types.Scene) -> "bpy.types.Strip":
    """The one selected sound strip (a movie comes with its sound), or of several the active one."""
    editor = scene.sequence_editor
    selected = [strip for strip in compat.strips(editor) if strip.select] if editor is not None else []
    if not selected:
        raise SoundError(f"No strip is selected: {SELECT}.")
    sounds = [strip for strip in selected if strip.type == "SOUND"]
    if not sounds:
        kind = selected[0].type.replace("_", " ").lower()
        raise SoundError(f"The strip {selected[0].name!r} has no sound, it is a {kind} strip: {SELECT}.")
    if len(sounds) == 1:
        return sounds[0]
    if editor.active_strip is not None and editor.active_strip.name in {strip.name for strip in sounds}:
        return editor.active_strip
    raise SoundError(f"{len(sounds)} sound strips are selected: select only the one with the line.")


def _check_source(scene: bpy.types.Scene, strip: "bpy.types.Strip") -> Path:
    """Raise ``SoundError`` for a strip that is muted, of changing speed or without its file."""
    if strip.mute:
        raise SoundError(f"The strip {strip.name!r} is muted: unmute it, or select another.")
    if scene.sequence_editor.channels[strip.channel].mute:
        raise SoundError(f"The channel of the strip {strip.name!r} is muted: unmute it, or select another.")
    if len(compat.retiming_frames(strip)) > 2:
        raise SoundError(f"The strip {strip.name!r} changes its speed: mix it down to a new sound and select that.")
    if strip.sound is None:
        raise SoundError(f"The strip {strip.name!r} has lost its sound: choose its file in the strip's settings.")
    path = Path(bpy.path.abspath(strip.sound.filepath, library=strip.sound.library))
    if strip.sound.packed_file is None and not path.is_file():
        raise SoundError(f"The sound file of the strip {strip.name!r} is gone ({path}): restore or relink it.")
    return path
