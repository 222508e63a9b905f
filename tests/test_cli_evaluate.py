"""``facetalk evaluate head``, with a head and held-out heads made of balls."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from facetalk import cli
from facetalk.evaluation.held_out_heads import write_held_out_heads
from facetalk.head.head import Head
from facetalk.head.similarity import Similarity
from tests.evaluation.ball_faces import BallHead, ball_faces


def run(*arguments: object) -> int:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as caught:
        cli.main([str(argument) for argument in arguments])
    code = caught.value.code
    return code if isinstance(code, int) else 0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of held-out heads; every bundle holds the head of balls, and every fit finds its code."""
    write_held_out_heads(tmp_path / "held_out", ball_faces(), {}, "MIT")
    monkeypatch.setattr(Head, "load", lambda folder, device: BallHead(swelling=0.002))

    def fit(*arguments: object) -> tuple[torch.Tensor, Similarity]:
        return torch.tensor([0.5, 0.0, 0.0]), Similarity(np.eye(3), 1.0, np.zeros(3))

    monkeypatch.setattr("facetalk.evaluation.head_measures.fit_to_rest", fit)
    return tmp_path / "held_out"


def test_it_prints_a_table_and_writes_the_figures(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"
    assert run("evaluate", "head", folder, "--identities", 1, "--resolution", 64, "--json", out) == 0
    assert "held-out, fitted: face" in capsys.readouterr().out
    rows = {row["measure"]: row for row in json.loads(out.read_text())}
    assert rows["held-out, own code: whole head"]["mean"] == pytest.approx(0.5, abs=0.15)
    assert rows["held-out: lips"]["mean"] == pytest.approx(0.0, abs=1e-4)
    assert rows["held-out, fitted: face"]["cases"] == 1


def test_bad_input_is_one_sentence_before_the_work(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, reason in (
        ((tmp_path / "nowhere",), "does not exist"),
        ((folder, "--json", tmp_path / "figures.txt"), "does not end with .json"),
    ):
        assert run("evaluate", "head", *arguments) == 1
        captured = capsys.readouterr()
        assert reason in captured.err
        assert "Traceback" not in captured.err
        assert captured.out == ""


def test_a_head_of_another_family_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(BallHead, "shape_size", 3)
    assert run("evaluate", "head", folder) == 1
    assert "different families" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--talkers", "a", "head", "b"], ["head", "b", "--identities", "0"]])
def test_impossible_options_are_refused(options: list[str]) -> None:
    assert run("evaluate", *options) == 2
