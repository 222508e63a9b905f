"""Equally short trainings without one part each."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from facetalk.motion.denoiser import FilmNorm
from tests.training.tiny_motion import tiny_recipe, write_corpus, write_head
from training.motion_ablations import ABLATIONS, Ablation, main, prepare, train
from training.motion_corpus import MotionCorpus
from training.motion_recipe import MotionRecipe
from training.motion_training import MotionTraining

STEPS = 6


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_head(tmp_path_factory.mktemp("heads") / "head")


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> list[MotionCorpus]:
    folder = write_corpus(tmp_path_factory.mktemp("corpora"))
    return [MotionCorpus.load(folder), MotionCorpus.load(folder)]


def recipe() -> MotionRecipe:
    whole = tiny_recipe(expects=True, gestures=True)
    return replace(whole, training=replace(whole.training, gesture_steps=2, expectation_steps=3, shares=(0.4, 0.6)))


def film(training: MotionTraining) -> float:
    """The sum of all that FiLM layers add."""
    layers = [each for each in training.network.modules() if isinstance(each, FilmNorm)]
    assert layers
    return float(sum(each.film.weight.detach().abs().sum() for each in layers))


@pytest.mark.parametrize("ablation", ABLATIONS, ids=lambda each: each.name)
def test_every_variant_trains_and_goes_on(
    ablation: Ablation, corpora: list[MotionCorpus], head: Path, tmp_path: Path
) -> None:
    for steps in (STEPS // 2 + 1, STEPS):
        training = prepare(ablation, corpora, recipe(), head)
        train(training, tmp_path, steps)
    assert training.decoder_steps == STEPS
    before = {name: each.clone() for name, each in training.network.state_dict().items()}
    train(prepare(ablation, corpora, recipe(), head), tmp_path, STEPS)  # has its steps
    assert all(torch.equal(before[name], each) for name, each in training.network.state_dict().items())
    assert (film(training) > 0.0) == ablation.film
    assert len(training.corpora) == (ablation.corpora or 2)


def test_what_is_missing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--corpus", str(tmp_path / "none"), "--shares", "1", "--talkers", str(tmp_path), "--run", str(tmp_path)]
    assert main(told) == 1
    assert "none" in capsys.readouterr().err
