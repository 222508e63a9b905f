"""The backend's HTTP calls (docs/protocol.md, section Service). Free of bpy; every method may block.

``http.client`` is used because it is always there and, other than urllib, obeys no proxy settings.
"""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from .frame_stream import read_character, read_hair, read_take
from .records import BackendError, CharacterMade, Hair, Progress, Record

HOST = "127.0.0.1"
ANSWER_LIMIT = 1 << 20  # bytes of JSON
ANSWER_SECONDS = 10.0
UPLOAD_SECONDS = 300.0

Setting = str | int | float


@dataclass(frozen=True)
class Health:
    """What a backend says of itself.

    Attributes:
        version: of the backend.
        status: loading, ready or failed.
        message: why it failed, else empty.
        device: where its models run; empty until it is ready.
        models: their names.
        identities: the faces on offer.
        hair_styles: the hair on offer.
        styles: the ways to perform on offer; none if the models know none.
        templates: other meshes for those faces.
        characters: the user's own meshes, with faces of their own.
        heads: imported heads.
    """

    version: str
    status: str
    message: str
    device: str
    models: tuple[str, ...]
    identities: tuple[str, ...]
    hair_styles: tuple[str, ...]
    styles: tuple[str, ...]
    templates: tuple[str, ...]
    characters: tuple[str, ...]
    heads: tuple[str, ...] = ()


class Client:
    """One backend, by its port and token."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}"}
        self._streaming: HTTPConnection | None = None

    def health(self) -> Health:
        """How the backend is.

        Raises:
            BackendError: it does not answer.
        """
        answer = self._call("GET", "/v1/health")
        return Health(
            version=str(answer.get("version", "")),
            status=str(answer.get("status", "")),
            message=str(answer.get("message", "")),
            device=str(answer.get("device", "")),
            models=tuple(str(name) for name in answer.get("models", ())),
            identities=tuple(str(name) for name in answer.get("identities", ())),
            hair_styles=tuple(str(name) for name in answer.get("hair_styles", ())),
            styles=tuple(str(name) for name in answer.get("styles", ())),
            templates=tuple(str(name) for name in answer.get("templates", ())),
            characters=tuple(str(name) for name in answer.get("characters", ())),
            heads=tuple(str(name) for name in answer.get("heads", ())),
        )

    def create_job(self, samples: NDArray[np.float32], sample_rate: int, settings: Mapping[str, Setting]) -> str:
        """Hand over the sound and the settings of a take.

        Args:
            samples: float32 ``[S]``, mono.
            sample_rate: in Hz.
            settings: query values of ``POST /v1/jobs``.

        Returns:
            the job's id.

        Raises:
            BackendError: it is refused, with the reason.
        """
        query = urlencode({**settings, "sample_rate": sample_rate, "channels": 1})
        body = np.ascontiguousarray(samples, dtype="<f4").tobytes()
        return str(self._call("POST", f"/v1/jobs?{query}", body, UPLOAD_SECONDS)["id"])

    def stream(self, job: str) -> Iterator[Record]:
        """The records of a job's take, as they are made.

        Raises:
            BackendError: the backend refuses, fails or vanishes.
            StreamError: its records cannot be read.
        """
        with self._streamed(f"/v1/jobs/{job}/stream") as response:
            if response.status != 200:
                _read_answer(response)
            yield from read_take(response)

    def create_character(self, upload: bytes) -> str:
        """Hand over the mesh of a character; returns the job's id.

        Args:
            upload: the body of ``POST /v1/characters``.

        Raises:
            BackendError: it is refused, with the reason.
        """
        return str(self._call("POST", "/v1/characters", upload, UPLOAD_SECONDS)["id"])

    def character(self, job: str) -> Iterator[Progress | CharacterMade]:
        """How far the making of a character is, and at the end what came of it.

        Raises:
            BackendError: the backend refuses, fails or vanishes.
            StreamError: its records cannot be read.
        """
        with self._streamed(f"/v1/jobs/{job}/stream") as response:
            if response.status != 200:
                _read_answer(response)
            yield from read_character(response)

    def hair(self, wish: Mapping[str, Setting]) -> Hair | None:
        """Hair alone, for a face there is already.

        Args:
            wish: ``identity`` and ``hair``, as in ``POST /v1/jobs``.

        Returns:
            ``None`` where the head is bald.

        Raises:
            BackendError: the backend refuses, fails or vanishes.
            StreamError: its record cannot be read.
        """
        with self._streamed(f"/v1/hair?{urlencode(wish)}") as response:
            if response.status != 200:
                _read_answer(response)
                return None
            return read_hair(response)

    @contextmanager
    def _streamed(self, path: str) -> Iterator[HTTPResponse]:
        """An answer that may take any time, and that ``hang_up`` can interrupt."""
        with self._connection(seconds=None) as connection:
            self._streaming = connection
            try:
                yield self._request(connection, "GET", path)
            finally:
                self._streaming = None

    def cancel_job(self, job: str) -> None:
        """Stop a job; returns when the backend has.

        Raises:
            BackendError: it does not answer, or knows no such job.
        """
        self._call("DELETE", f"/v1/jobs/{job}")

    def hang_up(self) -> None:
        """End a stream that another thread waits in; the backend takes it for a cancel."""
        connection = self._streaming
        if connection is not None and connection.sock is not None:
            with suppress(OSError):  # it may have ended by itself in this moment
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _call(
        self, method: str, path: str, body: bytes | None = None, seconds: float = ANSWER_SECONDS
    ) -> dict[str, Any]:
        with self._connection(seconds) as connection:
            return _read_answer(self._request(connection, method, path, body))

    def _request(self, connection: HTTPConnection, method: str, path: str, body: bytes | None = None) -> HTTPResponse:
        try:
            connection.request(method, path, body, self._headers)
        except ConnectionError:
            # A backend that refuses a large body hangs up before it has read it; its answer says why.
            if connection.sock is None:
                raise
        return connection.getresponse()

    @contextmanager
    def _connection(self, seconds: float | None) -> Iterator[HTTPConnection]:
        connection = HTTPConnection(HOST, self._port, timeout=seconds)
        try:
            yield connection
        except (OSError, HTTPException) as error:
            raise BackendError(
                f"The backend stopped or does not answer ({type(error).__name__}): generate again."
            ) from error
        finally:
            connection.close()


def _read_answer(response: HTTPResponse) -> dict[str, Any]:
    content = response.read(ANSWER_LIMIT)
    try:
        answer = json.loads(content) if content else {}
    except ValueError:
        answer = {}
    if response.status >= 300:
        message = answer.get("message") if isinstance(answer, dict) else None
        raise BackendError(str(message or f"The backend answered {response.status}: start it again."))
    return dict(answer)
