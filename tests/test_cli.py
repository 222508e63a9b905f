"""The command line, with models and export replaced by quick ones."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from facetalk import cli, presets
from facetalk.clip import Clip
from facetalk.errors import UserError
from facetalk.evaluation.curves import LIPS, UPPER_FACE
from facetalk.take import COMPACT, FrameBatch, TakeSettings
from facetalk.topology.template import FaceMesh
from tests.evaluation.bare_face import bare_face

Progress = Callable[[str, float], None]

PAIRED_LANDMARKS = ("upper_lid", "lower_lid", "outer_eye", "mouth_corner")


class QuickAnimator:
    """A face that rests, on whatever device."""

    device = torch.device("cpu")

    @classmethod
    def load(cls, device: str, motion: Path | None = None) -> "QuickAnimator":
        if device == "cuda":
            raise UserError("This machine has no cuda device that torch can use: choose auto or cpu.")
        return cls()

    def mesh(self, identity: str) -> FaceMesh:
        paired = [f"{part}_{side}" for part in PAIRED_LANDMARKS for side in ("left", "right")]
        names = ["inner_lip_upper", "inner_lip_lower", *paired]
        groups = {name: np.arange(10) for name in (*LIPS, *UPPER_FACE)}
        return bare_face({name: index for index, name in enumerate(names)}, groups)

    def frames(self, clip: Clip, settings: TakeSettings, progress: Progress | None = None) -> Iterator[FrameBatch]:
        points = np.random.default_rng(settings.seed).normal(size=(10, 3)).astype(np.float32)
        yield FrameBatch(0, np.repeat(points[None], int(np.ceil(clip.seconds * settings.fps)), axis=0))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    """What ``facetalk animate`` asks of the export; the models and the export are replaced."""
    calls: list[SimpleNamespace] = []

    def write_take(
        animator: QuickAnimator,
        clip: Clip,
        settings: TakeSettings,
        *,
        sound: Path,
        blend: Path | None,
        video: Path | None,
        progress: Progress,
    ) -> SimpleNamespace:
        for stage in ("speech", "motion", "decode", "blend"):
            time.sleep(0.002)
            progress(stage, 1.0)
        calls.append(SimpleNamespace(clip=clip, settings=settings, sound=sound, blend=blend, video=video))
        for path in (blend, video):
            if path is not None:
                path.write_bytes(b"written")
        compact = settings.form == COMPACT
        keys = SimpleNamespace(count=42, error_mm=0.5 * settings.tolerance_mm) if compact else None
        return SimpleNamespace(frames=250, keys=keys, blend=blend, cache=None, video=video)

    monkeypatch.setattr("facetalk.animate.Animator.load", QuickAnimator.load)
    monkeypatch.setattr("facetalk.export.write_take", write_take)
    return calls


@pytest.fixture
def line(tmp_path: Path) -> Path:
    path = tmp_path / "line.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 16000), 16000)
    return path


def run(*arguments: object) -> int:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as caught:
        cli.main([str(argument) for argument in arguments])
    code = caught.value.code
    return code if isinstance(code, int) else 0


def test_help_waits_for_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "facetalk.cli", "--help"]
    imported = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    assert "facetalk.presets" in imported
    for heavy in ("torch", "numpy", "transformers"):
        assert heavy not in imported


def test_a_compact_take_says_how_far_off_it_is(
    written: list[SimpleNamespace], line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("animate", line, "--blend", tmp_path / "out.blend", "--compact", 0.2) == 0
    assert (written[0].settings.form, written[0].settings.tolerance_mm) == (COMPACT, 0.2)
    assert "250 frames as 42 shape keys with curves; no vertex is farther off than 0.100 mm" in capsys.readouterr().out


@pytest.mark.parametrize("tolerance", ["0.001", "50", "-1"])
def test_a_tolerance_that_nobody_can_keep_is_refused(
    written: list[SimpleNamespace], line: Path, tmp_path: Path, tolerance: str
) -> None:
    assert run("animate", line, "--blend", tmp_path / "out.blend", "--compact", tolerance) == 2
    assert not written


def test_animate_hands_everything_on(
    written: list[SimpleNamespace], line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blend, video = tmp_path / "out.blend", tmp_path / "out.mp4"
    options = ["--identity", "ann", "--seed", 7, "--fps", 24, "--guidance", 1.5, "--steps", 6, "--hair", "bob"]
    assert run("animate", line, "--blend", blend, "--video", video, *options) == 0
    (call,) = written
    assert call.settings == TakeSettings("ann", seed=7, fps=24.0, guidance=1.5, steps=6, hair="bob")
    assert call.clip.seconds == 1.0
    assert (call.sound, call.blend, call.video) == (line, blend, video)
    output = capsys.readouterr().out
    for expected in (
        "speech",
        "motion",
        "decode",
        "blend",
        "as fast as real time, on cpu",
        str(blend),
        str(video),
    ):
        assert expected in output


def test_animate_needs_something_to_write(
    written: list[SimpleNamespace], line: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("animate", line) == 2
    assert "--blend" in capsys.readouterr().err
    assert not written


@pytest.mark.parametrize("bad", ["missing", "empty", "text", "short", "nan", "folder"])
def test_bad_sound_is_one_sentence(
    written: list[SimpleNamespace], tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: str
) -> None:
    path = tmp_path / "bad.wav"
    match bad:
        case "empty":
            path.touch()
        case "text":
            path.write_text("no sound\n" * 100)
        case "short":
            soundfile.write(path, np.zeros(3), 16000)
        case "nan":
            soundfile.write(path, np.full(16000, np.nan), 16000, "FLOAT")
        case "folder":
            path.mkdir()
    before = sorted(tmp_path.iterdir())
    assert run("animate", path, "--blend", tmp_path / "out.blend") == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert str(path) in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not written
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("option", ["--blend", "--video"])
def test_animate_refuses_places_it_cannot_write(
    written: list[SimpleNamespace],
    line: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    option: str,
) -> None:
    assert run("animate", line, option, tmp_path / "out.txt") == 1
    assert "does not end with" in capsys.readouterr().err
    assert not written


def test_animate_says_that_the_gpu_is_missing(
    written: list[SimpleNamespace], line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("animate", line, "--blend", tmp_path / "out.blend", "--device", "cuda") == 1
    assert "no cuda device" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--fps", 0], ["--seed", -1], ["--steps", 0], ["--fps", "many"]])
def test_animate_refuses_impossible_numbers(
    written: list[SimpleNamespace], line: Path, tmp_path: Path, options: list[object]
) -> None:
    assert run("animate", line, "--blend", tmp_path / "out.blend", *options) == 2
    assert not written


def test_evaluate_writes_curves(written: list[SimpleNamespace], line: Path, tmp_path: Path) -> None:
    out = tmp_path / "curves.npz"
    assert run("evaluate", "--curves", line.parent, out) == 0
    with np.load(out, allow_pickle=False) as curves:
        assert sorted(curves.files) == ["fps", "line.wav"]
        assert curves["line.wav"].shape == (50, 4)


def test_evaluate_judges_talkers(
    written: list[SimpleNamespace], line: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = np.random.default_rng(0).uniform(0.05, 0.2, (30, 4)).astype(np.float32)
    np.savez(line.parent / "curves.npz", **{"line": recorded, "line@fps": np.array(30.0)})
    assert run("evaluate", "--talkers", line.parent, "--takes", 2) == 0
    output = capsys.readouterr().out
    for expected in ("line", "all: a take", "all: loudness", "Blinks per minute", "over 2 takes"):
        assert expected in output


@pytest.mark.parametrize("options", [[], ["--talkers", "a", "--curves", "a", "b.npz"]])
def test_evaluate_does_one_thing(written: list[SimpleNamespace], options: list[str]) -> None:
    assert run("evaluate", *options) == 2


def test_doctor_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FACETALK_PRESETS", str(tmp_path))
    assert run("doctor") == 1
    captured = capsys.readouterr()
    assert "4 of 4 model bundles" in captured.err
    assert presets.HEAD in captured.out
    assert torch.__version__ in captured.out


def test_doctor_misses_the_encoder_of_a_motion_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(presets.preset(presets.MOTION), tmp_path / presets.MOTION)
    path = tmp_path / presets.MOTION / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["config"]["speech"] = {"encoder": "my-wav2vec2", "rate": 24, "size": 768, "weights": None}
    path.write_text(json.dumps(manifest))
    monkeypatch.setenv("FACETALK_PRESETS", str(tmp_path))
    assert run("doctor") == 1
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "hears with my-wav2vec2, which does not come with FaceTalk" in printed


def test_serve_starts_and_ends_with_its_parent() -> None:
    environment = {**os.environ, "FACETALK_TOKEN": "secret"}
    command = [sys.executable, "-m", "facetalk.cli", "serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["port"] > 0
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_serve_needs_a_token(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("FACETALK_TOKEN", raising=False)
    assert run("serve") == 1
    assert "FACETALK_TOKEN" in capsys.readouterr().err
