"""What the buttons for takes and for the backend do."""
# mypy: disable-error-code="misc, valid-type"

import bpy
from bpy.props import BoolProperty

from . import backend_process, character_object, settings, takes, timeline, work
from .backend_check import BackendCheck
from .generation import Generation
from .hair_change import HairChange
from .preferences import backend_python
from .stepped_operator import ReasonedOperator, Result, SteppedOperator
from .work import Work


class FACETALK_OT_generate(SteppedOperator, bpy.types.Operator):
    """Make a head that speaks the selected sound strip"""

    bl_idname = "facetalk.generate"
    bl_label = "Generate"
    bl_options = {"UNDO"}  # noqa: RUF012 - no REGISTER: its panel would generate anew at every change

    new_seed: BoolProperty(
        name="New Seed",
        description="Take the next seed that no take of this strip has, for a different performance",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """See ``ReasonedOperator.disabled_reason``."""
        return work.busy_reason() or timeline.disabled_reason(context)

    def begin(self, context: bpy.types.Context) -> Generation:
        """See ``SteppedOperator.begin``."""
        sound = timeline.selected_sound(context)
        wanted = context.scene.facetalk
        if self.new_seed:
            wanted.seed = takes.unused_seed(context.scene, sound.strip_name)
        python = backend_process.find_python(backend_python(context))
        return Generation(context.scene, python, sound, settings.as_query(wanted, sound.fps))

    def finish(self, context: bpy.types.Context, done: Work) -> Result:
        """See ``SteppedOperator.finish``."""
        assert isinstance(done, Generation)
        face = done.face
        context.view_layer.update()  # it does not know the new object yet
        if face.name in context.view_layer.objects:
            for other in context.view_layer.objects.selected[:]:
                other.select_set(False)
            face.select_set(True)
            context.view_layer.objects.active = face
        self.report({"INFO"}, f"{face.name}: {face.facetalk.frame_count} frames")
        return {"FINISHED"}


class FACETALK_OT_cancel(ReasonedOperator, bpy.types.Operator):
    """Stop making the take or the character; what was built of it is removed"""

    bl_idname = "facetalk.cancel"
    bl_label = "Cancel"

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """See ``ReasonedOperator.disabled_reason``."""
        return "" if work.current is not None else "Nothing is being made."

    def execute(self, context: bpy.types.Context) -> Result:
        """Cancel; the modal run notices at its next tick."""
        assert work.current is not None, "poll has checked"
        work.current.cancel()
        return {"FINISHED"}


class FACETALK_OT_show_take(ReasonedOperator, bpy.types.Operator):
    """Show this take, and hide the other takes of its strip; or show the character itself, and hide its takes"""

    bl_idname = "facetalk.show_take"
    bl_label = "Show Take"
    bl_options = {"UNDO"}  # noqa: RUF012

    name: bpy.props.StringProperty(name="Object", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> Result:
        """Show the named take or character."""
        shown = context.scene.objects.get(self.name)
        if shown is not None and shown.facetalk.is_take:
            takes.show_only(context.scene, shown)
        elif shown is not None and character_object.is_character(shown):
            takes.show_character(context.scene, shown)
        else:
            self.report({"ERROR"}, f"There is no take named {self.name!r}: choose one from the list.")
            return {"CANCELLED"}
        return {"FINISHED"}


class FACETALK_OT_change_hair(SteppedOperator, bpy.types.Operator):
    """Put the hair chosen here on the active take. Hair that you have changed is kept, hidden"""

    bl_idname = "facetalk.change_hair"
    bl_label = "Change Hair"
    bl_options = {"UNDO"}  # noqa: RUF012

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """See ``ReasonedOperator.disabled_reason``."""
        if reason := work.busy_reason():
            return reason
        face = takes.active_take(context)
        if face is None:
            return "No take is active: click on a face that was generated."
        if face.facetalk.head:
            return "An imported head has no hair styles: its surface shows what hair there is."
        return "" if not face.facetalk.template else "A character has hair of its own: change that instead."

    def begin(self, context: bpy.types.Context) -> HairChange:
        """See ``SteppedOperator.begin``."""
        python = backend_process.find_python(backend_python(context))
        return HairChange(python, takes.active_take(context), settings.hair_as_query(context.scene.facetalk))

    def finish(self, context: bpy.types.Context, done: Work) -> Result:
        """See ``SteppedOperator.finish``."""
        assert isinstance(done, HairChange)
        if context.view_layer.objects.active is None:  # it was the old hair
            context.view_layer.objects.active = done.face
        return {"FINISHED"}


class FACETALK_OT_check_backend(SteppedOperator, bpy.types.Operator):
    """Start the backend and show its version, device and models"""

    bl_idname = "facetalk.check_backend"
    bl_label = "Check Backend"

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """See ``ReasonedOperator.disabled_reason``."""
        return work.busy_reason()

    def begin(self, context: bpy.types.Context) -> BackendCheck:
        """See ``SteppedOperator.begin``."""
        return BackendCheck(backend_process.find_python(backend_python(context)))

    def finish(self, context: bpy.types.Context, done: Work) -> Result:
        """See ``SteppedOperator.finish``."""
        assert isinstance(done, BackendCheck)
        self.report({"INFO"}, done.result)
        return {"FINISHED"}


classes = (
    FACETALK_OT_generate,
    FACETALK_OT_cancel,
    FACETALK_OT_show_take,
    FACETALK_OT_change_hair,
    FACETALK_OT_check_backend,
)
