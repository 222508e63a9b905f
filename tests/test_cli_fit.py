"""``facetalk fit`` from landmarks to a take, with the embedded models, and what it says of input it cannot use."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from facetalk import cli
from facetalk.capture.captured_take import CapturedTake
from facetalk.errors import UserError
from tests.capture.known_speaker import camera_times, seen_by_camera


@pytest.fixture
def landmarks(tmp_path: Path) -> Path:
    seen = seen_by_camera(camera_times(seconds=1.0))
    path = tmp_path / "tracked.npz"
    np.savez(
        path,
        landmarks=(seen.points[None] * 16).round().astype(np.int16),
        scale=np.float32(1 / 16),
        index=np.array(seen.index),
        fps=np.float32(25),
        missing=np.int16(-16384),
        names=np.array(["line"]),
    )
    return path


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(cli.app, ["fit", *map(str, arguments)], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_landmarks_become_a_take(landmarks: Path) -> None:
    printed = run(landmarks)
    take = CapturedTake.load(landmarks.with_suffix(".safetensors"))
    assert take.codes.shape == (50, 61)
    assert take.source == "tracked.npz"
    assert "lips" in printed
    assert "Lip height r" in printed


def test_what_cannot_be_used_is_said_before_the_models_load(
    landmarks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(device: str) -> None:
        raise AssertionError(f"models were loaded on {device}")

    monkeypatch.setattr("facetalk.cli_fit.load_animator", never)
    (tmp_path / "text.mp4").write_text("no video")
    for arguments, reason in (
        ((landmarks, "--clip", "other"), "has no recording named other"),
        ((tmp_path / "none.mp4",), "does not exist"),
        ((tmp_path / "text.mp4",), "not a video"),
        ((landmarks, "--blend", tmp_path / "take.mp4"), r"does not end with \.blend"),
    ):
        with pytest.raises(UserError, match=reason):
            run(*arguments)
