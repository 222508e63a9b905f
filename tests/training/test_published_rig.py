"""A published head of random weights learns to move as it is shown, and becomes one that motion training accepts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facetalk import presets
from facetalk.head.head import MILLIMETRES, Head
from facetalk.head.published_checkpoints import import_published_head
from facetalk.head.published_head import PublishedHead
from facetalk.motion.takes import MotionModel
from facetalk.topology.template import Template
from tests.head.tiny_published import tiny_model
from tests.training import tiny_motion
from training import published_rig
from training.data_parallel import Ranks
from training.motion_corpus import CodeSpace, MotionCorpus
from training.motion_export import export
from training.motion_training import MotionTraining
from training.published_rig import FaceMotions, errors, learn_rig, main, missed
from training.rig import RIG_CONTROLS

CPU = torch.device("cpu")
FAMILIES = pytest.mark.parametrize("family", ["nphm", "nphm-backward", "mononphm"])


def imported(family: str, folder: Path) -> Path:
    model = tiny_model(family)
    for groups in model.experiments.values():
        for arrays in groups.values():
            for key in arrays:
                if key.startswith("defDeepSDF.lin6."):
                    arrays[key] *= 0.1  # a published head's rest is nearly canonical
    released = model.write(folder / "files")
    import_published_head(released, folder / "files/anchors.npy", folder / "published")
    return folder / "published"


def shown(head: PublishedHead, rig_to_code: torch.Tensor) -> FaceMotions:
    """What the head itself does under a rig."""
    draw = np.random.default_rng(1)
    points = torch.from_numpy(draw.uniform(-0.2, 0.2, (40, 3))).float()
    weights = torch.from_numpy(draw.uniform(0, 0.3, (48, len(rig_to_code)))).float()
    prepared = head.prepare(points, torch.zeros(40, dtype=torch.long), head.identity("average"))
    rest, *posed = prepared.pose(torch.cat([torch.zeros(1, len(rig_to_code)), weights]) @ rig_to_code).points
    return FaceMotions(rest, weights, torch.stack(posed) - rest)


@FAMILIES
def test_motions_of_the_head_itself_leave_no_error(family: str, tmp_path: Path) -> None:
    head = PublishedHead.load(imported(family, tmp_path), CPU)
    rig_to_code = 0.2 * torch.randn(3, head.expression_size, generator=torch.Generator().manual_seed(0))
    motions, identity = shown(head, rig_to_code), head.identity("average")
    left = errors(head, identity, motions.points, motions.displacements, motions.weights @ rig_to_code)
    assert left.norm(dim=-1).mean() < 0.01 * motions.displacements.norm(dim=-1).mean()


@FAMILIES
def test_a_head_learns_a_rig_from_what_it_is_shown(family: str, tmp_path: Path) -> None:
    head = PublishedHead.load(imported(family, tmp_path), CPU)
    motions = shown(head, 0.2 * torch.randn(3, head.expression_size, generator=torch.Generator().manual_seed(0)))
    identity, generator = head.identity("average"), torch.Generator().manual_seed(1)
    learned = learn_rig(head, identity, motions, 150, generator)
    left, all_of_it = missed(head, identity, motions, learned)
    assert left < 0.3 * all_of_it


def test_motion_training_accepts_a_rigged_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_rig, "IDENTITY_STEPS", 2)
    monkeypatch.setattr(published_rig, "POINTS", 20)
    monkeypatch.setattr(published_rig, "POSES", 80)
    folder, output = imported("nphm-backward", tmp_path), tmp_path / "rigged"
    told = [str(folder), "--output", str(output), "--steps", "2", "--device", "cpu"]
    assert main(told) == 0
    assert (output / "LICENSE.txt").read_text() == (folder / "LICENSE.txt").read_text()
    head = PublishedHead.load(output, CPU)

    (tmp_path / "corpus").mkdir()
    tiny_motion.write_corpus(tmp_path / "corpus")
    recipe = tiny_motion.tiny_recipe()
    recipe = replace(recipe, sampling=replace(recipe.sampling, steps=2))
    corpora, space = [MotionCorpus.load(tmp_path / "corpus")], CodeSpace.load(output)
    assert space.rig_to_code.shape == (len(RIG_CONTROLS), head.expression_size)
    training = MotionTraining(corpora, space, recipe, Ranks(CPU), torch.float32)
    training.start()
    training.take_step()
    export(training, tmp_path / "motion", {})
    codes = MotionModel.load(tmp_path / "motion", CPU).sample(torch.zeros(70, tiny_motion.FEATURES), seed=0)
    points = head.prepare(torch.zeros(4, 3), torch.zeros(4, dtype=torch.long), head.identity("average"))
    assert points.pose(codes[:3]).points.shape == (3, 4, 3)

    assert main(told) == 1


def test_our_face_is_shown_where_it_moves() -> None:
    head = Head.load(presets.preset(presets.HEAD), CPU)
    template = Template.load(presets.preset(presets.TOPOLOGY))
    motions = published_rig.face_motions(head, template, np.random.default_rng(0))
    assert motions.displacements.shape == (published_rig.POSES, *motions.points.shape)
    assert len(motions.points) == published_rig.POINTS
    largest = motions.displacements.norm(dim=-1).amax(dim=0) * MILLIMETRES
    assert largest.min() > published_rig.MOVED
    assert largest.max() < 60
