"""Recordings that no training has heard, for evaluation to judge by."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from facetalk.capture.landmarks import TrackedLandmarks
from facetalk.evaluation.report import read_recordings
from training import held_out_recordings
from training.held_out_recordings import CURVE_POINTS, EYE_CORNERS, main, tracked_curves
from training.tracked_face import TrackedFace
from training.tracked_recordings import Recordings

FRAMES, FPS = 20, 25.0
WIDTHS = (3.0, 20.0, 5.0, 4.0)  # pixels, one for each curve


def tracked(name: str) -> TrackedLandmarks:
    """Eyes 60 pixels apart; the lips open frame by frame, and the fourth frame shows no face."""
    index = tuple(dict.fromkeys(number for pair in (*CURVE_POINTS, EYE_CORNERS) for number in pair))
    points = np.zeros((FRAMES, len(index), 3), np.float32)
    for pair, width in zip((*CURVE_POINTS, EYE_CORNERS), (*WIDTHS, 60.0), strict=True):
        points[:, index.index(pair[1]), 0] = width
        points[:, index.index(pair[1]), 2] = 9.0  # depth does not count
    points[:, index.index(14), 0] += np.arange(FRAMES)
    points[3] = -1000.0
    seen = np.arange(FRAMES) != 3
    return TrackedLandmarks(name, np.arange(FRAMES) / FPS, points, seen, index)


def test_curves_are_distances_over_the_eyes_and_go_on_where_no_face_was_seen() -> None:
    curves = tracked_curves(tracked("line"))
    expected = np.tile(np.array(WIDTHS), (FRAMES, 1))
    expected[:, 0] += np.arange(FRAMES)
    np.testing.assert_allclose(curves, expected / 60.0, rtol=1e-5)


def test_evaluation_reads_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["one", "two", "three"]
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 12800)).astype(np.float32)
    face = TrackedFace(np.zeros((3, FRAMES, 1)))
    recordings = Recordings(sound, face, [tracked(name) for name in names], FPS, [(0.0, 0.8)] * 3, names, names)
    monkeypatch.setattr(held_out_recordings, "load_recordings", lambda folder: recordings)
    assert main(["--data", str(tmp_path), "--output", str(tmp_path / "out"), "--count", "2"]) == 0
    found = read_recordings(tmp_path / "out")
    assert sorted(each.path.stem for each in found) == ["three", "two"]
    assert all(each.fps == FPS for each in found)
    heard, _ = soundfile.read(tmp_path / "out" / "two.flac")
    np.testing.assert_allclose(heard, sound[1], atol=1e-4)


def test_more_than_is_held_out_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "--output", str(tmp_path / "out"), "--count", "101"]) == 1
    assert "choose 1 to 100" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
