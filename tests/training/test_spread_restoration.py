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


@pytest.mark.parametrize("told", [False, True])
def test_an_expectation_gives_what_it_gave_carried_over(told: bool) -> None:
    regressed, true = hedged()
    draw = torch.Generator().manual_seed(1)
    expectation = Expectation(SIZE, 16, 3, style_size=0, told_of_contact=told)
    heard, contact = torch.randn(1, 50, 16, generator=draw), torch.rand(1, 50, 2, generator=draw)
    before = expectation(heard, contact=contact).detach()
    assert torch.equal(before, expectation(heard)) is not told
    restore(expectation, regressed, true, most=1.5)
    gain = restoring_gain(regressed, true, most=1.5)
    expected = true.mean(dim=0) + (before - regressed.mean(dim=0)) @ gain
    assert torch.allclose(expectation(heard, contact=contact), expected, atol=1e-4)
