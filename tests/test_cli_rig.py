"""``facetalk rig`` with the embedded models, from a captured take to weights, and what it says of bad input."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from facetalk import cli, presets
from facetalk.animate import Animator
from facetalk.capture.captured_take import CapturedTake
from facetalk.errors import UserError
from facetalk.head.head import Head

FRAMES = 20
STILL = np.tile(np.array([1.0, 0.0, 0.0, 0.0], np.float32), (FRAMES, 1))


@pytest.fixture(scope="module")
def animator() -> Animator:
    return Animator.load("cpu")


@pytest.fixture
def loaded(animator: Animator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facetalk.cli_rig.load_animator", lambda device: (animator, 0.0))


def run(*arguments: object) -> str:
    result = CliRunner().invoke(cli.app, ["rig", *map(str, arguments)], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def saved_take(path: Path, head: str = "facetalk-head") -> Path:
    """A jaw that opens to 0.4 over 0.4 s."""
    model = Head.load(presets.preset(presets.HEAD), torch.device("cpu"))
    weights = torch.zeros(FRAMES, len(model.config["rig_controls"]))
    weights[:, model.config["rig_controls"].index("jawOpen")] = torch.linspace(0.0, 0.4, FRAMES)
    CapturedTake(head, "line.mp4", weights @ model.rig_to_code(), STILL, np.zeros(FRAMES, bool)).save(path)
    return path


def test_a_take_becomes_weights(loaded: None, tmp_path: Path) -> None:
    out = tmp_path / "line.csv"
    printed = run(saved_take(tmp_path / "line.safetensors"), "--csv", out, "--identity", "mei", "--fps", 50)
    with out.open(newline="") as file:
        jaw = [float(row["JawOpen"]) for row in csv.DictReader(file)]
    assert len(jaw) == FRAMES
    assert jaw[0] < 0.02
    assert jaw[-1] == pytest.approx(0.4, abs=0.03)
    assert "55 named keys" in printed
    assert str(out) in printed


def test_what_cannot_be_used_is_said_before_the_models_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(device: str) -> None:
        raise AssertionError(f"models were loaded on {device}")

    monkeypatch.setattr("facetalk.cli_rig.load_animator", never)
    take = saved_take(tmp_path / "line.safetensors")
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "text.safetensors").write_text("no take")
    out = tmp_path / "out.csv"
    for arguments, reason in (
        ((take, "--csv", tmp_path / "none/out.csv"), "does not exist"),
        ((take, "--output", tmp_path / "out.fbx"), r"does not end with \.blend"),
        ((take, "--csv", tmp_path / "out.txt"), r"does not end with \.csv"),
        ((tmp_path / "none.safetensors", "--csv", out), "is no take"),
        ((tmp_path / "text.safetensors", "--csv", out), "is no take"),
        ((tmp_path / "text.wav", "--csv", out), "text.wav"),
    ):
        with pytest.raises(UserError, match=reason):
            run(*arguments)
    assert "say what to write" in run(take)
    assert not out.exists()


def test_faces_and_takes_that_do_not_fit_are_refused(loaded: None, tmp_path: Path) -> None:
    take, out = saved_take(tmp_path / "line.safetensors"), tmp_path / "out.csv"
    with pytest.raises(UserError, match="no identity named 'nobody'"):
        run(take, "--csv", out, "--identity", "nobody")
    with pytest.raises(UserError, match="no hair style"):
        run(take, "--csv", out, "--hair", "mohawk")
    with pytest.raises(UserError, match="captured with the head other"):
        run(saved_take(tmp_path / "other.safetensors", head="other"), "--csv", out)
    assert not out.exists()
