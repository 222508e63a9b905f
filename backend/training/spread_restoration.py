"""Giving a regression the spread back that it loses: a mouth that hedges between two phones moves less than either.

What a regression cannot know it leaves at the mean. Of all answers with the truth's mean and covariance, the nearest to
the truth is the regression's, carried over by optimal transport (Freirich, Michaeli and Meir, "A theory of the
distortion-perception tradeoff in Wasserstein space", 2021). Between normal distributions that is one symmetric matrix;
its greatest gains are where next to nothing is known, and are limited.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from facetalk.motion.expectation import Expectation

LEAST = 1e-6  # of a variance, over the greatest: less is rounding


def restoring_gain(regressed: Tensor, true: Tensor, most: float, counted: Tensor | None = None) -> Tensor:
    """The symmetric matrix ``[E, E]`` by which regressed codes move about their mean.

    Args:
        regressed: ``[N, E]``, of the same frames as ``true``.
        true: ``[N, E]``.
        most: no direction gains more than this, and none less than 1.
        counted: ``[N]``, how much each frame counts; ``None``: all alike.
    """
    weights = None if counted is None else counted.double()
    narrow, wide = (torch.cov(each.double().T, aweights=weights) for each in (regressed, true))
    root, inverse = _power(narrow, 0.5), _power(narrow, -0.5)
    transport = inverse @ _power(root @ wide @ root, 0.5) @ inverse
    gains, directions = torch.linalg.eigh(transport)
    return ((directions * gains.clamp(1.0, most)) @ directions.T).to(regressed.dtype)


@torch.no_grad()
def restore(
    expectation: Expectation, answers: Sequence[int], regressed: Tensor, true: Tensor, counted: Tensor, most: float
) -> None:
    """Have some answers of an expectation carried over to true codes; where hardly any frame counts they stay.

    Args:
        expectation: its last layer is changed in place.
        answers: which, see `Expectation.answer`.
        regressed: what is to be carried over, ``[N, E]``.
        true: ``[N, E]``.
        counted: how much each frame counts, ``[N]``.
        most: as of `restoring_gain`.
    """
    if counted.sum() <= true.shape[1]:  # no covariance to speak of
        return
    last = expectation.leave[-1]
    assert isinstance(last, nn.Linear)
    gain = restoring_gain(regressed, true, most, counted)
    regressed_mean, true_mean = _mean(regressed, counted), _mean(true, counted)
    size = true.shape[1]
    for answer in answers:
        rows = slice(answer * size, (answer + 1) * size)
        last.weight[rows] = gain @ last.weight[rows]
        last.bias[rows] = (last.bias[rows] - regressed_mean) @ gain + true_mean


def _mean(rows: Tensor, counted: Tensor) -> Tensor:
    return (counted[:, None] * rows).sum(dim=0) / counted.sum()


def _power(symmetric: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(symmetric)
    floor = LEAST * float(values.max())
    return (vectors * values.clamp(min=floor) ** exponent) @ vectors.T
