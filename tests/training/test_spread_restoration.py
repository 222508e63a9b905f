"""A regression that hedges gets its spread back."""

import pytest
import torch
from torch import Tensor

from facetalk.motion.expectation import Expectation
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


@pytest.mark.parametrize(("told", "answers"), [(False, [0]), (True, [0, 2]), (True, [3])])
def test_answers_are_carried_over_to_the_frames_that_count(told: bool, answers: list[int]) -> None:
    _, true = hedged()
    draw = torch.Generator().manual_seed(1)
    expectation = Expectation(SIZE, 16, 3, style_size=0, told_of_gestures=told)
    heard, counted = torch.randn(1, COUNT, 16, generator=draw), torch.rand(COUNT, generator=draw)
    before = expectation.answer(heard)[0].detach()
    regressed = before[:, answers].mean(dim=1)
    restore(expectation, answers, regressed, true, counted, most=1.5)
    after = expectation.answer(heard)[0].detach()
    gain = restoring_gain(regressed, true, 1.5, counted)
    narrow, wide = ((counted[:, None] * each).sum(0) / counted.sum() for each in (regressed, true))
    for answer in range(before.shape[1]):
        expected = (before[:, answer] - narrow) @ gain + wide if answer in answers else before[:, answer]
        assert torch.allclose(after[:, answer], expected, atol=1e-4)


def test_what_hardly_any_frame_shows_stays_as_it_is() -> None:
    regressed, true = hedged()
    expectation = Expectation(SIZE, 16, 3, style_size=0, told_of_gestures=True)
    before = [each.clone() for each in expectation.parameters()]
    restore(expectation, [2], regressed, true, torch.zeros(COUNT), most=1.5)
    assert all(map(torch.equal, before, expectation.parameters()))
