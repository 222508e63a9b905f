"""What the buttons for characters of the user's own do."""
# mypy: disable-error-code="misc, valid-type"

import bpy

from . import backend_process, character_landmarks, character_object, work
from .character_fit import CharacterFit
from .preferences import backend_python
from .stepped_operator import ReasonedOperator, Result, SteppedOperator
from .work import Work


def _disabled_reason(context: bpy.types.Context) -> str:
    return work.busy_reason() or character_object.disabled_reason(context.view_layer.objects.active)


class FACETALK_OT_use_character(SteppedOperator, bpy.types.Operator):
    """Let the active mesh perform: FaceTalk fits its head to it, once, in a minute or two. The mesh stays as it is"""

    bl_idname = "facetalk.use_character"
    bl_label = "Use My Character"
    bl_options = {"UNDO"}  # noqa: RUF012

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """See ``ReasonedOperator.disabled_reason``."""
        return _disabled_reason(context)

    def begin(self, context: bpy.types.Context) -> CharacterFit:
        """See ``SteppedOperator.begin``."""
        python = backend_process.find_python(backend_python(context))
        return CharacterFit(python, context.view_layer.objects.active)

    def finish(self, context: bpy.types.Context, done: Work) -> Result:
        """See ``SteppedOperator.finish``."""
        assert isinstance(done, CharacterFit)
        assert done.made is not None, "the stream's reader has checked that it comes"
        context.scene.facetalk.mesh = done.made.name
        for remark in done.made.remarks:
            self.report({"WARNING"}, remark)
        self.report({"INFO"}, f"{done.character.name}: {done.made.summary}")
        return {"FINISHED"}


class FACETALK_OT_mark_face(ReasonedOperator, bpy.types.Operator):
    """Add points to be moved onto the active mesh's nose, chin, eyes and mouth, where its face is not found without"""

    bl_idname = "facetalk.mark_face"
    bl_label = "Mark the Face"
    bl_options = {"UNDO"}  # noqa: RUF012

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """See ``ReasonedOperator.disabled_reason``."""
        return _disabled_reason(context)

    def execute(self, context: bpy.types.Context) -> Result:
        """Add those that are missing."""
        made = character_landmarks.mark(context.view_layer.objects.active)
        self.report({"INFO"}, f"{len(made)} points: move each onto the face, three at least, then use the character")
        return {"FINISHED"}


classes = (FACETALK_OT_use_character, FACETALK_OT_mark_face)
