import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facetalk.bundle import read_bundle
from facetalk.errors import UserError
from facetalk.head.head import Head
from facetalk.topology.template import Template
from tests.training.ball_heads import GROWTH, BallHeads, ball_distance, ball_layout, ball_sculptures
from training.expression_samples import HARD_POSES, VIEWS, harden
from training.expression_stage import ExpressionStage
from training.head_training_settings import STAGES, HeadTrainingSettings
from training.rig import RIG_CONTROLS
from training.shape_samples import SampleCounts, draw_shape_samples
from training.train_head import HeadTraining
from training.training_heads import BOX

TINY = HeadTrainingSettings(
    identities=12,
    held_out=3,
    steps=350,
    learning_rate=1e-2,
    skin_samples=SampleCounts(1500, 300),
    part_samples=SampleCounts(300, 100),
    warp_points=256,
    warp_identities=4,
    shape_points=512,
    expression_points=128,
    expressions_per_case=4,
    anchors=6,
    shape_anchors=10,
    warp_hidden=24,
    shape_hidden=32,
    expression_hidden=16,
)


def ball_training(folder: Path, settings: HeadTrainingSettings = TINY) -> HeadTraining:
    heads = BallHeads()
    return HeadTraining(heads, ball_layout(heads), ball_sculptures, folder, settings, torch.device("cpu"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> HeadTraining:
    training = ball_training(tmp_path_factory.mktemp("run"))
    for stage in STAGES:
        training.train(stage)
    return training


@pytest.fixture(scope="module")
def head(trained: HeadTraining, tmp_path_factory: pytest.TempPathFactory) -> Head:
    folder = tmp_path_factory.mktemp("bundle") / "head"
    trained.export(folder, notice="MIT")
    return Head.load(folder, torch.device("cpu"))


def last_line(folder: Path) -> dict[str, float]:
    line: dict[str, float] = json.loads((folder / "log.jsonl").read_text().splitlines()[-1])
    return line


def test_samples_are_signed_distances(trained: HeadTraining, tmp_path: Path) -> None:
    samples = draw_shape_samples(tmp_path / "s.safetensors", trained.surfaces()[:1], [SampleCounts(800, 100)], BOX)
    # The "ball" is a polyhedron: its faces lie up to a few per cent inside the sphere.
    assert np.abs(samples.distance - ball_distance(samples.points.astype(np.float64), "skin")).max() < 0.04
    assert samples.distance.min() < -0.001 < 0.05 < samples.distance.max()


@pytest.mark.parametrize(("stage", "figure"), [("warp", "held_out_mm"), ("expression", "held_out_mm")])
def test_deformations_are_learned(trained: HeadTraining, stage: str, figure: str) -> None:
    untrained = ball_training(trained.folder / "fresh").stage(stage).report()[figure]
    assert last_line(trained.folder / stage)[figure] < 0.65 * untrained


def test_shapes_are_learned(trained: HeadTraining) -> None:
    untrained = ball_training(trained.folder / "fresh").stage("shape").report()["held_out_mm"]
    # A fresh field answers next to nothing, which near a surface is not far off.
    assert last_line(trained.folder / "shape")["held_out_mm"] < 0.6 * untrained


def test_hair_is_where_it_was_sculpted(trained: HeadTraining, head: Head) -> None:
    code = head.with_hair(head.identity("average"), "long")
    surface = torch.from_numpy(trained.sculptures.hair["long"].vertices).float()
    with torch.no_grad():
        assert head.signed_distance(surface, code)[:, -1].abs().max() < 0.004


def test_a_head_is_posed_once_for_several_choices_of_points(trained: HeadTraining) -> None:
    stage = trained.stage("expression")
    assert isinstance(stage, ExpressionStage)
    cases = stage.cases
    first, second, another = (cases.train(number) for number in (0, 1, VIEWS))
    assert torch.equal(first.expressions, second.expressions)
    assert not torch.equal(first.points, second.points)
    assert not torch.equal(first.expressions, another.expressions)
    assert torch.equal(cases.train(1).points, second.points)


def test_hard_poses_are_full_blinks_and_rolled_lips() -> None:
    weights = np.zeros((4000, len(RIG_CONTROLS)))
    harden(weights, np.random.default_rng(0))
    for name, least, share in HARD_POSES:
        drawn = weights[:, RIG_CONTROLS.index(name if name in RIG_CONTROLS else f"{name}_L")]
        assert abs((drawn > 0.0).mean() - share) < 0.02
        assert drawn[drawn > 0.0].min() >= 0.85 * least


def test_a_run_resumes_where_it_stopped(trained: HeadTraining) -> None:
    again = ball_training(trained.folder)
    run = again.run("warp")
    assert run.step == last_line(trained.folder / "warp")["step"]
    assert run.finished(minutes=1.0)
    for name, value in trained.identity_field.warp.state_dict().items():
        assert torch.equal(value, again.identity_field.warp.state_dict()[name])


def test_two_ends_of_a_descent_may_be_averaged(trained: HeadTraining, tmp_path: Path) -> None:
    mine = ball_training(tmp_path)
    first = {name: weights.detach().clone() for name, weights in mine.expression_field.named_parameters()}
    mine.take_mean_with(trained.folder)
    other = dict(trained.expression_field.named_parameters())
    for name, weights in mine.expression_field.named_parameters():
        torch.testing.assert_close(weights, (first[name] + other[name]) / 2)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    with pytest.raises(UserError, match="holds no checkpoint of an expression field"):
        mine.take_mean_with(tmp_path / "nowhere")


@pytest.fixture(scope="module")
def published(trained: HeadTraining, tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("published") / "head"
    trained.export(bundle, notice="MIT")
    return bundle


def test_a_run_may_begin_with_a_published_head(published: Path, tmp_path: Path) -> None:
    training = ball_training(tmp_path / "run")
    assert not training.take_up()
    training.begin_from(published)
    assert training.take_up()  # nothing of it must be trained
    training.export(tmp_path / "again", notice="MIT")
    before, after = (read_bundle(folder, "head").tensors for folder in (published, tmp_path / "again"))
    for name, weights in before.items():
        torch.testing.assert_close(after[name], weights, rtol=0.0, atol=1e-4)
    record = json.loads((tmp_path / "again" / "manifest.json").read_text())["training"]["begun_from"]
    assert record["sha256"] == json.loads((published / "manifest.json").read_text())["sha256"]
    assert set(record["training"]["log"]) == set(STAGES)


def test_a_stage_that_goes_on_from_a_published_head_has_a_clock_of_its_own(published: Path, tmp_path: Path) -> None:
    steps = 3
    training = ball_training(tmp_path / "run", replace(TINY, steps=steps, learning_rate=1e-3))
    training.begin_from(published)
    training.train("expression")
    assert training.run("expression").step == steps
    resumed = ball_training(tmp_path / "run", training.settings)
    resumed.begin_from(published)
    assert resumed.take_up()
    resumed.export(tmp_path / "on", notice="MIT")
    before, after = (read_bundle(folder, "head").tensors for folder in (published, tmp_path / "on"))
    changed = {name.split(".")[0] for name, weights in before.items() if not torch.equal(after[name], weights)}
    assert "expression_field" in changed
    assert "identity_field" not in changed
    assert resumed.stage("expression").report()["held_out_mm"] == pytest.approx(
        last_line(tmp_path / "run" / "expression")["held_out_mm"]
    )


def test_a_run_begins_with_no_head_of_other_sizes(published: Path, tmp_path: Path) -> None:
    wider = ball_training(tmp_path, replace(TINY, expression_hidden=24))
    with pytest.raises(UserError, match="holds a head whose sizes are not those of this run"):
        wider.begin_from(published)


def test_what_was_never_trained_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no checkpoint of warp, shape, expression"):
        ball_training(tmp_path).export(tmp_path / "head", notice="MIT")


def test_the_bundle_is_the_network(trained: HeadTraining, head: Head) -> None:
    points = 0.4 * (torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) - 0.5)
    code = head.with_hair(head.identity("average"), "long")
    with torch.no_grad():
        expected = trained.identity_field(points, code[: head.shape_size], code[head.shape_size :])
    # Weights are stored in half precision.
    assert (head.signed_distance(points, code) - expected).abs().max() < 0.004
    assert head.landmarks(code).shape == (4, 3)


def test_an_identity_is_the_mean_head_carried_along(head: Head) -> None:
    grown = torch.zeros(head.identity_size)
    grown[0] = 1.0
    points = torch.tensor([[0.0, 0.0, 0.1], [0.0, 0.3, -0.2], [0.3, 0.0, -0.2]])  # on the skin's ball
    skin = torch.zeros(3, dtype=torch.long)
    carried = head.carry(points, skin, grown)
    assert (carried - (1.0 + GROWTH) * points).abs().max() < 0.004
    on_mean = head.signed_distance(points, head.identity("average"))[:, 0]
    assert (head.signed_distance(carried, grown)[:, 0] - on_mean).abs().max() < 0.004


def test_distances_have_gradients_to_point_and_code(head: Head) -> None:
    points = torch.tensor([[0.0, 0.0, 0.12]], requires_grad=True)
    code = torch.zeros(head.identity_size, requires_grad=True)
    head.signed_distance(points, code)[0, 0].backward()
    assert points.grad is not None
    assert code.grad is not None
    assert points.grad[0, 2] > 0.5  # outwards
    assert code.grad[0] < 0.0  # a larger ball is nearer


def test_hair_is_part_of_the_identity(head: Head) -> None:
    point = torch.tensor([[0.0, 0.36, -0.2]])  # inside the long hair, outside the short
    bald = head.identity("average")
    distances = {style: head.signed_distance(point, head.with_hair(bald, style))[0, -1] for style in head.hair_styles}
    assert distances["long"] < 0.0 < distances["short"]
    assert head.signed_distance(point, bald)[0, -1] > 0.05
    assert head.hair_style(bald) is None
    assert head.hair_style(head.with_hair(bald, "short")) == "short"
    with pytest.raises(UserError, match="no hair style"):
        head.with_hair(bald, "mohawk")


def test_the_head_names_what_is_missing_in_a_bundle(trained: HeadTraining, tmp_path: Path) -> None:
    trained.export(tmp_path / "head", notice="MIT")
    with pytest.raises(UserError, match="choose another"):
        Template.load(tmp_path / "head")
