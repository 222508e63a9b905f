"""Long work: one at a time, stepped on the main thread, shown by panels, and cancelled by people."""

from typing import Protocol


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


class LongWork(Work, Protocol):
    """Work of many seconds, which panels show."""

    def join(self) -> None:
        """Wait for its thread, so that none outlives the add-on."""


current: LongWork | None = None


def begin(started: LongWork) -> None:
    """Show this work in panels."""
    global current
    current = started


def end(ended: LongWork) -> None:
    """The work is done, or was cancelled."""
    global current
    if current is ended:
        current = None


def busy_reason() -> str:
    """Why nothing else can begin, one sentence; empty if it can."""
    return "" if current is None else "FaceTalk is at work: wait for it or cancel it."
