"""Frames of a take that are sampled again, and poses that are held."""

import pytest
import torch
from torch import Tensor

from facetalk.errors import UserError
from facetalk.motion.denoiser import DenoiserConfig, MotionDenoiser
from facetalk.motion.range_edit import BORDER, edit_range
from facetalk.motion.sampling_settings import SamplingSettings
from facetalk.motion.takes import MotionModel
from facetalk.speech.feature_kind import FeatureKind

CODES, FEATURES = 6, 10


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def model() -> MotionModel:
    """An untrained network: it says anything."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MotionDenoiser(DenoiserConfig(CODES, FEATURES, width=16, layers=2, heads=2, time_width=8))
    settings = SamplingSettings(steps=3, guidance=2.0, window=40, context=5, look_ahead=4)
    controls = tuple(f"control{number}" for number in range(4))
    mean, deviation = drawn(CODES, seed=4), drawn(CODES, seed=5).abs() + 0.5
    return MotionModel(network, mean, deviation, controls, drawn(4, CODES), settings, FeatureKind("ears", 50, FEATURES))


def steps_of(codes: Tensor) -> Tensor:
    return codes.diff(dim=0).norm(dim=1)


def test_an_edit_keeps_all_other_frames_bit_equal(model: MotionModel) -> None:
    features = drawn(150, FEATURES)
    take = model.sample(features, seed=0)
    edited = edit_range(model, features, take, range(60, 90), seed=1)
    assert torch.equal(edited[:60], take[:60])
    assert torch.equal(edited[90:], take[90:])
    assert not torch.allclose(edited[65:85], take[65:85])
    assert torch.equal(edited, edit_range(model, features, take, range(60, 90), seed=1))


def test_an_edit_does_not_jump_at_its_borders(model: MotionModel) -> None:
    """Even where the take is far from what the model would say; the untrained network says anything."""
    features = drawn(150, FEATURES)
    take = model.sample(features, seed=0) + 20.0
    edited = edit_range(model, features, take, range(60, 90), seed=1)
    step = edited.diff(dim=0).norm(dim=1)
    assert step[59] < 2 * take.diff(dim=0).norm(dim=1).max()
    assert step[89] < 2 * take.diff(dim=0).norm(dim=1).max()


@pytest.mark.parametrize("edited", [range(5, 5), range(0, 51), range(-1, 20)])
def test_an_edit_outside_the_take_is_refused(model: MotionModel, edited: range) -> None:
    features = drawn(50, FEATURES)
    with pytest.raises(UserError, match="choose a range inside"):
        edit_range(model, features, model.sample(features, seed=0), edited, seed=1)


def test_a_whole_take_may_be_edited(model: MotionModel) -> None:
    features = drawn(50, FEATURES)
    take = model.sample(features, seed=0)
    assert not torch.allclose(edit_range(model, features, take, range(50), seed=1), take)


def test_poses_are_held_exactly_and_what_is_around_leads_to_them(model: MotionModel) -> None:
    features = drawn(150, FEATURES)
    take = model.sample(features, seed=0)
    far = 30.0 + drawn(2, CODES, seed=9)
    edited = edit_range(model, features, take, range(40, 110), seed=1, poses={60: far[0], 90: far[1]})
    assert torch.equal(edited[[60, 90]], far)
    assert torch.equal(edited[:40], take[:40])
    assert torch.equal(edited[110:], take[110:])
    free = edit_range(model, features, take, range(40, 110), seed=1)
    leap = steps_of(free).max() + 2.0 * far[0].norm() / BORDER
    assert steps_of(edited[57:64]).max() < leap
    assert steps_of(edited[87:94]).max() < leap


def test_poses_that_stand_together_are_held_together(model: MotionModel) -> None:
    features = drawn(120, FEATURES)
    take = model.sample(features, seed=0)
    pose = drawn(CODES, seed=9)
    edited = edit_range(model, features, take, range(20, 100), seed=1, poses=dict.fromkeys(range(50, 60), pose))
    assert torch.equal(edited[50:60], pose.expand(10, -1))


def test_a_pose_outside_the_range_is_refused(model: MotionModel) -> None:
    features = drawn(50, FEATURES)
    take = model.sample(features, seed=0)
    with pytest.raises(UserError, match="pose at frame 45 is not within the frames 10 to 40"):
        edit_range(model, features, take, range(10, 40), seed=1, poses={20: take[0], 45: take[0]})
