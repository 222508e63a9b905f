"""How far codes are off: in themselves, in what moves, and in what is looked at first."""

import torch
from torch import Tensor

from training.motion_corpus import CodeSpace, CorpusStatistics
from training.motion_recipe import TrainingSettings


def motion_loss(
    error: Tensor,
    present: Tensor,
    known: Tensor | None,
    settings: TrainingSettings,
    statistics: CorpusStatistics,
    space: CodeSpace,
) -> Tensor:
    """Squared errors of codes, velocity and measures, over the frames that are present and not known.

    Known frames are what they are: their error is none. The velocity to and from them counts, so that what is
    sampled continues what is known.

    Args:
        error: of normalised codes ``[B, T, E]``.
        present: bool ``[B, T]``.
        known: bool ``[B, T]``; ``None``: none.
        settings: the weights.
        statistics: of the normalisation, on the device of ``error``.
        space: the codes'.
    """
    known = torch.zeros_like(present) if known is None else known
    error = error.masked_fill(known[..., None], 0.0)
    energy = statistics.code_deviation**settings.energy_power
    error_of_codes = error * (energy / energy.mean()).sqrt()
    to_measures = statistics.code_deviation[:, None] * space.code_to_measures.to(error.device)
    error_of_measures = error @ (to_measures / statistics.measure_deviation)
    counted = present & ~known
    pairs = present[:, 1:] & present[:, :-1] & (counted[:, 1:] | counted[:, :-1])
    moving = _mean_square(error_of_codes.diff(dim=1), pairs)
    moving = moving + settings.measures * _mean_square(error_of_measures.diff(dim=1), pairs)
    still = _mean_square(error_of_codes, counted) + settings.measures * _mean_square(error_of_measures, counted)
    return still + settings.velocity * moving


def _mean_square(error: Tensor, counted: Tensor) -> Tensor:
    """Mean over the ``counted`` frames ``[B, T]`` of the squared ``error`` ``[B, T, C]``, averaged over C."""
    return (error.square().mean(-1) * counted).sum() / counted.sum().clamp(min=1)
