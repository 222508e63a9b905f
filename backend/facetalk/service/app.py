"""The HTTP service (``docs/protocol.md``, section Service): 127.0.0.1 only, a secret token, one take."""

import hmac
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any, Protocol

import anyio.to_thread
import numpy as np
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware

from facetalk.clip import Clip, clip_from_pcm
from facetalk.errors import UserError
from facetalk.service.jobs import BusyError, Job, Jobs, UnknownJobError
from facetalk.service.stream import PROTOCOL, TakeSource, hair_record
from facetalk.take import TakeSettings, require_hair, require_style

HOST = "127.0.0.1"
TOKEN_VARIABLE = "FACETALK_TOKEN"
BODY_LIMIT = 1 << 30  # bytes: 4.6 hours of 16 kHz mono
CANCEL_SECONDS = 5.0  # how long a cancelled take may need to stop before the answer is sent anyway

logger = logging.getLogger(__name__)


class TakeOffers(TakeSource, Protocol):
    """A source of takes that says what may be asked of it: ``facetalk.animate.Animator``."""

    def identities(self) -> Sequence[str]:
        """Names of the faces on offer."""

    def hair_styles(self) -> Sequence[str]:
        """Names of the hair styles on offer, without ``BALD``."""

    def styles(self) -> Sequence[str]:
        """Names of the ways to perform."""


AnimatorFactory = Callable[[], TakeOffers]


class AnimatorLoader:
    """Loads the models in a thread, so that the service answers meanwhile."""

    def __init__(self, factory: AnimatorFactory) -> None:
        self._factory = factory
        self._animator: TakeOffers | None = None
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._load, name="load models", daemon=True)

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def status(self) -> dict[str, Any]:
        """What ``GET /v1/health`` says of the models."""
        if self._failure is not None:
            return {"status": "failed", "message": self._failure}
        if self._animator is None:
            return {"status": "loading"}
        return {
            "status": "ready",
            "device": str(self._animator.device),
            "models": list(self._animator.models),
            "identities": list(self._animator.identities()),
            "hair_styles": list(self._animator.hair_styles()),
            "styles": list(self._animator.styles()),
        }

    def get(self) -> TakeOffers:
        """The animator; an HTTP error that says why while there is none."""
        if self._failure is not None:
            raise HTTPException(500, self._failure)
        if self._animator is None:
            raise HTTPException(503, "The backend is still loading its models: try again in a moment.")
        return self._animator

    def _load(self) -> None:
        try:
            self._animator = self._factory()
        except UserError as error:
            self._failure = str(error)
        except Exception as error:
            logger.exception("the models could not be loaded")
            self._failure = f"The models could not be loaded ({type(error).__name__}: {error}): see the log."


