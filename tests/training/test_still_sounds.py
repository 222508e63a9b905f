"""Sounds to which faces rest."""

from pathlib import Path

import numpy as np
import pytest

from facetalk.clip import SAMPLE_RATE
from tests.training.fake_voices import LoudnessEncoder
from training.corpus_writer import write_corpus
from training.motion_corpus import MotionCorpus
from training.rig import RIG_CONTROLS
from training.still_sounds import SOUNDS, SOURCES, main, still_lines
from training.upper_face import FRAME_RATE

LINES = 10


def test_every_kind_sounds_while_the_mouth_rests_and_eyes_blink() -> None:
    lines = list(still_lines(LINES, seed=0))
    assert {line.entry["name"].split("-")[0] for line in lines} == set(SOUNDS)
    assert {line.entry["recorded"] for line in lines} == {True, False}
    blinks = 0.0
    for line in lines:
        assert len(line.samples) == len(line.weights) * SAMPLE_RATE // FRAME_RATE
        assert 0.001 < np.abs(line.samples).max() <= 1.0
        assert line.weights[:, RIG_CONTROLS.index("jawOpen")].max() < 0.05
        blinks = max(blinks, line.weights[:, RIG_CONTROLS.index("eyeBlink_L")].max())
    assert blinks > 0.5


def test_they_are_a_corpus_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_corpus(tmp_path / "corpus", still_lines(2, seed=1), LoudnessEncoder(), SOURCES)
    corpus = MotionCorpus.load(tmp_path / "corpus")
    assert [line.held_out for line in corpus.utterances] == [False, False]
    assert main(["--output", str(tmp_path / "corpus")]) == 1
    assert "already holds a corpus" in capsys.readouterr().err
