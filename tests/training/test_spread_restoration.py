"""A regression that hedges gets its spread back."""

import torch
from torch import Tensor, nn

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


def test_a_layer_gives_what_it_gave_carried_over() -> None:
    regressed, true = hedged()
    layer, hidden = nn.Linear(SIZE, SIZE), torch.randn(50, SIZE)
    before = layer(hidden).detach()
    restore(layer, regressed, true, most=1.5)
    gain = restoring_gain(regressed, true, most=1.5)
    expected = true.mean(dim=0) + (before - regressed.mean(dim=0)) @ gain
    assert torch.allclose(layer(hidden), expected, atol=1e-4)
