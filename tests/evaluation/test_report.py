"""Generated takes against recordings, and the curves we hand to others."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from rich.console import Console

from facetalk.clip import SAMPLE_RATE, Clip, load_clip
from facetalk.errors import UserError
from facetalk.evaluation import measures
from facetalk.evaluation.curves import generated_curves, sound_files, write_curves
from facetalk.evaluation.report import TalkerScores, evaluate_talkers, read_recordings, report_table, summary_lines
from facetalk.take import FrameBatch, TakeSettings
from facetalk.topology.template import FaceMesh
from tests.evaluation.bare_face import bare_face

SECONDS = 3.0
LANDMARKS = {
    name: index
    for index, name in enumerate(
        [
            "inner_lip_upper",
            "inner_lip_lower",
            "mouth_corner_left",
            "mouth_corner_right",
            "upper_lid_left",
            "lower_lid_left",
            "upper_lid_right",
            "lower_lid_right",
            "outer_eye_left",
            "outer_eye_right",
        ]
    )
}

GROUPS = {
    "lip_upper": [0],
    "lip_lower": [1],
    "brows": [8],
    "lid_upper_left": [4],
    "lid_lower_left": [5],
    "lid_upper_right": [6],
    "lid_lower_right": [7],
}


class LoudMouth:
    """Ten points for a face that opens its mouth when it is loud; each seed a little wider."""

    def mesh(self, identity: str) -> FaceMesh:
        return bare_face(LANDMARKS, GROUPS)

    def frames(
        self, clip: Clip, settings: TakeSettings, progress: Callable[[str, float], None] | None = None
    ) -> Iterator[FrameBatch]:
        assert settings.fps == measures.CURVE_RATE
        opening = measures.loudness(clip.samples, SAMPLE_RATE) * (1 + 0.1 * settings.seed)
        vertices = np.zeros((len(opening), len(LANDMARKS), 3), np.float32)
        vertices[:, LANDMARKS["inner_lip_lower"], 2] = -opening
        vertices[:, LANDMARKS["mouth_corner_left"], 0] = 0.5
        for side in ("left", "right"):
            vertices[:, LANDMARKS[f"upper_lid_{side}"], 2] = 0.1
        vertices[:, LANDMARKS["outer_eye_left"], 0] = 1.0
        for first in range(0, len(opening), 32):
            yield FrameBatch(first, vertices[first : first + 32])


def quiet(stage: str, fraction: float) -> None:
    assert 0.0 <= fraction <= 1.0


def babble(seed: int) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    time = np.arange(int(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    envelope = np.maximum(0, np.sin(2 * np.pi * 1.7 * time + seed))
    return np.asarray(envelope * random.normal(0, 0.1, len(time)))


@pytest.fixture
def talkers(tmp_path: Path) -> Path:
    """Three recordings whose lips move as ``LoudMouth`` does, seen by a camera of 25 fps."""
    folder = tmp_path / "talkers"
    folder.mkdir()
    recorded: dict[str, NDArray[np.float32]] = {}
    for seed, name in enumerate(["ann", "bob", "cay"]):
        soundfile.write(folder / f"{name}.flac", babble(seed), SAMPLE_RATE)
        curves = generated_curves(LoudMouth(), load_clip(folder / f"{name}.flac"))
        recorded |= {name: curves[::2], f"{name}@fps": np.array(25, np.float32)}
    np.savez(folder / "curves.npz", **recorded)
    return folder


def test_who_moves_as_recorded_gets_full_marks(talkers: Path) -> None:
    scores = evaluate_talkers(LoudMouth(), read_recordings(talkers), 2, quiet, TakeSettings())
    assert [talker.name for talker in scores] == ["ann", "bob", "cay"]
    for talker in scores:
        assert len(talker.takes) == 2
        for take in talker.takes:
            assert take.height.at_zero > 0.98
            assert take.height.lag == 0.0
            assert take.height_in_speech > 0.98
            assert take.closures is not None
            assert take.closures.recall > 0.95
            assert np.isnan(take.width.at_zero)  # its width never moves
        assert talker.loudness.height.at_zero > 0.98
        assert talker.loudness.closures is None
        assert 0.0 < talker.variation[measures.LIP_HEIGHT] < 0.2
        lips, upper_face = talker.spread
        assert lips > 0.0
        assert upper_face == 0.0  # only the mouth is wider in another seed


def table_rows(scores: list[TalkerScores]) -> dict[str, list[str]]:
    text = io.StringIO()
    Console(width=80, file=text).print(report_table(scores))
    lines = (re.split(r"\s*[│┃]\s*", line)[1:-1] for line in text.getvalue().splitlines())
    return {cells[0]: cells[1:] for cells in lines if cells}


def test_the_table_shows_takes_their_mean_and_the_baseline(talkers: Path) -> None:
    scores = evaluate_talkers(LoudMouth(), read_recordings(talkers), 2, quiet, TakeSettings())
    rows = table_rows(scores)
    medians = ["all: a take", "all: mean of takes", "all: loudness"]
    assert [name for name in rows if name] == ["recording", "ann", "bob", "cay", *medians]
    assert rows["all: a take"][0] == f"{np.median([talker.takes[0].height.at_zero for talker in scores]):.2f}"
    assert rows["all: mean of takes"][0] == f"{np.median([talker.mean.height.at_zero for talker in scores]):.2f}"
    assert rows["all: loudness"][3:6] == ["-", "-", "-"]
    assert all("…" not in cell for cells in rows.values() for cell in cells)
    assert "over 2 takes" in summary_lines(scores)[0]


def test_recordings_of_one_kind_have_a_median_of_their_own(talkers: Path) -> None:
    scores = evaluate_talkers(LoudMouth(), read_recordings(talkers), 1, quiet, TakeSettings())
    named = [replace(each, name=name) for each, name in zip(scores, ["far_1", "near1_1", "near2_1"], strict=True)]
    rows = table_rows(named)
    expected = np.median([each.mean.height_in_speech for each in scores[1:]])
    assert rows["near: mean of takes"][1] == f"{expected:.2f}"
    assert not any(name.startswith("near") for name in table_rows(named[1:]) if ":" in name)


def test_curves_are_written_under_the_files_names(talkers: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    write_curves(LoudMouth(), sound_files(talkers), out, quiet)
    with np.load(out, allow_pickle=False) as curves:
        assert set(curves.files) == {"ann.flac", "bob.flac", "cay.flac", "fps"}
        assert curves["fps"] == 50
        assert curves["ann.flac"].shape == (150, 4)
        assert curves["ann.flac"].dtype == np.float32
        expected = measures.loudness(load_clip(talkers / "ann.flac").samples, SAMPLE_RATE)
        np.testing.assert_allclose(curves["ann.flac"][:, measures.LIP_HEIGHT], expected, rtol=1e-5)
        np.testing.assert_allclose(curves["ann.flac"][:, measures.LEFT_EYE], 0.1, rtol=1e-5)


def test_one_bad_recording_is_named_before_the_work(talkers: Path) -> None:
    (talkers / "dan.wav").write_bytes(b"no sound")
    with pytest.raises(UserError, match=r"dan\.wav is damaged"):
        sound_files(talkers)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no sound files"):
        read_recordings(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        read_recordings(tmp_path / "gone")


def test_recordings_without_curves_are_refused(talkers: Path) -> None:
    soundfile.write(talkers / "eve.wav", babble(4), SAMPLE_RATE)
    with pytest.raises(UserError, match="has nothing named eve"):
        read_recordings(talkers)
    (talkers / "curves.npz").write_bytes(b"no archive")
    with pytest.raises(UserError, match="is damaged"):
        read_recordings(talkers)
    (talkers / "curves.npz").unlink()
    with pytest.raises(UserError, match="does not exist"):
        read_recordings(talkers)
