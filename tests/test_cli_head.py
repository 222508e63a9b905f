"""``facetalk head fit`` with a toy head in the place of the embedded one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from facetalk import cli
from facetalk.head import head_bundle
from facetalk.head.identity_preset import load_identity
from facetalk.head.meshing import marching_cubes
from tests.head.toy_head import ToyHead

CODE = torch.tensor([0.8, -1.0, 0.6, 1.2, 0.0])


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of own identities; every bundle loads as a toy head."""

    def load_head(folder: Path, device: torch.device) -> ToyHead:
        return ToyHead()

    monkeypatch.setattr(head_bundle, "load_head", load_head)
    folder = tmp_path / "own"
    monkeypatch.setenv("FACETALK_IDENTITIES", str(folder))
    return folder


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head at rest, in centimetres."""
    mesh = marching_cubes(lambda points: ToyHead().signed_distance(points, CODE)[:, 0], ToyHead.box, 96)
    points = torch.from_numpy(mesh.vertices).float()
    rest = ToyHead().prepare(points, torch.zeros(len(points)), CODE).pose(torch.zeros(1, 2)).points[0]
    path = tmp_path_factory.mktemp("scans") / "My Scan.npz"
    np.savez(path, points=rest.numpy() * 25.0, triangles=mesh.triangles)
    return path


def run(*arguments: object) -> int:
    """The exit status of ``facetalk head fit``."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["head", "fit", *(str(argument) for argument in arguments)])
    code = caught.value.code
    return code if isinstance(code, int) else 0


def test_a_scan_becomes_an_identity(scan: Path, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(scan) == 0
    output = capsys.readouterr().out
    for expected in ("face", "head", "95 %", "human size, in cm", str(own / "my-scan.json")):
        assert expected in output
    identity = load_identity("my-scan")
    assert identity.source == "My Scan.npz"
    assert identity.code[0] == pytest.approx(0.8, abs=0.15)
    assert identity.residuals["face mean"] < 0.3


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one red sentence of a command that does nothing else."""
    assert run(*arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_scan_that_cannot_be_read_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.obj").write_text("This is no mesh.")
    for path in (tmp_path / "none.obj", tmp_path, tmp_path / "text.obj"):
        assert str(path) in refused(capsys, path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--units", "furlong"], "furlong"),
        (["--name", "../me"], "'../me' cannot name"),
        (["--output", "nowhere/me.json"], "nowhere does not exist"),
        (["--output", "me.txt"], "does not end with .json"),
        (["--hair", "mohawk"], "mohawk"),
        (["--device", "abacus"], "abacus"),
        (["--landmarks", "nowhere.txt"], "nowhere.txt"),
    ],
)
def test_options_are_checked_before_the_work(
    scan: Path, own: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert said in refused(capsys, scan, *options)
    assert not list(own.glob("*"))


def test_what_is_no_face_is_said(tmp_path: Path, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = np.random.default_rng(0).normal(size=(3000, 3))
    np.save(tmp_path / "ball.npy", points / np.linalg.norm(points, axis=1, keepdims=True))
    assert run(tmp_path / "ball.npy") == 1
    assert "does not look like a face" in capsys.readouterr().err
    assert not list(own.glob("*"))
