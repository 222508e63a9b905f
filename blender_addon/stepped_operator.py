"""Operators over work that takes a while: ``execute`` steps to the end, ``invoke`` does so modally."""
# mypy: disable-error-code="misc, valid-type"

import logging
import time
from collections.abc import Callable

import bpy

from .records import BackendError
from .strip_sound import SoundError
from .work import Work

STEP_SECONDS = 0.008  # of work on the main thread per tick, a little under the 10 ms that nobody notices
TICK_SECONDS = 0.03
IDLE_SECONDS = 0.005  # how long a blocking run sleeps between two steps

logger = logging.getLogger(__name__)

Result = set[str]


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


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "SEQUENCE_EDITOR", "PREFERENCES"}:
                area.tag_redraw()
