"""Giving a regression the spread back that it loses: a mouth that hedges between two phones moves less than either.

What a regression cannot know it leaves at the mean. Of all answers with the truth's mean and covariance, the nearest to
the truth is the regression's, carried over by optimal transport (Freirich, Michaeli and Meir, "A theory of the
distortion-perception tradeoff in Wasserstein space", 2021). Between normal distributions that is one symmetric matrix;
its greatest gains are where next to nothing is known, and are limited.
"""

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
def restore(expectation: Expectation, answers: Tensor, true: Tensor, counted: Tensor, most: float) -> None:
    """Have each answer of an expectation carried over to the true codes of the frames that are its own.

    One that has hardly any stays as it is.

    Args:
        expectation: its last layer is changed in place.
        answers: what it answers in N frames, ``[N, K, E]``, see `Expectation.answer`.
        true: ``[N, E]``.
        counted: how far each answer is a frame's own, ``[N, K]``.
        most: as of `restoring_gain`.
    """
    last = expectation.leave[-1]
    assert isinstance(last, nn.Linear)
    weights = last.weight.unflatten(0, (expectation.answers, -1)).clone()
    biases = last.bias.unflatten(0, (expectation.answers, -1)).clone()
    for place, share in enumerate(counted.T):
        if share.sum() <= true.shape[1]:  # no covariance to speak of
            continue
        gain = restoring_gain(answers[:, place], true, most, share)
        regressed_mean, true_mean = (_mean(each, share) for each in (answers[:, place], true))
        weights[place] = gain @ weights[place]
        biases[place] = (biases[place] - regressed_mean) @ gain + true_mean
    last.weight.copy_(weights.flatten(0, 1))
    last.bias.copy_(biases.flatten())


def _mean(rows: Tensor, counted: Tensor) -> Tensor:
    return (counted[:, None] * rows).sum(dim=0) / counted.sum()


def _power(symmetric: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(symmetric)
    floor = LEAST * float(values.max())
    return (vectors * values.clamp(min=floor) ** exponent) @ vectors.T
