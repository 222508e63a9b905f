"""The service as the add-on meets it: a process, its HTTP calls and its stream."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from blender_addon.backend_process import BackendProcess, Stopped
from blender_addon.character_upload import CharacterUpload
from blender_addon.client import Client
from blender_addon.records import BackendError, CharacterMade, Frame, Hair, Hello, Key, Keys, Progress, Topology
from tests.service.fake_animator import frame_vertices, grid_hair, grid_mesh
from tests.service.fake_backend import CHECKOUT, write_fake_python

SECOND = np.sin(np.linspace(0, 440 * 2 * np.pi, 16000)).astype(np.float32)

Start = Callable[..., BackendProcess]


def never() -> bool:
    return False


def ready(backend: BackendProcess) -> Client:
    return backend.wait_until_ready(never, lambda stage: None)[0]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[BackendProcess] = []

    def start_backend(**wishes: object) -> BackendProcess:
        running.append(BackendProcess(write_fake_python(tmp_path, **wishes)))
        return running[-1]

    yield start_backend
    for backend in running:
        backend.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    backend = BackendProcess(write_fake_python(tmp_path_factory.mktemp("shared")))
    yield ready(backend)
    backend.stop()


def call(
    client: Client, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, object]]:
    connection = HTTPConnection("127.0.0.1", client._port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in {**client._headers, **headers}.items():
        if value:
            connection.putheader(name.replace("_", "-"), value)
    if body is not None and "Content_Length" not in headers and "Transfer_Encoding" not in headers:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, json.loads(content) if content.startswith(b"{") else {}


def test_a_take_from_samples_to_frames(shared: Client) -> None:
    job = shared.create_job(SECOND, 16000, {"seed": 3, "fps": 24.0, "identity": "second"})
    records = list(shared.stream(job))
    hello = records[0]
    assert isinstance(hello, Hello)
    assert (hello.frame_count, hello.fps, hello.settings["seed"], hello.settings["identity"]) == (
        24,
        24.0,
        3,
        "second",
    )
    frames = [record for record in records if isinstance(record, Frame)]
    assert [frame.index for frame in frames] == list(range(24))
    assert all(np.array_equal(frame.vertices, frame_vertices(4, frame.index, 3)) for frame in frames)
    assert {record.stage for record in records if isinstance(record, Progress)} == {
        "speech",
        "motion",
        "decode",
    }


def test_the_sample_rate_is_honoured(shared: Client) -> None:
    job = shared.create_job(np.tile(SECOND, 3), 48000, {"fps": 25.0})
    hello = next(shared.stream(job))
    assert isinstance(hello, Hello)
    assert hello.frame_count == 25


def test_health_names_what_runs(shared: Client) -> None:
    health = shared.health()
    assert (health.status, health.device, health.models) == ("ready", "cpu", ("fake-head", "fake-motion"))
    assert health.identities == ("average", "second")
    assert health.hair_styles == ("bob", "curls")
    assert health.styles == ("lively", "neutral")
    assert (health.templates, health.characters, health.heads) == (("coarse",), (), ("nphm",))
    assert health.version


def test_health_answers_while_the_models_load(start: Start) -> None:
    backend = start(load_seconds=1.0)
    stages: list[str] = []
    began = time.monotonic()
    _, health = backend.wait_until_ready(never, stages.append)
    assert time.monotonic() - began > 1.0
    assert stages[:2] == ["start", "load"]
    assert health.status == "ready"


def test_waiting_can_be_stopped(start: Start) -> None:
    backend = start(load_seconds=30.0)
    stages: list[str] = []
    with pytest.raises(Stopped):
        backend.wait_until_ready(lambda: "load" in stages, stages.append)


def test_models_that_cannot_be_loaded_say_why(start: Start) -> None:
    with pytest.raises(BackendError, match=r"^The bundle is gone\.$"):
        ready(start(load_failure="The bundle is gone."))


@pytest.mark.parametrize("token", ["", "Bearer wrong", "Bearer ", "Bearer \u00e9"])
def test_a_wrong_token_is_refused(shared: Client, token: str) -> None:
    for method, path in (
        ("GET", "/v1/health"),
        ("POST", "/v1/jobs"),
        ("DELETE", "/v1/jobs/x"),
        ("GET", "/v1/jobs/x/stream"),
        ("GET", "/v1/hair"),
        ("POST", "/v1/characters"),
    ):
        assert call(shared, method, path, Authorization=token)[0] == 401


def test_web_pages_are_refused(shared: Client) -> None:
    assert call(shared, "GET", "/v1/health", Origin="http://127.0.0.1")[0] == 403
    assert call(shared, "GET", "/v1/health", Host="evil.example")[0] == 400
    assert call(shared, "GET", "/v1/health", Host="localhost:1")[0] == 200


def test_it_listens_on_the_loopback_only(shared: Client) -> None:
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    ours = [line.split()[1] for line in listening if line.split()[1].endswith(f":{shared._port:04X}")]
    assert "0100007F:" in "".join(ours)
    assert not any(address.startswith("00000000:") for address in ours)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("seed=-1", "seed"),
        ("seed=x", "seed"),
        ("fps=nan", "fps"),
        ("fps=0", "fps"),
        ("guidance=1000", "guidance"),
        ("intensity=inf", "intensity"),
        ("sample_rate=0", "sample_rate"),
        ("colour=red", "colour"),
        ("form=film", "form"),
        ("tolerance_mm=0.001", "tolerance_mm"),
    ],
)
def test_settings_out_of_range_are_named(shared: Client, query: str, name: str) -> None:
    status, answer = call(shared, "POST", f"/v1/jobs?{query}", SECOND.tobytes())
    assert status == 422
    message = str(answer["message"])
    assert name in message
    assert message.endswith(".")
    assert "\n" not in message


def test_sizes_are_checked_before_the_body_is_read(shared: Client) -> None:
    assert call(shared, "POST", "/v1/jobs", Content_Length=str(1 << 40))[0] == 413
    assert call(shared, "POST", "/v1/jobs", Transfer_Encoding="chunked", body=b"0\r\n\r\n")[0] == 411
    assert call(shared, "POST", "/v1/jobs", Content_Length="7")[0] == 400


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), np.full(16000, math.nan, np.float32)])
def test_sound_that_cannot_be_used_is_refused_with_a_sentence(shared: Client, samples: NDArray[np.float32]) -> None:
    with pytest.raises(BackendError, match=r"\.$"):
        shared.create_job(samples, 16000, {})


def test_one_take_at_a_time(start: Start) -> None:
    client = ready(start(motion_steps=1000, motion_step_seconds=0.02))
    first = client.create_job(SECOND, 16000, {})
    second = client.create_job(SECOND, 16000, {})  # nobody streamed the first: it makes way
    with pytest.raises(BackendError, match="no such job"):
        next(client.stream(first))
    stream = client.stream(second)
    next(stream)
    with pytest.raises(BackendError, match="making another take"):
        client.create_job(SECOND, 16000, {})
    other = Client(client._port, client._headers["Authorization"].removeprefix("Bearer "))
    with pytest.raises(BackendError, match="read already"):
        next(other.stream(second))
    other.cancel_job(second)
    client.create_job(SECOND, 16000, {})


def test_a_refusal_reaches_the_sender_of_a_large_sound(start: Start) -> None:
    client = ready(start(motion_steps=1000, motion_step_seconds=0.02))
    stream = client.stream(client.create_job(SECOND, 16000, {}))
    next(stream)
    with pytest.raises(BackendError, match="making another take"):
        client.create_job(np.zeros(20_000_000, np.float32), 16000, {})


def test_a_cancelled_take_stops_within_a_second(start: Start) -> None:
    client = ready(start(motion_steps=1000, motion_step_seconds=0.05))
    job = client.create_job(SECOND, 16000, {})
    stream = client.stream(job)
    while not (isinstance(record := next(stream), Progress) and record.stage == "motion"):
        pass
    began = time.monotonic()
    client.cancel_job(job)
    assert time.monotonic() - began < 1.0
    with pytest.raises(BackendError):
        list(stream)
    client.create_job(SECOND, 16000, {})  # free again


def test_a_reader_that_hangs_up_cancels_the_take(start: Start) -> None:
    client = ready(start(motion_steps=1000, motion_step_seconds=0.02))
    stream = client.stream(client.create_job(SECOND, 16000, {}))
    next(stream)
    threading.Timer(0.2, client.hang_up).start()
    with pytest.raises(BackendError):
        list(stream)
    deadline = time.monotonic() + 1.0
    while True:
        try:
            client.create_job(SECOND, 16000, {})
            break
        except BackendError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_an_identity_that_does_not_exist_is_named(shared: Client) -> None:
    job = shared.create_job(SECOND, 16000, {"identity": "nobody"})
    with pytest.raises(BackendError, match=r"^There is no identity nobody: choose one of average, second\.$"):
        list(shared.stream(job))


def hair_in(client: Client, **settings: str) -> str | None:
    """The style that a take with these settings wears."""
    records = list(client.stream(client.create_job(SECOND, 16000, settings)))
    return next((record.style for record in records if isinstance(record, Hair)), None)


def test_hair_is_the_identitys_own_unless_asked_for(shared: Client) -> None:
    assert hair_in(shared, identity="average") is None
    assert hair_in(shared, identity="second") == "bob"
    assert hair_in(shared, identity="second", hair="curls") == "curls"
    assert hair_in(shared, identity="second", hair="bald") is None


def test_hair_alone_needs_no_take(shared: Client) -> None:
    hair = shared.hair({"identity": "second", "hair": "curls"})
    assert hair is not None
    assert hair.style == "curls"
    assert np.array_equal(hair.vertices, grid_hair(3, "curls").vertices)
    assert shared.hair({"identity": "average"}) is None


def test_a_style_that_does_not_exist_is_named(shared: Client) -> None:
    with pytest.raises(BackendError, match=r"^There is no style opera: choose one of lively, neutral\.$"):
        shared.create_job(SECOND, 16000, {"style": "opera"})


@pytest.mark.parametrize("ask", [lambda c, s: c.create_job(SECOND, 16000, s), lambda c, s: c.hair(s)])
def test_hair_that_does_not_exist_is_named(shared: Client, ask: Callable[[Client, dict[str, str]], object]) -> None:
    with pytest.raises(BackendError, match=r"^There is no hair style mohawk: choose one of bald, bob, curls\.$"):
        ask(shared, {"hair": "mohawk"})
    with pytest.raises(BackendError, match="hair"):
        ask(shared, {"hair": "x" * 201})


def test_hair_waits_for_a_take_to_end(start: Start) -> None:
    client = ready(start(motion_steps=1000, motion_step_seconds=0.02))
    stream = client.stream(client.create_job(SECOND, 16000, {}))
    next(stream)
    other = Client(client._port, client._headers["Authorization"].removeprefix("Bearer "))
    with pytest.raises(BackendError, match="making another take"):
        other.hair({})


def test_a_take_in_keys(shared: Client) -> None:
    job = shared.create_job(SECOND, 16000, {"seed": 3, "form": "rig"})
    records = list(shared.stream(job))
    assert not any(isinstance(record, Frame) for record in records)
    (keys,) = (record for record in records if isinstance(record, Keys))
    assert (keys.names, keys.lowest, keys.error_mm) == (("up", "both"), (0.0, -1.0), 0.05)
    up, both = (record for record in records if isinstance(record, Key))
    assert not both.curve.any()
    for frame in (0, 24):
        shown = grid_mesh(4).vertices + up.curve[frame] * up.offsets
        np.testing.assert_allclose(shown, frame_vertices(4, frame, 3), atol=1e-6)


def character(side: int = 20) -> CharacterUpload:
    grid = grid_mesh(side)
    return CharacterUpload(
        name="hero",
        own=True,
        vertices=grid.vertices * 100,
        face_sizes=grid.face_sizes,
        corners=grid.corners,
        uv=grid.corner_uv,
        materials=("skin",),
        material_index=np.zeros(len(grid.quads), np.int32),
        landmarks={},
    )


def test_a_mesh_becomes_a_character_that_performs(start: Start) -> None:
    client = ready(start())
    assert client.health().characters == ()
    *told, made = client.character(client.create_character(character().pack()))
    assert {record.stage for record in told if isinstance(record, Progress)} == {"fit"}
    assert made == CharacterMade(
        "hero", "441 of 441 vertices move.", ("The mesh has 1 open border: what is open stays open.",)
    )
    assert client.health().characters == ("hero",)
    records = list(client.stream(client.create_job(SECOND, 16000, {"template": "hero"})))
    hello, topology = records[:2]
    assert isinstance(hello, Hello)
    assert isinstance(topology, Topology)
    assert hello.settings["template"] == "hero"
    np.testing.assert_array_equal(topology.vertices, character().vertices)


def test_an_imported_head_performs_when_it_is_named(shared: Client) -> None:
    job = shared.create_job(SECOND, 16000, {"head": "nphm", "template": "coarse"})
    hello = next(shared.stream(job))
    assert isinstance(hello, Hello)
    assert hello.models == ("fake-head", "fake-motion", "nphm")
    assert hello.settings["head"] == "nphm"
    assert hello.vertex_count == 9


@pytest.mark.parametrize("head", ["../nphm", "/nphm", "nobody"])
def test_a_head_is_a_name_and_never_a_path(shared: Client, head: str) -> None:
    with pytest.raises(BackendError, match=f"There is no imported head {head}: choose one of nphm"):
        shared.create_job(SECOND, 16000, {"head": head})


def test_a_template_is_a_name_and_never_a_path(shared: Client, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    for template in (str(tmp_path), "../hero", "nobody"):
        with pytest.raises(BackendError, match=f"There is no template {template}: choose one of coarse"):
            shared.create_job(SECOND, 16000, {"template": template})


def test_a_mesh_that_is_too_large_is_refused_before_it_is_read(shared: Client) -> None:
    assert call(shared, "POST", "/v1/characters", Content_Length=str(1 << 30))[0] == 413
    assert call(shared, "POST", "/v1/characters", Transfer_Encoding="chunked", body=b"0\r\n\r\n")[0] == 411
    with pytest.raises(BackendError, match="The character's mesh cannot be read"):
        shared.create_character(character().pack()[:-1])


def test_the_making_of_a_character_can_be_cancelled(start: Start) -> None:
    client = ready(start(motion_steps=1000, motion_step_seconds=0.05))
    job = client.create_character(character().pack())
    stream = client.character(job)
    next(stream)
    with pytest.raises(BackendError, match="making another take or character"):
        client.create_job(SECOND, 16000, {})
    client.cancel_job(job)
    with pytest.raises(BackendError):
        list(stream)
    assert client.health().characters == ()


def test_a_mesh_without_a_face_is_an_error_with_its_reason(start: Start) -> None:
    client = ready(start(failure="The mesh does not look like a face: mark it."))
    with pytest.raises(BackendError, match="does not look like a face"):
        list(client.character(client.create_character(character().pack())))


def test_an_error_in_the_middle_arrives_as_its_sentence(start: Start) -> None:
    client = ready(start(failure="The line is too quiet."))
    with pytest.raises(BackendError, match=r"^The line is too quiet\.$"):
        list(client.stream(client.create_job(SECOND, 16000, {})))
    assert client.health().status == "ready"


def test_a_slow_reader_slows_the_backend(start: Start) -> None:
    client = ready(start(side=150, batch_frames=1))  # 270 kB a frame
    stream = client.stream(client.create_job(np.tile(SECOND, 10), 16000, {}))
    decoded = [record.fraction for record in (next(stream) for _ in range(20)) if isinstance(record, Progress)]
    time.sleep(1.0)
    assert decoded[-1] < 0.1
    received = sum(isinstance(record, Frame) for record in stream)
    assert received > 240


def test_a_backend_killed_in_the_middle_is_an_error(start: Start) -> None:
    backend = start(motion_steps=1000, motion_step_seconds=0.02)
    client = ready(backend)
    stream = client.stream(client.create_job(SECOND, 16000, {}))
    next(stream)
    backend._process.send_signal(signal.SIGKILL)
    with pytest.raises(BackendError, match="stopped"):
        list(stream)
    with pytest.raises(BackendError, match="stopped"):
        client.health()


def test_it_ends_when_its_parent_dies(tmp_path: Path) -> None:
    python = write_fake_python(tmp_path, motion_steps=1000, motion_step_seconds=0.05)
    parent = (
        "import subprocess, sys, os\n"
        f"child = subprocess.Popen([{str(python)!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "os._exit(1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", parent],
        env={**os.environ, "FACETALK_TOKEN": "secret"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=30,
    )
    child = int(done.stdout)
    deadline = time.monotonic() + 5.0
    while Path(f"/proc/{child}/stat").exists() and ") Z" not in Path(f"/proc/{child}/stat").read_text():
        assert time.monotonic() < deadline, "the backend outlived its parent"
        time.sleep(0.05)


def test_without_a_token_it_does_not_start() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "FACETALK_TOKEN"}
    done = subprocess.run(
        [sys.executable, "-m", "facetalk.service"],
        env={**environment, "PYTHONPATH": str(CHECKOUT / "backend")},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("The environment variable FACETALK_TOKEN is not set")
    assert done.stdout == ""
