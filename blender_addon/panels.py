"""The FaceTalk tab in the sidebars of the Sequencer and the 3D view."""

# mypy: disable-error-code="misc"

import bpy

from . import character_object, settings, takes, work
from .character_operators import FACETALK_OT_use_character
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
        if work.current is not None:
            _draw_progress(layout, work.current)
            return
        _draw_settings(layout, context.scene.facetalk)
        row = layout.row(align=True)
        row.scale_y = 1.5
        row.operator("facetalk.generate", icon="PLAY")
        row.operator("facetalk.generate", text="", icon="FILE_REFRESH").new_seed = True
        _draw_reason(layout, FACETALK_OT_generate.disabled_reason(context))


class CharacterPanel:
    """The active mesh, and the button that lets it perform."""

    bl_label = "My Character"
    bl_category = "FaceTalk"
    bl_region_type = "UI"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    layout: bpy.types.UILayout

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Hidden while something is being made."""
        return work.current is None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        active = context.view_layer.objects.active
        reason = FACETALK_OT_use_character.disabled_reason(context)
        if not reason:
            layout.label(text=active.name, icon="CHECKMARK" if active.facetalk.template else "MESH_DATA")
        column = layout.column(align=True)
        column.operator("facetalk.use_character", icon="USER")
        column.operator("facetalk.mark_face", icon="EMPTY_AXIS")
        _draw_reason(layout, reason)


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
        characters = character_object.characters_of(context.scene)
        if characters:
            self.layout.label(text="Characters", icon="USER")
            column = self.layout.column(align=True)
            for character in characters:
                _draw_shown(column.row(align=True), character, character.name)


class FACETALK_PT_generate_sequencer(GeneratePanel, bpy.types.Panel):
    """Generate, in the Sequencer."""

    bl_space_type = "SEQUENCE_EDITOR"


class FACETALK_PT_generate_view(GeneratePanel, bpy.types.Panel):
    """Generate, in the 3D view."""

    bl_space_type = "VIEW_3D"


class FACETALK_PT_character_sequencer(CharacterPanel, bpy.types.Panel):
    """My Character, in the Sequencer."""

    bl_space_type = "SEQUENCE_EDITOR"


class FACETALK_PT_character_view(CharacterPanel, bpy.types.Panel):
    """My Character, in the 3D view."""

    bl_space_type = "VIEW_3D"


class FACETALK_PT_takes_sequencer(TakesPanel, bpy.types.Panel):
    """Takes, in the Sequencer."""

    bl_space_type = "SEQUENCE_EDITOR"


class FACETALK_PT_takes_view(TakesPanel, bpy.types.Panel):
    """Takes, in the 3D view."""

    bl_space_type = "VIEW_3D"


def _draw_progress(layout: bpy.types.UILayout, running: work.LongWork) -> None:
    layout.progress(factor=running.fraction, text=running.status)
    layout.operator("facetalk.cancel", icon="X")


def _draw_settings(layout: bpy.types.UILayout, wanted: bpy.types.PropertyGroup) -> None:
    layout.prop(wanted, "mesh")
    head, face, hair = layout.row(), layout.row(), layout.row(align=True)
    head.enabled = face.enabled = not settings.is_character(wanted)  # a character has its own
    head.prop(wanted, "head")
    face.prop(wanted, "identity")
    reason = settings.hair_reason(wanted)
    hair.enabled = not reason
    hair.prop(wanted, "hair")
    hair.operator("facetalk.change_hair", text="", icon="CHECKMARK")
    _draw_reason(layout, reason)
    layout.prop(wanted, "style")
    layout.prop(wanted, "seed")
    layout.prop(wanted, "intensity")
    row = layout.row(heading="Guidance")
    row.prop(wanted, "use_guidance", text="")
    value = row.row()
    value.active = wanted.use_guidance
    value.prop(wanted, "guidance", text="")
    layout.prop(wanted, "form")
    if wanted.form == settings.COMPACT:
        layout.prop(wanted, "tolerance_mm")


def _draw_reason(layout: bpy.types.UILayout, reason: str) -> None:
    if reason:
        what, _, remedy = reason.partition(": ")
        column = layout.column(align=True)
        column.label(text=what, icon="INFO")
        column.label(text=remedy, icon="BLANK1")


def _draw_take(column: bpy.types.UILayout, face: bpy.types.Object) -> None:
    take = face.facetalk
    row = column.row(align=True)
    _draw_shown(row, face, f"Take {take.number}")
    row.label(text=f"seed {take.seed}, {take.frame_count} frames")


def _draw_shown(row: bpy.types.UILayout, thing: bpy.types.Object, text: str) -> None:
    icon = "HIDE_ON" if thing.hide_viewport else "HIDE_OFF"
    row.operator("facetalk.show_take", text=text, icon=icon, depress=not thing.hide_viewport).name = thing.name


classes = (
    FACETALK_PT_generate_sequencer,
    FACETALK_PT_character_sequencer,
    FACETALK_PT_takes_sequencer,
    FACETALK_PT_generate_view,
    FACETALK_PT_character_view,
    FACETALK_PT_takes_view,
)
