"""The noise schedule: how much of the signal is left at each time of the diffusion.

A motion ``x0`` at diffusion time ``t`` in [0, 1] is ``signal_rate(t) * x0 + noise_rate(t) * noise``; 0 is the
clean motion, 1 pure noise. The rates are those of the cosine schedule (Nichol and Dhariwal, "Improved
Denoising Diffusion Probabilistic Models", 2021, eq. 17) in continuous time.
"""

import math

import torch
from torch import Tensor

OFFSET = 0.008  # eq. 17's s: keeps the first steps from adding next to no noise
LAST_TIME = 0.992  # of sampling and training: at 1 no signal is left and log(signal / noise) has no bound

_FIRST_ANGLE = OFFSET / (1 + OFFSET) * math.pi / 2


def signal_rate(time: Tensor) -> Tensor:
    """The factor of the clean motion at ``time`` (any shape, within [0, 1]); 1 at time 0."""
    return torch.cos(_angle(time) + _FIRST_ANGLE) / math.cos(_FIRST_ANGLE)


def noise_rate(time: Tensor) -> Tensor:
    """The factor of the unit noise at ``time``; 0 at time 0. Its square and the signal rate's add to 1."""
    # cos^2(first) - cos^2(angle + first) as a product of sines: 1 - signal^2 would cancel near time 0.
    product = torch.sin(_angle(time)) * torch.sin(_angle(time) + 2 * _FIRST_ANGLE)
    return product.clamp(min=0).sqrt() / math.cos(_FIRST_ANGLE)


def add_noise(clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """The motion at diffusion time ``time``.

    Args:
        clean: ``[B, T, E]``.
        noise: ``[B, T, E]``, unit normal.
        time: ``[B, T]``, every frame's own diffusion time.
    """
    return signal_rate(time)[..., None] * clean + noise_rate(time)[..., None] * noise


def sampling_times(steps: int, even: bool = False) -> Tensor:
    """The times a sampler visits, float64 ``[steps + 1]``: from ``LAST_TIME`` down to exactly 0.

    Unless they are to be ``even``, they lie closer at the noisy end (quadratically): rare events such as blinks are
    decided there, and a dozen even steps make them at half the rate of a hundred; lips come out the same either way.

    Raises:
        ValueError: fewer than one step.
    """
    if steps < 1:
        raise ValueError(f"a sampler needs at least one step, not {steps}")
    done = torch.linspace(0.0, 1.0, steps + 1, dtype=torch.float64)
    return LAST_TIME * (1 - (done if even else done.square()))


def _angle(time: Tensor) -> Tensor:
    return time * (math.pi / 2 / (1 + OFFSET))
