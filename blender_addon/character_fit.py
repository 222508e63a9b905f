"""A mesh of the user's becomes a character: sent to the backend, which fits its head and binds the mesh to it."""

import time
from pathlib import Path

import bpy

from . import takes, work
from .character_object import read_character
from .receiver import CharacterReceiver, Failure, Message
from .records import BackendError, CharacterMade, Progress

STAGES = {
    "start": "Starting the backend",
    "load": "Loading the models",
    "surface": "Looking at the head",
    "align": "Finding the face",
    "fit": "Fitting the head",
    "bind": "Binding the mesh",
}
STOP_SECONDS = 3.0  # how long unregistering waits for the thread


class CharacterFit:
    """One character in the making. ``step`` it until it is done; then ``made`` says what came of it."""

    def __init__(self, python: Path, character: bpy.types.Object) -> None:
        """Start the work in its thread.

        Args:
            python: the backend's.
            character: a mesh object that ``character_object.disabled_reason`` has nothing against.
        """
        self.stage = "start"
        self.fraction = 0.0
        self.cancelled = False
        self.made: CharacterMade | None = None
        self.character = character
        self._name: str = character.name
        self._uid: int = character.session_uid
        self._receiver = CharacterReceiver(python, read_character(character))
        self._receiver.start()
        work.begin(self)

    @property
    def status(self) -> str:
        """One line for people."""
        return f"{STAGES.get(self.stage, self.stage)} {self.fraction:.0%}"

    def step(self, seconds: float) -> bool:
        """Take in what has come; whether there is more.

        Raises:
            BackendError: the character cannot be made, or its object was taken away meanwhile.
        """
        try:
            more = self._receiver.pump(time.perf_counter() + seconds, self._handle)
        except BaseException:
            self.cancel()
            raise
        if not more:
            work.end(self)
        return more

    def cancel(self) -> None:
        """Stop; the object stays what it was."""
        self.cancelled = True
        self._receiver.stop()
        work.end(self)

    def join(self) -> None:
        """Wait for the thread, so that none outlives the add-on."""
        self._receiver.join(STOP_SECONDS)

    def _handle(self, message: Message) -> None:
        if isinstance(message, Failure):
            raise BackendError(message.message)
        if isinstance(message, Progress):
            self.stage, self.fraction = message.stage, message.fraction
        elif isinstance(message, CharacterMade):
            character = takes.find(self._name, self._uid)
            if character is None:
                raise BackendError("The character was removed, renamed or undone meanwhile: use it again.")
            character.facetalk.template = message.name
            self.character, self.made = character, message
