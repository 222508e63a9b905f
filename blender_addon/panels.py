"""The FaceTalk tab in the sidebars of the Sequencer and the 3D view."""

# mypy: disable-error-code="misc"

import bpy

from . import generation, takes
from .operators import FACETALK_OT_generate


class GeneratePanel:
    """The settings of the next take, and the button that makes it."""

    bl_label = "Generate"
    bl_category = "FaceTalk"
    bl_region_type = "UI"

    layout: bpy.types.UILayout

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        if generation.current is not None:
            _draw_progress(layout, generation.current)
            return
        _draw_settings(layout, context.scene.facetalk)
        row = layout.row(align=True)
        row.scale_y = 1.5
        row.operator("facetalk.generate", icon="PLAY")
        row.operator("facetalk.generate", text="", icon="FILE_REFRESH").new_seed = True
        _draw_reason(layout, FACETALK_OT_generate.disabled_reason(context))


class TakesPanel:
    """The takes of the scene, by strip."""

    bl_label = "Takes"
    bl_category = "FaceTalk"
    bl_region_type = "UI"

    layout: bpy.types.UILayout

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        strip = None
        for face in takes.takes_of(context.scene):
            if face.facetalk.strip != strip:
                strip = face.facetalk.strip
                self.layout.label(text=strip, icon="SOUND")
                column = self.layout.column(align=True)
            _draw_take(column, face)


class FACETALK_PT_generate_sequencer(GeneratePanel, bpy.types.Panel):
    """Generate, in the Sequencer."""

    bl_space_type = "SEQUENCE_EDITOR"


class FACETALK_PT_generate_view(GeneratePanel, bpy.types.Panel):
    """Generate, in the 3D view."""

    bl_space_type = "VIEW_3D"


class FACETALK_PT_takes_sequencer(TakesPanel, bpy.types.Panel):
    """Takes, in the Sequencer."""

    bl_space_type = "SEQUENCE_EDITOR"


class FACETALK_PT_takes_view(TakesPanel, bpy.types.Panel):
    """Takes, in the 3D view."""

    bl_space_type = "VIEW_3D"


def _draw_progress(layout: bpy.types.UILayout, running: generation.Generation) -> None:
    layout.progress(factor=running.fraction, text=running.status)
    layout.operator("facetalk.cancel", icon="X")


def _draw_settings(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    layout.prop(settings, "identity")
    hair = layout.row(align=True)
    hair.prop(settings, "hair")
    hair.operator("facetalk.change_hair", text="", icon="CHECKMARK")
    layout.prop(settings, "style")
    layout.prop(settings, "seed")
    layout.prop(settings, "intensity")
    row = layout.row(heading="Guidance")
    row.prop(settings, "use_guidance", text="")
    value = row.row()
    value.active = settings.use_guidance
    value.prop(settings, "guidance", text="")


def _draw_reason(layout: bpy.types.UILayout, reason: str) -> None:
    if reason:
        what, _, remedy = reason.partition(": ")
        column = layout.column(align=True)
        column.label(text=what, icon="INFO")
        column.label(text=remedy, icon="BLANK1")


def _draw_take(column: bpy.types.UILayout, face: bpy.types.Object) -> None:
    take = face.facetalk
    row = column.row(align=True)
    icon = "HIDE_ON" if face.hide_viewport else "HIDE_OFF"
    row.operator(
        "facetalk.show_take", text=f"Take {take.number}", icon=icon, depress=not face.hide_viewport
    ).name = face.name
    row.label(text=f"seed {take.seed}, {take.frame_count} frames")


classes = (
    FACETALK_PT_generate_sequencer,
    FACETALK_PT_takes_sequencer,
    FACETALK_PT_generate_view,
    FACETALK_PT_takes_view,
)