class HairQuery(BaseModel):
    """The query of ``GET /v1/hair``: what ``TakeSettings`` says of the looks."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    identity: str = Field("average", max_length=200)
    hair: str | None = Field(None, max_length=200)


class JobQuery(HairQuery):
    """The query of ``POST /v1/jobs``: ``TakeSettings``, and what the samples in the body are."""

    seed: int = Field(0, ge=0, lt=1 << 63)
    fps: float = Field(25.0, ge=1, le=1000)
    guidance: float | None = Field(None, ge=0, le=100)
    steps: int | None = Field(None, ge=1, le=1000)
    intensity: float = Field(1.0, ge=0, le=10)
    style: str | None = Field(None, max_length=200)
    sample_rate: int = Field(16000, ge=1000, le=1_000_000)
    channels: int = Field(1, ge=1, le=64)

    def settings(self) -> TakeSettings:
        """The part that is asked of the take."""
        return TakeSettings(**self.model_dump(exclude={"sample_rate", "channels"}))


def create_app(animator_factory: AnimatorFactory, token: str) -> FastAPI:
    """The service as an ASGI application.

    Args:
        animator_factory: loads the models; called once, in a thread, when the service starts.
        token: the secret every request must carry.
    """
    loader = AnimatorLoader(animator_factory)
    jobs = Jobs()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loader.start()
        yield
        jobs.cancel_any()

    def authorise(request: Request) -> None:
        if "origin" in request.headers:
            raise HTTPException(403, "Web pages may not talk to the backend.")
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            raise HTTPException(401, "The token is missing or wrong: start the backend from Blender again.")

    app = FastAPI(lifespan=lifespan, dependencies=[Depends(authorise)], docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"], www_redirect=False)
    _add_error_answers(app)
    _add_routes(app, loader, jobs)
    return app


def _add_routes(app: FastAPI, loader: AnimatorLoader, jobs: Jobs) -> None:
    @app.get("/v1/health")
    def health() -> dict[str, Any]:
        return {"protocol": PROTOCOL, "version": version("facetalk"), **loader.status()}

    @app.post("/v1/jobs", status_code=201)
    async def create_job(request: Request, query: Annotated[JobQuery, Query()]) -> dict[str, Any]:
        animator = loader.get()
        require_hair(query.hair, animator.hair_styles())
        require_style(query.style, animator.styles())
        jobs.check_free()  # before the body is read: it may be large
        clip = await _read_clip(request, query)
        job = Job(animator, clip, query.settings())
        jobs.submit(job)
        return {"id": job.id, "frame_count": animator.frame_count(clip, query.fps)}

    @app.get("/v1/hair")
    def make_hair(query: Annotated[HairQuery, Query()]) -> Response:
        animator = loader.get()
        require_hair(query.hair, animator.hair_styles())
        jobs.check_free()
        hair = animator.mesh(query.identity, query.hair).hair
        if hair is None:
            return Response(status_code=204)
        return Response(hair_record(hair), media_type="application/octet-stream")

    @app.get("/v1/jobs/{job_id}/stream")
    def stream_job(job_id: str) -> StreamingResponse:
        return StreamingResponse(_records(jobs.start(job_id)), media_type="application/octet-stream")

    @app.delete("/v1/jobs/{job_id}", status_code=204)
    def cancel_job(job_id: str) -> Response:
        jobs.cancel(job_id).wait(CANCEL_SECONDS)
        return Response(status_code=204)


async def _records(job: Job) -> AsyncIterator[bytes]:
    try:
        while (records := await anyio.to_thread.run_sync(job.records.read, abandon_on_cancel=True)) is not None:
            yield records
    finally:
        job.cancel()  # the reader has gone; a finished take does not mind


async def _read_clip(request: Request, query: JobQuery) -> Clip:
    length = request.headers.get("content-length")
    if length is None:
        raise HTTPException(411, "The length of the sound is missing: send Content-Length.")
    if int(length) > BODY_LIMIT:
        raise HTTPException(413, f"The sound has {length} bytes, more than {BODY_LIMIT}: shorten the strip.")
    if int(length) % (4 * query.channels):
        raise HTTPException(400, "The sound is not whole float32 samples of every channel: send it again.")
    body = bytearray()
    async for part in request.stream():
        body += part
    samples = np.frombuffer(body, dtype="<f4").reshape(-1, query.channels)
    return await anyio.to_thread.run_sync(clip_from_pcm, samples, query.sample_rate)


def _add_error_answers(app: FastAPI) -> None:
    """Every error is one JSON object ``{"message": one sentence}``."""

    def answer(status: int, message: str) -> JSONResponse:
        return JSONResponse({"message": message}, status_code=status)

    @app.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def explain(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return answer(422, f"The setting {first['loc'][-1]} cannot be used: {first['msg'].lower()}.")

    @app.exception_handler(BusyError)
    async def busy(_: Request, error: BusyError) -> JSONResponse:
        return answer(409, str(error))

    @app.exception_handler(UnknownJobError)
    async def unknown(_: Request, error: UnknownJobError) -> JSONResponse:
        return answer(404, str(error))

    @app.exception_handler(UserError)
    async def user_error(_: Request, error: UserError) -> JSONResponse:
        return answer(422, str(error))


def load_animator() -> TakeOffers:
    """The real animator. Imported here because torch takes seconds, and the service must answer before."""
    from facetalk.animate import Animator

    animator = Animator.load()
    # Landing the template takes seconds: done before anyone waits for a first frame.
    animator.mesh(animator.identities()[0])
    return animator


def serve(animator_factory: AnimatorFactory = load_animator, port: int = 0) -> None:
    """Serve until standard input ends, which is how the service learns that its parent has gone.

    Prints one JSON line, ``{"port", "protocol", "version"}``, as soon as connections are accepted.

    Args:
        animator_factory: loads the models.
        port: on 127.0.0.1; 0 lets the system choose.

    Raises:
        UserError: no token in the environment, or the port is taken.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        raise UserError(f"The environment variable {TOKEN_VARIABLE} is not set: give the service a secret token.")
    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise UserError(f"Port {port} cannot be used ({error.strerror}): choose another, or 0.") from error
    server = uvicorn.Server(uvicorn.Config(create_app(animator_factory, token), log_config=None, access_log=False))
    threading.Thread(target=_stop_with_parent, args=(server,), name="parent watch", daemon=True).start()
    ready = {"port": listener.getsockname()[1], "protocol": PROTOCOL, "version": version("facetalk")}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    server.run(sockets=[listener])


def _stop_with_parent(server: uvicorn.Server) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    server.should_exit = True
    server.force_exit = True  # the parent's connections are gone with it: there is nobody to finish for
