"""A regression that hedges gets its spread back."""

import pytest
import torch
from torch import Tensor

from facetalk.motion.expectation import Expectation
from facetalk.motion.lip_gestures import GESTURES
from training.spread_restoration import restore, restoring_gain

COUNT, SIZE = 4000, 6


def hedged() -> tuple[Tensor, Tensor]:
    """True codes [COUNT, SIZE], and what a regression knows of them: less and less from the first to the last."""
    generator = torch.Generator().manual_seed(0)
    causes, noise = torch.randn(2, COUNT, SIZE, generator=generator)
    codes = torch.randn(SIZE, SIZE, generator=generator)
    known = torch.linspace(0.95, 0.4, SIZE)
    return known * (known * causes + (1 - known**2).sqrt() * noise) @ codes, causes @ codes


def test_the_true_covariance_is_reached_where_no_limit_is_set() -> None:
    regressed, true = hedged()
    carried = regressed @ restoring_gain(regressed, true, most=1e3)
    assert torch.cov(regressed.T).trace() < 0.7 * torch.cov(true.T).trace()
    assert torch.allclose(torch.cov(carried.T), torch.cov(true.T), atol=0.02 * float(torch.cov(true.T).trace()))


def test_no_direction_gains_more_than_the_limit() -> None:
    regressed, true = hedged()
    gains = torch.linalg.eigvalsh(restoring_gain(regressed, true, most=1.3))
    assert gains.min() > 0.999
    assert gains.max() < 1.301
    assert torch.allclose(restoring_gain(regressed, true, most=1.0), torch.eye(SIZE), atol=1e-5)


@pytest.mark.parametrize("told", [False, True])
def test_every_answer_is_carried_over_to_the_frames_that_are_its_own(told: bool) -> None:
    _, true = hedged()
    draw = torch.Generator().manual_seed(1)
    expectation = Expectation(SIZE, 16, 3, style_size=0, told_of_gestures=told)
    heard = torch.randn(1, COUNT, 16, generator=draw)
    before = expectation.answer(heard)[0].detach()
    counted = torch.rand(COUNT, 1 + len(GESTURES) if told else 1, generator=draw)
    restore(expectation, before, true, counted, most=1.5)
    after = expectation.answer(heard)[0].detach()
    for place, share in enumerate(counted.T):
        gain = restoring_gain(before[:, place], true, 1.5, share)
        means = [(share[:, None] * each).sum(0) / share.sum() for each in (before[:, place], true, after[:, place])]
        assert torch.allclose(means[2], means[1], atol=1e-3)
        assert torch.allclose(after[:, place] - means[2], (before[:, place] - means[0]) @ gain, atol=1e-3)
    assert (after[:, 0] - after[:, -1]).abs().max() > 0.0 or not told
