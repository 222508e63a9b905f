"""Work in a thread, its results on the main thread: thread -> bounded queue -> ``pump(deadline)``.

The contract, which keeps Blender safe and awake: the thread never touches bpy, it only puts messages into the
queue. The main thread takes them out in ``pump``, for no longer than it is told. When the queue is full the
thread stops reading, and so, through TCP, the backend stops working ahead.
"""

import hashlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .backend_process import Stopped, shared_backend
from .character_upload import CharacterUpload
from .client import Client, Health, Setting
from .records import BackendError, CharacterMade, Hair, Progress, Record
from .strip_sound import SAMPLE_RATE, SoundError, StripSound

QUEUE_RECORDS = 64  # about 15 MB of frames of 20,000 vertices
WAIT_SECONDS = 0.1  # how often a thread with a full queue looks whether it is still wanted

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SoundRead:
    """The sound was decoded; its SHA-256 identifies it."""

    sha256: str


@dataclass(frozen=True)
class HairRead:
    """The hair that was asked for has come, ``None`` for a bald head."""

    hair: Hair | None


@dataclass(frozen=True)
class Failure:
    """The thread cannot go on; the message is one sentence for the user."""

    message: str


Message = Record | SoundRead | HairRead | CharacterMade | Health | Failure


class Receiver:
    """A thread at work and the queue it fills. Subclasses say in ``work`` what is done."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Message | None] = queue.Queue(maxsize=QUEUE_RECORDS)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="facetalk receiver", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def pump(self, deadline: float, handle: Callable[[Message], None]) -> bool:
        """Hand what has come to ``handle``, until the queue is empty or the deadline has passed.

        Args:
            deadline: of ``time.perf_counter()``.
            handle: called on this thread, for each message but the last.

        Returns:
            whether more will come.
        """
        while time.perf_counter() < deadline:
            try:
                message = self._queue.get_nowait()
            except queue.Empty:
                return True
            if message is None:
                return False
            handle(message)
        return True

    def stop(self) -> None:
        """Ask the thread to end; it does so on its own, this does not wait."""
        self._stopped.set()
        self.interrupt()

    def join(self, seconds: float) -> None:
        """Wait for a thread that was asked to end."""
        self._thread.join(seconds)

    def interrupt(self) -> None:
        """Wake a thread that waits for the backend; called from another thread."""

    def work(self) -> None:
        """What the thread does, through ``send``.

        Raises:
            Stopped: ``stop`` was called.
            BackendError: the work cannot be done.
        """
        raise NotImplementedError

    def stopped(self) -> bool:
        """Whether the results are no longer wanted."""
        return self._stopped.is_set()

    def send(self, message: Message | None) -> None:
        """Put a message into the queue, waiting while it is full.

        Raises:
            Stopped: ``stop`` was called.
        """
        while not self.stopped():
            with suppress(queue.Full):
                self._queue.put(message, timeout=WAIT_SECONDS)
                return
        raise Stopped

    def pass_on(self, client: Client, job: str, records: Iterator[Message]) -> None:
        """Send a job's records; cancel the job if they are no longer wanted.

        Raises:
            Stopped: ``stop`` was called.
            BackendError: the job failed.
        """
        try:
            for record in records:
                self.send(record)
        except (BackendError, Stopped):
            if self.stopped():
                with suppress(BackendError):  # it may have ended, or gone, by itself
                    client.cancel_job(job)
                raise Stopped from None
            raise

    def _run(self) -> None:
        with suppress(Stopped):
            try:
                self.work()
            except Stopped:
                raise
            except Exception as error:
                self.send(Failure(self._explain(error)))
            self.send(None)

    def _explain(self, error: Exception) -> str:
        """What to tell the user of an exception in the thread."""
        if isinstance(error, (BackendError, SoundError)):
            return str(error)
        logger.exception("the thread failed")
        return f"Something unexpected happened ({type(error).__name__}: {error}): see the system console."


class TakeReceiver(Receiver):
    """Decodes the sound, starts the backend if need be, and receives a take."""

    def __init__(self, python: Path, sound: StripSound, settings: Mapping[str, Setting]) -> None:
        super().__init__()
        self._python = python
        self._sound = sound
        self._settings = settings
        self._client: Client | None = None

    def work(self) -> None:
        """See ``Receiver.work``; sends SoundRead and the records of the take."""
        self.send(Progress("sound", 0.0))
        samples = self._sound.samples()
        self.send(SoundRead(hashlib.sha256(samples.tobytes()).hexdigest()))
        backend = shared_backend(self._python)
        client, _ = backend.wait_until_ready(self.stopped, lambda stage: self.send(Progress(stage, 0.0)))
        self._client = client
        job = client.create_job(samples, SAMPLE_RATE, self._settings)
        self.pass_on(client, job, client.stream(job))

    def interrupt(self) -> None:
        """See ``Receiver.interrupt``."""
        if self._client is not None:
            self._client.hang_up()


class CharacterReceiver(Receiver):
    """Hands over the mesh of a character, and hears what becomes of it."""

    def __init__(self, python: Path, upload: CharacterUpload) -> None:
        super().__init__()
        self._python = python
        self._upload = upload
        self._client: Client | None = None

    def work(self) -> None:
        """See ``Receiver.work``; sends CharacterMade, then Health, which knows the new template."""
        backend = shared_backend(self._python)
        client, health = backend.wait_until_ready(self.stopped, lambda stage: self.send(Progress(stage, 0.0)))
        self._client = client
        job = client.create_character(self._upload.named_apart((*health.templates, *health.characters)).pack())
        self.pass_on(client, job, client.character(job))
        self.send(backend.wait_until_ready(self.stopped, lambda stage: None)[1])

    def interrupt(self) -> None:
        """See ``Receiver.interrupt``."""
        if self._client is not None:
            self._client.hang_up()


class HealthReceiver(Receiver):
    """Starts the backend if need be, and asks how it is."""

    def __init__(self, python: Path) -> None:
        super().__init__()
        self._python = python

    def work(self) -> None:
        """See ``Receiver.work``; sends Health."""
        backend = shared_backend(self._python)
        self.send(backend.wait_until_ready(self.stopped, lambda stage: self.send(Progress(stage, 0.0)))[1])


class HairReceiver(Receiver):
    """Starts the backend if need be, and receives hair for a face there is already."""

    def __init__(self, python: Path, wish: Mapping[str, Setting]) -> None:
        super().__init__()
        self._python = python
        self._wish = wish
        self._client: Client | None = None

    def work(self) -> None:
        """See ``Receiver.work``; sends HairRead."""
        backend = shared_backend(self._python)
        self._client, _ = backend.wait_until_ready(self.stopped, lambda stage: self.send(Progress(stage, 0.0)))
        try:
            self.send(HairRead(self._client.hair(self._wish)))
        except BackendError:
            if self.stopped():
                raise Stopped from None
            raise

    def interrupt(self) -> None:
        """See ``Receiver.interrupt``."""
        if self._client is not None:
            self._client.hang_up()
