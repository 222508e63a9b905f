"""Gestures of the lips are heard by themselves, and say which answers the expectation is made of."""

import pytest
import torch

from facetalk.motion.denoiser import DenoiserConfig, MotionDenoiser
from facetalk.motion.guidance import GuidedDenoiser
from facetalk.motion.lip_gestures import GESTURES
from tests.motion.test_denoiser import CODES, FEATURES, denoiser, drawn


def test_gestures_are_heard_in_what_is_near() -> None:
    network, features = denoiser(True, gesture_width=8), drawn(1, 40, FEATURES).requires_grad_()
    likely = network.hear_gestures(features)
    assert likely is not None
    assert likely.shape == (1, 40, len(GESTURES))
    assert 0 < likely.min() < likely.max() < 1
    likely[0, 20].sum().backward()
    assert features.grad is not None
    reach = 2 + 2 + 2 + 2  # two convolutions of its ears, one of its own, and the smoothing, over 5 frames each
    assert features.grad[0].abs().sum(-1).nonzero().flatten().tolist() == list(range(20 - reach, 21 + reach))


def test_gestures_come_and_go_as_lips_move() -> None:
    network, features = denoiser(True, gesture_width=8), drawn(1, 40, FEATURES)
    assert network.gestures is not None
    sharp, smooth = network.gestures(features).sigmoid(), network.hear_gestures(features)
    assert smooth is not None
    middle = (sharp[:, :-4] + 4 * sharp[:, 1:-3] + 6 * sharp[:, 2:-2] + 4 * sharp[:, 3:-1] + sharp[:, 4:]) / 16
    assert torch.allclose(smooth[:, 2:-2], middle, atol=1e-6)
    # Before it all is as it begins.
    assert torch.allclose(smooth[:, 0], (11 * sharp[:, 0] + 4 * sharp[:, 1] + sharp[:, 2]) / 16, atol=1e-6)


@pytest.mark.parametrize(("expects", "width"), [(True, 0), (False, 8)])
def test_without_an_expectation_to_tell_gestures_are_not_heard(expects: bool, width: int) -> None:
    network = MotionDenoiser(DenoiserConfig(CODES, FEATURES, width=16, expects=expects, gesture_width=width))
    assert network.hear_gestures(drawn(1, 9, FEATURES)) is None


def test_what_is_expected_goes_from_one_answer_to_the_other_as_lips_shut() -> None:
    network, heard = denoiser(True, gesture_width=8), drawn(1, 9, 16)
    none, shut = torch.zeros(1, 9, 4), torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(1, 9, 4)
    apart, half, whole = (network.expect(heard, gestures=each) for each in (none, shut / 2, shut))
    assert apart is not None
    assert half is not None
    assert whole is not None
    assert torch.allclose(half, (apart + whole) / 2, atol=1e-5)
    assert (whole - apart).abs().min() > 0
    unheard = network.expect(heard)
    assert unheard is not None
    assert torch.equal(apart, unheard)


def test_takes_follow_gestures() -> None:
    network, noisy, heard = denoiser(True, gesture_width=8), drawn(1, 20, CODES), drawn(1, 20, 16)
    told = torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(1, 20, 4)
    time = torch.full((1, 20), 0.6)
    apart, shut = (GuidedDenoiser(network, heard, 1.0, gestures=each)(noisy, time) for each in (None, told))
    assert not torch.allclose(apart, shut)
