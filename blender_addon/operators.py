"""What the buttons do. Long work is stepped: ``execute`` steps to the end, ``invoke`` does so modally."""
# mypy: disable-error-code="misc, valid-type"

import logging
import time
from collections.abc import Callable
from typing import Protocol

import bpy
from bpy.props import BoolProperty

from . import backend_process, generation, settings, takes, timeline
from .backend_check import BackendCheck
from .frame_stream import BackendError
from .generation import Generation
from .hair_change import HairChange
from .preferences import backend_python
from .strip_sound import SoundError

STEP_SECONDS = 0.008  # of work on the main thread per tick, a little under the 10 ms that nobody notices
TICK_SECONDS = 0.03
IDLE_SECONDS = 0.005  # how long a blocking run sleeps between two steps

logger = logging.getLogger(__name__)

Result = set[str]


class Work(Protocol):
    """What a stepped operator drives."""

    cancelled: bool

    @property
    def status(self) -> str:
        """One line for people."""

    @property
    def fraction(self) -> float:
        """How much of the present stage is done, 0 to 1."""

    def step(self, seconds: float) -> bool:
        """Go on for about so long; whether there is more to do."""

    def cancel(self) -> None:
        """Stop, and leave nothing behind."""


class ReasonedOperator:
    """Greyed out with a reason; whatever goes wrong becomes a report."""

    report: Callable[[set[str], str], None]

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """Why the operator cannot run, one sentence; empty if it can."""
        return ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Blender asks whether the operator can run."""
        reason = cls.disabled_reason(context)
        if reason:
            cls.poll_message_set(reason.rstrip("."))  # type: ignore[attr-defined]
        return not reason

    def guarded(self, action: Callable[[], Result]) -> Result:
        """Run an action; report its errors in place of a traceback."""
        try:
            return action()
        except (BackendError, SoundError) as error:
            self.report({"ERROR"}, str(error))
        except Exception as error:
            logger.exception("%s failed", type(self).__name__)
            self.report(
                {"ERROR"},
                f"FaceTalk met something unexpected ({type(error).__name__}: {error}) in Blender "
                f"{bpy.app.version_string}: please report it with the text in the system console.",
            )
        return {"CANCELLED"}


class SteppedOperator(ReasonedOperator):
    """An operator over ``Work``. Scripts and farms call ``execute``, which blocks; people get ``invoke``."""

    def begin(self, context: bpy.types.Context) -> Work:
        """Start the work."""
        raise NotImplementedError

    def finish(self, context: bpy.types.Context, work: Work) -> Result:
        """The work is done: show its result."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> Result:
        """Do the work and return when it is done."""

        def run() -> Result:
            work = self.begin(context)
            try:
                while work.step(STEP_SECONDS):
                    time.sleep(IDLE_SECONDS)
            except BaseException:  # Ctrl-C in a script, too
                work.cancel()
                raise
            return self.finish(context, work)

        return self.guarded(run)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Do the work while Blender stays usable."""

        def start() -> Result:
            self._work = self.begin(context)
            self._timer = context.window_manager.event_timer_add(TICK_SECONDS, window=context.window)
            context.window_manager.progress_begin(0, 100)
            context.window_manager.modal_handler_add(self)
            return {"RUNNING_MODAL"}

        return self.execute(context) if bpy.app.background else self.guarded(start)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """One event of a modal run."""
        if event.type == "ESC" and event.value == "PRESS":
            self._work.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        result = self.guarded(lambda: self._tick(context))
        if "PASS_THROUGH" not in result:
            self._end_modal(context)
        return result

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends a modal run: a window or the file is closed."""
        self._work.cancel()
        self._end_modal(context)

    def _tick(self, context: bpy.types.Context) -> Result:
        if self._work.cancelled:
            self.report({"WARNING"}, "FaceTalk was cancelled; nothing was changed")
            return {"CANCELLED"}
        if not self._work.step(STEP_SECONDS):
            return self.finish(context, self._work)
        context.window_manager.progress_update(round(100 * self._work.fraction))
        context.workspace.status_text_set(f"FaceTalk: {self._work.status}   (ESC: cancel)")
        _redraw(context)
        return {"PASS_THROUGH"}

    def _end_modal(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        context.workspace.status_text_set(None)
        _redraw(context)


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
        if generation.current is not None:
            return "A take is being made: wait for it or cancel it."
        return timeline.disabled_reason(context)

    def begin(self, context: bpy.types.Context) -> Generation:
        """See ``SteppedOperator.begin``."""
        sound = timeline.selected_sound(context)
        wanted = context.scene.facetalk
        if self.new_seed:
            wanted.seed = takes.unused_seed(context.scene, sound.strip_name)
        python = backend_process.find_python(backend_python(context))
        return Generation(context.scene, python, sound, settings.as_query(wanted, sound.fps))

    def finish(self, context: bpy.types.Context, work: Work) -> Result:
        """See ``SteppedOperator.finish``."""
        assert isinstance(work, Generation)
        face = work.face
        context.view_layer.update()  # it does not know the new object yet
        if face.name in context.view_layer.objects:
            for other in context.view_layer.objects.selected[:]:
                other.select_set(False)
            face.select_set(True)
            context.view_layer.objects.active = face
        self.report({"INFO"}, f"{face.name}: {face.facetalk.frame_count} frames")
        return {"FINISHED"}


class FACETALK_OT_cancel(ReasonedOperator, bpy.types.Operator):
    """Stop making the take; what was built of it is removed"""

    bl_idname = "facetalk.cancel"
    bl_label = "Cancel"

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """See ``ReasonedOperator.disabled_reason``."""
        return "" if generation.current is not None else "No take is being made."

    def execute(self, context: bpy.types.Context) -> Result:
        """Cancel; the modal run of ``facetalk.generate`` notices at its next tick."""
        assert generation.current is not None, "poll has checked"
        generation.current.cancel()
        return {"FINISHED"}


class FACETALK_OT_show_take(ReasonedOperator, bpy.types.Operator):
    """Show this take, and hide the other takes of its strip"""

    bl_idname = "facetalk.show_take"
    bl_label = "Show Take"
    bl_options = {"UNDO"}  # noqa: RUF012

    name: bpy.props.StringProperty(name="Object", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> Result:
        """Show the named take."""
        face = context.scene.objects.get(self.name)
        if face is None or not face.facetalk.is_take:
            self.report({"ERROR"}, f"There is no take named {self.name!r}: choose one from the list.")
            return {"CANCELLED"}
        takes.show_only(context.scene, face)
        return {"FINISHED"}


class FACETALK_OT_change_hair(SteppedOperator, bpy.types.Operator):
    """Put the hair chosen here on the active take. Hair that you have changed is kept, hidden"""

    bl_idname = "facetalk.change_hair"
    bl_label = "Change Hair"
    bl_options = {"UNDO"}  # noqa: RUF012

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """See ``ReasonedOperator.disabled_reason``."""
        if generation.current is not None:
            return "A take is being made: wait for it or cancel it."
        return (
            "" if takes.active_take(context) is not None else "No take is active: click on a face that was generated."
        )

    def begin(self, context: bpy.types.Context) -> HairChange:
        """See ``SteppedOperator.begin``."""
        python = backend_process.find_python(backend_python(context))
        return HairChange(python, takes.active_take(context), settings.hair_as_query(context.scene.facetalk))

    def finish(self, context: bpy.types.Context, work: Work) -> Result:
        """See ``SteppedOperator.finish``."""
        assert isinstance(work, HairChange)
        if context.view_layer.objects.active is None:  # it was the old hair
            context.view_layer.objects.active = work.face
        return {"FINISHED"}


class FACETALK_OT_check_backend(SteppedOperator, bpy.types.Operator):
    """Start the backend and show its version, device and models"""

    bl_idname = "facetalk.check_backend"
    bl_label = "Check Backend"

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """See ``ReasonedOperator.disabled_reason``."""
        return "" if generation.current is None else "A take is being made: the backend is well."

    def begin(self, context: bpy.types.Context) -> BackendCheck:
        """See ``SteppedOperator.begin``."""
        return BackendCheck(backend_process.find_python(backend_python(context)))

    def finish(self, context: bpy.types.Context, work: Work) -> Result:
        """See ``SteppedOperator.finish``."""
        assert isinstance(work, BackendCheck)
        self.report({"INFO"}, work.result)
        return {"FINISHED"}


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "SEQUENCE_EDITOR", "PREFERENCES"}:
                area.tag_redraw()


classes = (
    FACETALK_OT_generate,
    FACETALK_OT_cancel,
    FACETALK_OT_show_take,
    FACETALK_OT_change_hair,
    FACETALK_OT_check_backend,
)
