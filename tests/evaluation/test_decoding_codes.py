"""Codes that decoding is measured with: of a kind, and other ones for every seed."""

from collections.abc import Callable

import torch
from torch import Tensor

from facetalk import presets
from facetalk.evaluation.decoding_codes import mixed_expressions, random_expressions
from facetalk.head.head import Head
from facetalk.head.published_head import PublishedHead


def test_expressions_of_other_seeds_are_others(published: PublishedHead) -> None:
    head = Head.load(presets.preset(presets.HEAD), torch.device("cpu"))
    draws: list[Callable[[int], Tensor]] = [
        lambda seed: random_expressions(head, 12, seed),
        lambda seed: mixed_expressions(published, 12, seed),
    ]
    for draw in draws:
        assert torch.equal(draw(3), draw(3))
        assert not torch.equal(draw(3), draw(4))
        assert len(draw(3)) == 12


def test_random_expressions_are_weights_of_the_rig() -> None:
    head = Head.load(presets.preset(presets.HEAD), torch.device("cpu"))
    weights = torch.linalg.lstsq(head.rig_to_code().T, random_expressions(head, 30, seed=0).T).solution.T
    assert float(weights.min()) > -1e-3
    assert float(weights.max()) < 1.001
    assert bool(((weights > 1e-3).sum(dim=1) <= 6).all())


def test_mixtures_move_little_from_one_to_the_next(published: PublishedHead) -> None:
    mixed = mixed_expressions(published, 400, seed=0)
    steps = mixed.diff(dim=0).norm(dim=1)
    table = published.tables["expression"]
    assert float(steps.max()) < 0.5 * float(torch.cdist(table, table).max())
