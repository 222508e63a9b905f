import json
from pathlib import Path

import numpy as np
import pytest
import torch

from facetalk.head.head import Head
from facetalk.topology.template import Template
from tests.training.ball_heads import BallHeads, ball_distance, ball_layout
from training.head_samples import SampleCounts, load_samples
from training.train_head import HeadTraining, HeadTrainingSettings

TINY = HeadTrainingSettings(
    identities=3,
    held_out=1,
    samples=SampleCounts(skin=1500, small_part=300, empty=300),
    steps=120,
    identities_per_step=2,
    points_per_identity=256,
    expressions_per_identity=6,
    workers=1,
    identity_hidden=24,
    expression_hidden=32,
)


def ball_training(folder: Path, settings: HeadTrainingSettings = TINY) -> HeadTraining:
    return HeadTraining(BallHeads, ball_layout(BallHeads()), folder, settings, torch.device("cpu"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> HeadTraining:
    training = ball_training(tmp_path_factory.mktemp("run"))
    training.train_expression()
    training.train_identity()
    return training


def last_line(folder: Path) -> dict[str, float]:
    line: dict[str, float] = json.loads((folder / "log.jsonl").read_text().splitlines()[-1])
    return line


def test_samples_are_signed_distances(trained: HeadTraining) -> None:
    samples = load_samples(trained.folder / "samples/identity-0000.safetensors")
    points, distances = samples["points"], samples["distances"]
    known = ~np.isnan(distances[:, 0])
    # The "ball" is a polyhedron: its faces lie up to a few per cent inside the sphere.
    assert np.abs(distances[known, 0] - ball_distance(points[known], "skin")).max() < 0.04
    assert distances[known, 0].min() < -0.001


def test_both_stages_learn(trained: HeadTraining) -> None:
    untrained = 125.0  # mm: a fresh field answers 0.5 head units everywhere
    assert last_line(trained.folder / "identity")["train_mm"] < 0.3 * untrained
    expression = last_line(trained.folder / "expression")["held_out_mm"]
    still = ball_training(trained.folder / "fresh")
    unmoved = still.displacement_error()["held_out_mm"]
    assert expression < 0.6 * unmoved


def test_a_run_resumes_where_it_stopped(trained: HeadTraining) -> None:
    again = ball_training(trained.folder)
    run = again.run("identity")
    assert run.step == last_line(trained.folder / "identity")["step"]
    for name, value in trained.identity_field.state_dict().items():
        assert torch.equal(value, again.identity_field.state_dict()[name])


def test_the_bundle_is_the_network(trained: HeadTraining, tmp_path: Path) -> None:
    trained.export(tmp_path / "head", notice="MIT")
    head = Head.load(tmp_path / "head", torch.device("cpu"))
    points = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    code = head.identity("average")
    with torch.no_grad():
        expected = trained.identity_field(points[None], code[None])[0]
    # Weights are stored in half precision.
    assert (head.signed_distance(points, code) - expected).abs().max() < 0.01
    assert head.landmarks(code).shape == (4, 3)


def test_the_head_names_what_is_missing_in_a_bundle(trained: HeadTraining, tmp_path: Path) -> None:
    from facetalk.errors import UserError

    trained.export(tmp_path / "head", notice="MIT")
    with pytest.raises(UserError, match="choose another"):
        Template.load(tmp_path / "head")
