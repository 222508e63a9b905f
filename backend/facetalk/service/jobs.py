"""One job at a time, a take or a character: the thread at work, and the bounded buffer its records wait in."""

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable

from facetalk.errors import Cancelled, UserError
from facetalk.service.stream import Sink, error_record

BUFFER_LIMIT = 4 << 20  # bytes of records made ahead of the reader

logger = logging.getLogger(__name__)


class BusyError(UserError):
    """Another job is being done."""


class UnknownJobError(UserError):
    """No such job, or its stream has been read already."""


class RecordBuffer:
    """Records between the thread that makes them and the response that sends them.

    The maker waits when it is ``BUFFER_LIMIT`` ahead: a slow reader slows the maker, memory stays bounded.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._records: deque[bytes] = deque()
        self._size = 0
        self._finished = False
        self._cancelled = False

    def write(self, records: bytes) -> None:
        """Add whole records; wait while the buffer is full.

        Raises:
            Cancelled: nobody wants the take any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._size < BUFFER_LIMIT or self._cancelled)
            if self._cancelled:
                raise Cancelled
            self._records.append(records)
            self._size += len(records)
            self._changed.notify_all()

    def read(self) -> bytes | None:
        """The next records, waiting for them; ``None`` when there are no more."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._records) or self._finished or self._cancelled)
            if self._cancelled or not self._records:
                return None
            records = self._records.popleft()
            self._size -= len(records)
            self._changed.notify_all()
            return records

    def finish(self) -> None:
        """No more records will be written."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def cancel(self) -> None:
        """Drop what is here; the next write raises, the next read ends."""
        with self._changed:
            self._cancelled = True
            self._records.clear()
            self._size = 0
            self._changed.notify_all()


class Job:
    """One take or character being made.

    Args:
        make: writes all records of it to a sink; stops when that raises ``Cancelled``.
    """

    def __init__(self, make: Callable[[Sink], object]) -> None:
        self.id = secrets.token_urlsafe(12)
        self.records = RecordBuffer()
        self._make_records = make
        self._thread = threading.Thread(target=self._make, name=f"job {self.id}", daemon=True)

    @property
    def started(self) -> bool:
        """Whether somebody reads the stream, or has."""
        return self._thread.ident is not None

    @property
    def running(self) -> bool:
        """Whether the work goes on at this moment."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask it to stop; it does at its next step or frame."""
        self.records.cancel()

    def wait(self, seconds: float) -> None:
        """Wait for a job that was told to stop."""
        if self.started:
            self._thread.join(seconds)

    def _make(self) -> None:
        try:
            self._make_records(self.records.write)
        except Cancelled:
            logger.info("job %s cancelled", self.id)
        except UserError as error:
            self._send_error(str(error))
        except Exception as error:
            logger.exception("job %s failed", self.id)
            self._send_error(f"The backend failed ({type(error).__name__}: {error}): its log says more.")
        finally:
            self.records.finish()

    def _send_error(self, message: str) -> None:
        try:
            self.records.write(error_record(message))
        except Cancelled:
            logger.info("job %s cancelled, nobody reads: %s", self.id, message)


class Jobs:
    """The one place for a job. A job whose stream nobody asked for yet makes way for the next one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._job: Job | None = None

    def check_free(self) -> None:
        """Raise ``BusyError`` while a job is being done."""
        if self._job is not None and self._job.running:
            raise BusyError("The backend is making another take or character: wait for it to finish or cancel it.")

    def submit(self, job: Job) -> None:
        """Take in a job; it starts when its stream is asked for.

        Raises:
            BusyError: another job is being done.
        """
        with self._lock:
            self.check_free()
            self._job = job

    def start(self, job_id: str) -> Job:
        """Start a job for the one reader of its stream.

        Raises:
            UnknownJobError: no such job, or it was started before.
        """
        with self._lock:
            job = self._find(job_id)
            if job.started:
                raise UnknownJobError("The job's stream is being read already: post the job again.")
            job.start()
            return job

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop; ``Job.wait`` tells when it has.

        Raises:
            UnknownJobError: no such job.
        """
        with self._lock:
            job = self._find(job_id)
            job.cancel()
            return job

    def cancel_any(self) -> None:
        """Ask whatever is being made to stop."""
        with self._lock:
            if self._job is not None:
                self._job.cancel()

    def _find(self, job_id: str) -> Job:
        if self._job is None or self._job.id != job_id:
            raise UnknownJobError("There is no such job: post it again.")
        return self._job
