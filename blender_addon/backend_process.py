"""Finds, starts and stops the backend, a process beside Blender with its own Python. Free of bpy."""

import json
import os
import queue
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from .client import Client, Health
from .frame_stream import PROTOCOL
from .records import BackendError

PYTHON_VARIABLE = "FACETALK_PYTHON"
TOKEN_VARIABLE = "FACETALK_TOKEN"
START_SECONDS = 60.0  # from the start of the process to its ready line
STOP_SECONDS = 3.0
POLL_SECONDS = 0.1
LOG_TAIL = 4096  # bytes of the log that are looked at for a reason
CHOOSE_PYTHON = "set 'Backend Python' in the FaceTalk preferences to a Python that has facetalk"

MODULE = "facetalk.service"

last_health: Health | None = None  # of the backend that was ready last; set whole, so that any thread may read it


class Stopped(Exception):  # noqa: N818 - a wish of the user, not an error
    """The user no longer wants what was being waited for."""


def find_python(configured: str) -> Path:
    """The backend's Python: the preference, else ``FACETALK_PYTHON``, else ``.venv`` of our checkout.

    Raises:
        BackendError: there is none.
    """
    named = configured or os.environ.get(PYTHON_VARIABLE, "")
    if named:
        python = Path(named).expanduser()
        if not python.is_file():
            raise BackendError(f"There is no Python at {python}: {CHOOSE_PYTHON}.")
        return python
    environment = Path(__file__).resolve().parents[1] / ".venv"
    for python in (environment / "bin" / "python", environment / "Scripts" / "python.exe"):
        if python.is_file():
            return python
    raise BackendError(f"The backend's Python is not known: {CHOOSE_PYTHON}.")


class BackendProcess:
    """A running backend. It ends with its standard input, and so also when Blender ends or crashes."""

    def __init__(self, python: Path) -> None:
        """Start it; ``wait_until_ready`` tells when it can be used.

        Raises:
            BackendError: the file cannot be run.
        """
        self.python = python
        self._token = secrets.token_urlsafe(32)
        self._log: IO[bytes] = tempfile.TemporaryFile(prefix="facetalk-backend-")  # noqa: SIM115 - see stop()
        self._first_line: queue.Queue[bytes] = queue.Queue()
        self._client: Client | None = None
        self._starting = threading.Lock()
        try:
            # -P: a folder named facetalk in Blender's working directory must not pose as the backend.
            self._process = subprocess.Popen(
                [str(python), "-P", "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env={**os.environ, TOKEN_VARIABLE: self._token},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            self._log.close()
            raise BackendError(f"{python} cannot be run ({error.strerror}): {CHOOSE_PYTHON}.") from error
        threading.Thread(target=self._read_first_line, name="facetalk ready line", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def wait_until_ready(self, stopped: Callable[[], bool], waiting: Callable[[str], None]) -> tuple[Client, Health]:
        """Wait until the models are loaded.

        Args:
            stopped: asked all the while; ``True`` ends the waiting.
            waiting: told what is being waited for: start, load.

        Raises:
            BackendError: it ended, is of another protocol version, or could not load its models.
            Stopped: as asked.
        """
        try:
            with self._starting:  # two may wait for the one ready line
                if self._client is None:
                    waiting("start")
                    self._client = self._read_ready(stopped)
            return self._client, _wait_for_models(self._client, stopped, waiting)
        except BackendError:
            self.stop()  # the next take starts a new one, perhaps after the cause is mended
            raise

    def stop(self) -> None:
        """End it; killed if it does not end by itself."""
        assert self._process.stdin is not None, "it was asked for"
        assert self._process.stdout is not None, "it was asked for"
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()  # only now: closing waits for the thread that may still read from it
        self._log.close()

    def _read_first_line(self) -> None:
        assert self._process.stdout is not None, "it was asked for"
        self._first_line.put(self._process.stdout.readline(1024))

    def _read_ready(self, stopped: Callable[[], bool]) -> Client:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                line = self._first_line.get(timeout=POLL_SECONDS)
                break
            except queue.Empty:
                if stopped():
                    raise Stopped from None
                if time.monotonic() > deadline:
                    raise BackendError(
                        f"The backend did not start in {START_SECONDS:.0f} s: try again, or {CHOOSE_PYTHON}."
                    ) from None
        if not line:
            raise BackendError(self._why_it_ended())
        return self._parse_ready(line)

    def _parse_ready(self, line: bytes) -> Client:
        try:
            ready = json.loads(line)
            port, protocol, version = int(ready["port"]), ready["protocol"], ready["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise BackendError(f"{self.python} starts no FaceTalk backend: {CHOOSE_PYTHON}.") from error
        if protocol != PROTOCOL:
            raise BackendError(
                f"The backend {version} speaks protocol version {protocol}, this add-on version {PROTOCOL}: "
                "install the add-on and the backend of the same FaceTalk release."
            )
        return Client(port, self._token)

    def _why_it_ended(self) -> str:
        status = self._process.wait()
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - LOG_TAIL))
        last = self._log.read().decode(errors="replace").strip().rpartition("\n")[2] or "no reason given"
        if "No module named" in last and "facetalk" in last:
            return f"facetalk is not installed for {self.python}: install it there, or {CHOOSE_PYTHON}."
        return f"The backend ended at once (status {status}, {last}): mend that, or {CHOOSE_PYTHON}."


_shared: BackendProcess | None = None  # kept between takes, because loading the models takes seconds
_shared_lock = threading.Lock()


def shared_backend(python: Path) -> BackendProcess:
    """The backend all takes use; started anew if it has ended or runs another Python.

    Raises:
        BackendError: it cannot be started.
    """
    global _shared
    with _shared_lock:
        if _shared is not None and (_shared.python != python or not _shared.alive):
            _shared.stop()
            _shared = None
        if _shared is None:
            _shared = BackendProcess(python)
        return _shared


def stop_shared_backend() -> None:
    """End the backend, if one runs."""
    global _shared
    with _shared_lock:
        if _shared is not None:
            _shared.stop()
            _shared = None


def _wait_for_models(client: Client, stopped: Callable[[], bool], waiting: Callable[[str], None]) -> Health:
    global last_health
    while (health := client.health()).status == "loading":
        waiting("load")
        if stopped():
            raise Stopped
        time.sleep(POLL_SECONDS)
    if health.status != "ready":
        raise BackendError(health.message)
    last_health = health
    return health
