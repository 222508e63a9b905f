import json
from pathlib import Path
from typing import Any

import pytest

from facetalk.errors import UserError
from facetalk.motion.style import STYLE_SIZE
from facetalk.presets import presets_folder
from training.motion_recipe import MotionRecipe


def test_the_paper_s_preset_is_the_paper_s_configuration() -> None:
    paper = MotionRecipe.load("facetalk-paper")
    assert (paper.rate, paper.training.window, paper.sampling.window) == (24, 48, 48)
    assert (paper.sampling.sampler, paper.sampling.steps) == ("ddpm", 1000)
    assert (paper.denoiser.causal, paper.denoiser.expects, paper.denoiser.alignment_half_width) == (True, False, 0)
    training = paper.training
    assert (training.velocity, training.measures, training.energy_power) == (0, 0, 0)
    assert (training.audio_dropout, training.peak_rate, training.weight_decay) == (0.25, 1e-4, 0)
    assert training.scale[0] < 1 < training.scale[1]
    assert paper.denoiser_config(54, 768).style_size == 0


def test_the_embedded_model_s_preset_knows_styles() -> None:
    config = MotionRecipe.load("facetalk-speech").denoiser_config(54, 768)
    assert (config.code_size, config.feature_size, config.style_size) == (54, 768, STYLE_SIZE)


def test_a_preset_may_be_a_file_of_one_s_own(tmp_path: Path) -> None:
    entries = embedded()
    entries["training"]["shares"] = [2, 1.5]
    own = tmp_path / "own.json"
    own.write_text(json.dumps(entries))
    recipe = MotionRecipe.load(str(own))
    assert recipe.name == "own"
    assert recipe.training.shares == (2, 1.5)


def test_a_preset_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="'facetalk-papers': choose one of facetalk-paper, facetalk-speech"):
        MotionRecipe.load("facetalk-papers")
    with pytest.raises(UserError, match=r"nothing\.json cannot be opened"):
        MotionRecipe.load("nothing.json")


def embedded() -> dict[str, Any]:
    return dict(json.loads((presets_folder() / "trainings/facetalk-speech.json").read_text()))


@pytest.mark.parametrize(
    ("part", "entry", "value"),
    [
        ("denoiser", "width", "wide"),
        ("denoiser", "causal", 1),
        ("denoiser", "style_size", 3),
        ("sampling", "sampler", "euler"),
        ("sampling", "steps", 12.5),
        ("training", "scale", [1.0]),
        ("training", "scale", ["a", "b"]),
        ("training", "minutes", None),
        ("training", "hours", 3),
        (None, "rate", True),
        (None, "training", []),
        (None, "colour", "red"),
    ],
)
def test_entries_that_cannot_be_used_are_named(part: str | None, entry: str, value: object, tmp_path: Path) -> None:
    entries = embedded()
    (entries if part is None else entries[part])[entry] = value
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(entries))
    with pytest.raises(UserError, match=rf"wrong\.json lacks (the entry '{entry}'|a part)"):
        MotionRecipe.load(str(path))


@pytest.mark.parametrize("part", ["denoiser", "sampling", "training"])
def test_entries_that_are_missing_are_named(part: str, tmp_path: Path) -> None:
    entries = embedded()
    gone = sorted(entries[part])[0]
    del entries[part][gone]
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(entries))
    with pytest.raises(UserError, match=f"lacks the entry '{gone}'"):
        MotionRecipe.load(str(path))
    path.write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        MotionRecipe.load(str(path))
