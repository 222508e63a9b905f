"""What differs between Blender 4.2 and 5.2, asked as "can it?", never as "which version?"."""

from collections.abc import Collection

import bpy


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene whose strips the Sequencer shows; from 5.0 a workspace may show another than the window's."""
    return getattr(context.workspace, "sequencer_scene", None) or context.scene


def strips(editor: bpy.types.SequenceEditor) -> "Collection[bpy.types.Strip]":
    """Every strip of a sequence editor, those inside meta strips too (``sequences`` until 4.4)."""
    found: Collection[bpy.types.Strip] = editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all
    return found


def first_frame(strip: "bpy.types.Strip") -> int:
    """The first frame in which the strip plays (``frame_final_start`` goes in 6.0)."""
    return int(strip.left_handle if hasattr(strip, "left_handle") else strip.frame_final_start)


def frame_count(strip: "bpy.types.Strip") -> int:
    """How many frames the strip plays (``frame_final_duration`` goes in 6.0)."""
    return int(strip.duration if hasattr(strip, "left_handle") else strip.frame_final_duration)


def content_start(strip: "bpy.types.Strip") -> float:
    """The frame at which the strip would begin if it were not trimmed (``frame_start`` goes in 6.0)."""
    return float(strip.content_start if hasattr(strip, "content_start") else strip.frame_start)


def retiming_frames(strip: "bpy.types.Strip") -> list[int]:
    """The frames of the strip's retiming keys, from its content's start to its end; empty without any."""
    return [key.timeline_frame for key in getattr(strip, "retiming_keys", ())]


def new_fcurve(owner: bpy.types.ID, action: bpy.types.Action, data_path: str) -> bpy.types.FCurve:
    """An F-curve of an empty action for a property of ``owner``, which the action then animates.

    Until 4.3 an action holds its curves itself; after, in a slot's channelbag.
    """
    owner.animation_data_create().action = action
    if hasattr(action, "fcurve_ensure_for_datablock"):
        return action.fcurve_ensure_for_datablock(owner, data_path)
    return action.fcurves.new(data_path)


def set_input(node: bpy.types.Node, name: str, value: float) -> None:
    """Set an input of a node that not every version has; without it the look is plainer."""
    if name in node.inputs:
        node.inputs[name].default_value = value


def set_modifier_input(modifier: bpy.types.NodesModifier, identifier: str, value: bpy.types.ID) -> None:
    """Set an input of a modifier's nodes: in its ``properties`` if it has them (5.2), else in itself."""
    if hasattr(modifier, "properties"):
        getattr(modifier.properties.inputs, identifier).value = value
    else:
        modifier[identifier] = value


def direct_strips(editor: bpy.types.SequenceEditor) -> "bpy.types.StripsTopLevel":
    """The strips directly in a sequence editor, to which new ones are added (``sequences`` until 4.4)."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences
