"""Other hair for a finished take: it does not move with the expressions, so nothing is generated again."""

import json
import time
from pathlib import Path

import bpy

from . import takes
from .client import Setting
from .receiver import Failure, HairRead, HairReceiver, Message
from .records import BackendError


class HairChange:
    """Asks the backend for hair and puts it on a take's face. ``step`` it until done."""

    fraction = 0.0
    status = "Making the hair"

    def __init__(self, python: Path, face: bpy.types.Object, wish: dict[str, Setting]) -> None:
        """Start the work in its thread.

        Args:
            python: the backend's.
            face: a take's.
            wish: ``hair`` as in ``POST /v1/jobs``, or nothing for the identity's own.
        """
        self.cancelled = False
        self.face = face
        self._name: str = face.name
        self._uid: int = face.session_uid
        self._wish = wish
        identity = json.loads(face.facetalk.settings)["identity"]
        self._receiver = HairReceiver(python, {"identity": identity, **wish})
        self._receiver.start()

    def step(self, seconds: float) -> bool:
        """Take in what has come; whether there is more.

        Raises:
            BackendError: the hair cannot be made, or the face was taken away meanwhile.
        """
        return self._receiver.pump(time.perf_counter() + seconds, self._handle)

    def cancel(self) -> None:
        """Stop waiting; the face keeps the hair it has."""
        self.cancelled = True
        self._receiver.stop()

    def _handle(self, message: Message) -> None:
        if isinstance(message, Failure):
            raise BackendError(message.message)
        if isinstance(message, HairRead):
            face = takes.find(self._name, self._uid)
            if face is None:
                raise BackendError("The face was removed, renamed or undone meanwhile: choose the hair again.")
            self.face = face
            takes.dress(face, message.hair)
            settings = {**json.loads(face.facetalk.settings), "hair": self._wish.get("hair")}
            face.facetalk.settings = json.dumps(settings, sort_keys=True)
