"""Runs inside a Blender with a window: a Sequencer beside a 3D view, FaceTalk's tab open, one strip selected.

``FACETALK_GUI`` is a folder with ``line.wav`` and ``python``. This script leaves there ``ready.json`` (where
the sidebars are on the screen: left, top, width, height), ``state.json`` (the takes there are), ``hair.json`` and
``characters.json`` (the hair objects and characters, and whether each is shown). It runs whatever it finds in
``command.py``.
"""

import json
import os
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(os.environ["FACETALK_GUI"])
MODULE = "bl_ext.user_default.facetalk"

bpy.context.preferences.view.show_splash = False


def prepare() -> None:
    bpy.context.preferences.addons[MODULE].preferences.backend_python = str(FOLDER / "python")
    scene = bpy.context.scene
    scene.render.fps = 25
    scene.facetalk.identity = "second"  # which has hair
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    window = bpy.context.window_manager.windows[0]
    if hasattr(window.workspace, "sequencer_scene"):
        window.workspace.sequencer_scene = scene
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences  # until 4.4
    strip = strips.new_sound("line", str(FOLDER / "line.wav"), 1, 5)
    strip.select = True
    scene.frame_end = 60
    view = max(window.screen.areas, key=lambda area: area.width * area.height)
    with bpy.context.temp_override(window=window, area=view, region=view.regions[-1]):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    bpy.app.timers.register(arrange, first_interval=1.0)


def arrange() -> None:
    """After a redraw, because only that tells the areas their new sizes."""
    areas = bpy.context.window_manager.windows[0].screen.areas
    right, left = sorted(areas, key=lambda area: area.width * area.height)[-2:]
    left.type, right.type = "SEQUENCE_EDITOR", "VIEW_3D"
    # Drawing the waveform is a job that never ends where Blender has but one core, and undo waits for it.
    left.spaces.active.timeline_overlay.waveform_display_type = "NO_WAVEFORMS"
    for area in (left, right):
        area.spaces.active.show_region_ui = True
    bpy.app.timers.register(open_tabs, first_interval=2.0)


def open_tabs() -> None:
    window = bpy.context.window_manager.windows[0]
    where: dict[str, Any] = {}
    for area in window.screen.areas:
        for region in area.regions:
            if region.type == "UI" and area.type in {"VIEW_3D", "SEQUENCE_EDITOR"}:
                region.active_panel_category = "FaceTalk"
                top = window.height - region.y - region.height
                where[area.type] = [region.x, top, region.width, region.height]
                area.tag_redraw()
    (FOLDER / "ready.json").write_text(json.dumps(where))
    bpy.app.timers.register(tell_state, first_interval=0.5)


def tell_state() -> float:
    command = FOLDER / "command.py"
    if command.exists():
        text = command.read_text()
        command.unlink()
        exec(text, globals())
    faces = [thing for thing in bpy.context.scene.objects if thing.facetalk.is_take]
    state = [
        {"name": face.name, "hidden": face.hide_viewport, "keys": len(face.data.shape_keys.key_blocks)}
        for face in faces
        if face.data.shape_keys is not None
    ]
    (FOLDER / "state.json").write_text(json.dumps(state))
    hair = {thing.name: not thing.hide_viewport for thing in bpy.data.objects if "facetalk_hair" in thing}
    (FOLDER / "hair.json").write_text(json.dumps(hair))
    characters = {
        thing.name: not thing.hide_viewport
        for thing in bpy.context.scene.objects
        if thing.facetalk.template and not thing.facetalk.number
    }
    (FOLDER / "characters.json").write_text(json.dumps(characters))
    return 0.3


bpy.app.timers.register(prepare, first_interval=1.0)
