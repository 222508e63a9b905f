"""A take in the making: what the receiver brings, the builder takes, a few milliseconds at a time."""

import time
from collections.abc import Mapping
from pathlib import Path

import bpy

from . import work
from .client import Setting
from .receiver import Failure, Message, SoundRead, TakeReceiver
from .records import BackendError, Frame, Hair, Hello, Key, Keys, Progress, Topology
from .settings import FRAMES
from .strip_sound import StripSound
from .takes import TakeBuilder

STAGES = {
    "sound": "Reading the sound",
    "start": "Starting the backend",
    "load": "Loading the models",
    "speech": "Listening",
    "motion": "Finding the motion",
    "decode": "Shaping the face",
    "keys": "Finding the shape keys",
    "weights": "Setting the shape keys",
}
STOP_SECONDS = 3.0  # how long unregistering waits for the thread


class Generation:
    """One take in the making. ``step`` it until it is done; ``cancel`` leaves nothing behind."""

    def __init__(
        self, scene: bpy.types.Scene, python: Path, sound: StripSound, settings: Mapping[str, Setting]
    ) -> None:
        """Start the work in its thread.

        Args:
            scene: receives the face.
            python: the backend's.
            sound: what is spoken.
            settings: query values of ``POST /v1/jobs``.
        """
        self.stage = "sound"
        self.fraction = 0.0
        self.face: bpy.types.Object = None
        self.cancelled = False
        self._builder = TakeBuilder(scene, sound)
        self._receiver = TakeReceiver(python, sound, settings)
        self._frame_count = 1
        self._in_frames = settings.get("form", FRAMES) == FRAMES
        self._hair: Hair | None = None
        self._received = False
        self._receiver.start()
        work.begin(self)

    @property
    def status(self) -> str:
        """One line for people."""
        return f"{STAGES.get(self.stage, self.stage)} {self.fraction:.0%}"

    def step(self, seconds: float) -> bool:
        """Take in what has come, for at most about so long.

        Returns:
            whether there is more to do. When not, ``face`` is the new object.

        Raises:
            BackendError: the take cannot be made; what was built of it is removed.
        """
        try:
            if self._hair is not None:  # in a step of its own, because making it takes a while
                self._builder.add(self._hair)
                self._hair = None
                return True
            if self._received:  # completing the object does, too
                self.face = self._builder.finish()
                work.end(self)
                return False
            self._received = not self._receiver.pump(time.perf_counter() + seconds, self._handle)
        except BaseException:
            self.cancel()
            raise
        return True

    def cancel(self) -> None:
        """Stop, and remove what was built. The backend stops by itself soon after."""
        self.cancelled = True
        self._receiver.stop()
        work.end(self)
        self._builder.discard()

    def join(self) -> None:
        """Wait for the thread, so that none outlives the add-on."""
        self._receiver.join(STOP_SECONDS)

    def _handle(self, message: Message) -> None:
        if isinstance(message, Failure):
            raise BackendError(message.message)
        if isinstance(message, SoundRead):
            self._builder.sound_read(message.sha256)
        elif isinstance(message, Progress):
            if message.stage != "decode" or not self._in_frames:  # the frames tell that better
                self.stage, self.fraction = message.stage, message.fraction
        elif isinstance(message, Hair):
            self._hair = message
        elif isinstance(message, (Hello, Topology, Frame, Keys, Key)):
            self._builder.add(message)
            self._show_progress(message)

    def _show_progress(self, record: Hello | Topology | Frame | Keys | Key) -> None:
        if isinstance(record, Hello):
            self._frame_count = record.frame_count
        elif isinstance(record, Frame):
            self.stage, self.fraction = "decode", (record.index + 1) / self._frame_count
