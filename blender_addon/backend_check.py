"""A look at the backend: does it start, and what runs in it."""

import time
from pathlib import Path

from .client import Health
from .receiver import Failure, HealthReceiver, Message
from .records import BackendError


class BackendCheck:
    """Starts the backend if need be and asks how it is. ``step`` it until done; then ``result`` says."""

    fraction = 0.0
    status = "Checking the backend"

    def __init__(self, python: Path) -> None:
        """Start the work in its thread."""
        self.cancelled = False
        self.result = ""
        self._python = python
        self._receiver = HealthReceiver(python)
        self._receiver.start()

    def step(self, seconds: float) -> bool:
        """Take in what has come; whether there is more.

        Raises:
            BackendError: the backend is not well, with the reason.
        """
        return self._receiver.pump(time.perf_counter() + seconds, self._handle)

    def cancel(self) -> None:
        """Stop waiting."""
        self.cancelled = True
        self._receiver.stop()

    def _handle(self, message: Message) -> None:
        if isinstance(message, Failure):
            raise BackendError(message.message)
        if isinstance(message, Health):
            models = ", ".join(message.models)
            self.result = f"Backend {message.version} on {message.device}: {models} ({self._python})"
