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


def restoring_gain(regressed: Tensor, true: Tensor, most: float) -> Tensor:
    """The symmetric matrix ``[E, E]`` by which regressed codes move about their mean.

    Args:
        regressed: ``[N, E]``, of the same frames as ``true``.
        true: ``[N, E]``.
        most: no direction gains more than this, and none less than 1.
    """
    narrow, wide = (torch.cov(each.double().T) for each in (regressed, true))
    root, inverse = _power(narrow, 0.5), _power(narrow, -0.5)
    transport = inverse @ _power(root @ wide @ root, 0.5) @ inverse
    gains, directions = torch.linalg.eigh(transport)
    return ((directions * gains.clamp(1.0, most)) @ directions.T).to(regressed.dtype)


@torch.no_grad()
def restore(expectation: Expectation, regressed: Tensor, true: Tensor, most: float) -> None:
    """Have a regression's last layer give what it gave, carried over; arguments as of `restoring_gain`."""
    gain = restoring_gain(regressed, true, most)
    last = expectation.leave[-1]
    assert isinstance(last, nn.Linear)
    weights = gain @ last.weight.unflatten(0, (expectation.answers, -1))
    biases = last.bias.unflatten(0, (expectation.answers, -1)) @ gain
    # What contact adds moves with the rest; the mean is that of the whole.
    biases[0] += true.mean(dim=0) - regressed.mean(dim=0) @ gain
    last.weight.copy_(weights.flatten(0, 1))
    last.bias.copy_(biases.flatten())


def _power(symmetric: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(symmetric)
    floor = LEAST * float(values.max())
    return (vectors * values.clamp(min=floor) ** exponent) @ vectors.T
