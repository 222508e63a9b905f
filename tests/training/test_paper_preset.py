"""The paper's configuration from a corpus to a take, with a wav2vec2 of random weights."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facetalk import presets
from facetalk.animate import Animator
from facetalk.clip import SAMPLE_RATE, Clip
from facetalk.errors import UserError
from facetalk.speech.wav2vec2_encoder import FRAME_RATE, Wav2Vec2Encoder
from facetalk.take import TakeSettings
from tests.speech.tiny_wav2vec2 import write_wav2vec2
from tests.training import tiny_motion
from training.corpus_writer import Recorded, write_corpus
from training.rig import RIG_CONTROLS
from training.train_motion import main

SECONDS = 4.0


def noise(seconds: float, seed: int) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(seed).normal(size=round(seconds * SAMPLE_RATE))).astype(np.float32)


def recorded(number: int, split: str) -> Recorded:
    weights = np.random.default_rng(number).uniform(0.0, 0.3, (math.ceil(SECONDS * 50), len(RIG_CONTROLS)))
    return Recorded(noise(SECONDS, number), weights, {"name": f"line{number}", "voice": "ada", "split": split})


def quick_preset(folder: Path) -> Path:
    """The paper's preset with a network, steps and batches for seconds."""
    entries = json.loads((presets.presets_folder() / "trainings/facetalk-paper.json").read_text())
    entries["denoiser"] |= {"width": 16, "layers": 1}
    entries["sampling"]["steps"] = 4
    entries["training"] |= {"minutes": 0.02, "batch": 2}
    path = folder / "quick-paper.json"
    path.write_text(json.dumps(entries))
    return path


@pytest.fixture
def own_presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of presets with the embedded head and topology, to which a user adds an encoder and a motion model."""
    folder = tmp_path / "presets"
    for kind in ("heads", "topologies", "identities", "trainings"):
        folder.mkdir(exist_ok=True)
        (folder / kind).symlink_to(presets.presets_folder().resolve() / kind)
    write_wav2vec2(folder / "speech/tiny-wav2vec2")
    monkeypatch.setenv("FACETALK_PRESETS", str(folder))
    return folder


def test_from_a_corpus_to_a_take_at_24_codes_per_second(own_presets: Path, tmp_path: Path) -> None:
    encoder = Wav2Vec2Encoder.load(own_presets / "speech/tiny-wav2vec2", torch.device("cpu"))
    lines = [recorded(number, split) for number, split in enumerate(["train", "train", "held_out"])]
    write_corpus(tmp_path / "corpus", iter(lines), encoder, ["Made by this test, CC0."])
    command = [
        *("--preset", quick_preset(tmp_path), "--corpus", tmp_path / "corpus", "--head", presets.preset(presets.HEAD)),
        *("--run", tmp_path / "run", "--output", own_presets / presets.MOTION, "--device", "cpu"),
    ]
    assert main(list(map(str, command))) == 0
    manifest = json.loads((own_presets / presets.MOTION / "manifest.json").read_text())
    assert manifest["config"]["speech"]["encoder"] == "tiny-wav2vec2"
    assert manifest["training"]["preset"] == "quick-paper"

    animator = Animator.load("cpu")
    assert animator.styles() == ()
    clip = Clip(noise(5.0, 9))
    codes = animator.codes(clip, TakeSettings(seed=1))
    assert codes.shape == (5 * FRAME_RATE, animator.head.expression_size)
    assert torch.equal(codes, animator.codes(clip, TakeSettings(seed=1)))
    frames = list(animator.frames(Clip(noise(1.0, 9)), TakeSettings(fps=30.0)))
    assert sum(len(batch.vertices) for batch in frames) == 30

    (own_presets / "speech/tiny-wav2vec2").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="hears with tiny-wav2vec2, which does not come with FaceTalk: put its folder"):
        Animator.load("cpu")


def test_a_corpus_of_another_rate_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "corpus").mkdir()
    tiny_motion.write_corpus(tmp_path / "corpus")
    head = tiny_motion.write_head(tmp_path / "head")
    told = ["--corpus", tmp_path / "corpus", "--head", head, "--output", tmp_path / "out", "--run", tmp_path / "run"]
    assert main([*map(str, told), "--preset", "facetalk-paper"]) == 1
    assert "ears at 50 per second, but facetalk-paper needs 24" in caplog.text
