"""The HTTP service (``docs/protocol.md``, section Service): 127.0.0.1 only, a secret token, one job."""

import hmac
import json
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
from facetalk.service.offers import Loader, Offers, OffersFactory
from facetalk.service.stream import (
    PROTOCOL,
    KeyedTakeSource,
    Sink,
    character_record,
    hair_record,
    progress_record,
    write_take,
)
from facetalk.take import (
    COARSEST_MM,
    FINEST_MM,
    TakeSettings,
    require_hair,
    require_head,
    require_style,
    require_template,
)

if TYPE_CHECKING:  # these import scipy or torch, which costs seconds that a starting service does not have
    from facetalk.service.character_upload import CharacterUpload

HOST = "127.0.0.1"
TOKEN_VARIABLE = "FACETALK_TOKEN"
BODY_LIMIT = 1 << 30  # bytes: 4.6 hours of 16 kHz mono
CANCEL_SECONDS = 5.0  # how long a cancelled take may need to stop before the answer is sent anyway


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
    template: str | None = Field(None, max_length=64)
    head: str | None = Field(None, max_length=64)
    form: Literal["frames", "compact", "rig"] = "frames"
    tolerance_mm: float = Field(0.1, ge=FINEST_MM, le=COARSEST_MM)
    sample_rate: int = Field(16000, ge=1000, le=1_000_000)
    channels: int = Field(1, ge=1, le=64)

    def settings(self) -> TakeSettings:
        """The part that is asked of the take."""
        return TakeSettings(**self.model_dump(exclude={"sample_rate", "channels"}))


def create_app(factory: OffersFactory, token: str) -> FastAPI:
    """The service as an ASGI application.

    Args:
        factory: loads the models; called once, in a thread, when the service starts.
        token: the secret every request must carry.
    """
    loader = Loader(factory)
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


def _add_routes(app: FastAPI, loader: Loader, jobs: Jobs) -> None:
    @app.get("/v1/health")
    def health() -> dict[str, Any]:
        return {"protocol": PROTOCOL, "version": version("facetalk"), **loader.status()}

    @app.post("/v1/jobs", status_code=201)
    async def create_job(request: Request, query: Annotated[JobQuery, Query()]) -> dict[str, Any]:
        offers = loader.get()
        require_hair(query.hair, offers.hair_styles())
        require_style(query.style, offers.styles())
        require_template(query.template, [*offers.templates(), *offers.characters()])  # a name, never a path
        require_head(query.head, offers.heads())
        jobs.check_free()  # before the body is read: it may be large
        clip = await _read_clip(request, query)
        performer = await anyio.to_thread.run_sync(_performer, offers, query)
        job = Job(partial(write_take, source=performer, clip=clip, settings=query.settings()))
        jobs.submit(job)
        return {"id": job.id, "frame_count": performer.frame_count(clip, query.fps)}

    @app.post("/v1/characters", status_code=201)
    async def create_character(request: Request) -> dict[str, Any]:
        from facetalk.service.character_upload import UPLOAD_LIMIT, read_character

        offers = loader.get()
        jobs.check_free()
        body = await _read_body(request, "mesh", UPLOAD_LIMIT, "decimate it")
        upload = await anyio.to_thread.run_sync(read_character, body)
        job = Job(partial(_write_character, offers=offers, upload=upload))
        jobs.submit(job)
        return {"id": job.id}

    @app.get("/v1/hair")
    def make_hair(query: Annotated[HairQuery, Query()]) -> Response:
        offers = loader.get()
        require_hair(query.hair, offers.hair_styles())
        jobs.check_free()
        hair = offers.performer(None).mesh(query.identity, query.hair).hair
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


def _performer(offers: Offers, query: JobQuery) -> KeyedTakeSource:
    """Who performs a take."""
    if query.head is None:
        return offers.performer(query.template)
    return offers.standing_in(query.head, query.template)


async def _records(job: Job) -> AsyncIterator[bytes]:
    try:
        while (records := await anyio.to_thread.run_sync(job.records.read, abandon_on_cancel=True)) is not None:
            yield records
    finally:
        job.cancel()  # the reader has gone; a finished take does not mind


async def _read_clip(request: Request, query: JobQuery) -> Clip:
    body = await _read_body(request, "sound", BODY_LIMIT, "shorten the strip", whole=4 * query.channels)
    samples = np.frombuffer(body, dtype="<f4").reshape(-1, query.channels)
    return await anyio.to_thread.run_sync(clip_from_pcm, samples, query.sample_rate)


async def _read_body(request: Request, what: str, limit: int, remedy: str, whole: int = 1) -> bytearray:
    """The body of a request, whose size is checked before it is read."""
    length = request.headers.get("content-length")
    if length is None:
        raise HTTPException(411, f"The length of the {what} is missing: send Content-Length.")
    if int(length) > limit:
        raise HTTPException(413, f"The {what} has {length} bytes, more than {limit}: {remedy}.")
    if int(length) % whole:
        raise HTTPException(400, f"The {what} is not whole float32 samples of every channel: send it again.")
    body = bytearray()
    async for part in request.stream():
        body += part
    return body


def _write_character(sink: Sink, offers: Offers, upload: "CharacterUpload") -> None:
    def report(stage: str, fraction: float) -> None:
        sink(progress_record(stage, fraction))

    made = offers.add_character(upload.mesh, upload.name, upload.landmarks, report)
    sink(character_record(upload.name, made.summary(), made.remarks()))


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


def load_cast() -> Offers:
    """Those who really perform. Imported here because torch takes seconds, and the service must answer before."""
    from facetalk.animate import Animator
    from facetalk.cast import Cast

    animator = Animator.load()
    # Landing the template takes seconds: done before anyone waits for a first frame.
    animator.mesh(animator.identities()[0])
    return Cast(animator)


def serve(factory: OffersFactory = load_cast, port: int = 0) -> None:
    """Serve until standard input ends, which is how the service learns that its parent has gone.

    Prints one JSON line, ``{"port", "protocol", "version"}``, as soon as connections are accepted.

    Args:
        factory: loads the models.
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
    server = uvicorn.Server(uvicorn.Config(create_app(factory, token), log_config=None, access_log=False))
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
