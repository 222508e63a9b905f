"""Samplers: pure functions that lead noise to a motion through a denoiser.

A sampler knows neither speech nor networks. It asks a ``Denoiser`` for the clean motion behind a noisy one
and walks along the times it is given (``schedule.sampling_times``).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, get_args

import torch
from torch import Tensor

from facetalk.motion.schedule import noise_rate, sampling_times, signal_rate


class Denoiser(Protocol):
    """What the samplers ask."""

    def __call__(self, noisy: Tensor, time: Tensor) -> Tensor:
        """The clean motion ``[B, T, E]`` behind ``noisy`` ``[B, T, E]`` at its frames' times ``[B, T]``."""


@dataclass(frozen=True)
class KnownFrames:
    """Frames that must come out exactly as they went in.

    Attributes:
        codes: ``[B, T, E]``; only what ``mask`` marks is read.
        mask: ``[B, T]`` bool, true where the frame is known.
    """

    codes: Tensor
    mask: Tensor


class SamplingStep(NamedTuple):
    """What a callback gets after every step; a callback that raises stops the sampler."""

    done: int  # steps taken
    steps: int
    denoised: Tensor  # [B, T, E], the present guess of the clean motion


StepCallback = Callable[[SamplingStep], None]
FreshNoise = Callable[[int], Tensor]
"""The unit normal noise ``[B, T, E]`` that is added after a step, counted from 0."""

SamplerName = Literal["dpm-solver++", "ddim", "ddpm"]
SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)


def sample(
    name: SamplerName,
    denoiser: Denoiser,
    noise: Tensor,
    steps: int,
    *,
    fresh: FreshNoise,
    known: KnownFrames | None = None,
    callback: StepCallback | None = None,
) -> Tensor:
    """Lead noise to a motion with a sampler and the times that suit it.

    Args:
        name: ``dpm-solver++``, in a dozen steps; ``ddim``; or ``ddpm`` (Ho, Jain and Abbeel, "Denoising Diffusion
            Probabilistic Models", 2020): DDIM's ancestral case at even times.
        denoiser: predicts the clean motion.
        noise: ``[B, T, E]``, unit normal.
        steps: at least 1.
        fresh: the noise that ``ddpm`` adds.
        known: frames to keep.
        callback: called after every step.

    Returns:
        The clean motion ``[B, T, E]``.
    """
    times = sampling_times(steps, even=name == "ddpm")
    if name == "dpm-solver++":
        return dpm_solver_2m(denoiser, noise, times, known=known, callback=callback)
    eta = 1.0 if name == "ddpm" else 0.0
    return ddim(denoiser, noise, times, known=known, callback=callback, eta=eta, fresh=fresh)


def ddim(
    denoiser: Denoiser,
    noise: Tensor,
    times: Tensor,
    *,
    known: KnownFrames | None = None,
    callback: StepCallback | None = None,
    eta: float = 0.0,
    fresh: FreshNoise | None = None,
) -> Tensor:
    """Song, Meng and Ermon, "Denoising Diffusion Implicit Models" (2021), eq. 12 and 16.

    Args:
        denoiser: predicts the clean motion.
        noise: ``[B, T, E]``, unit normal; the motion at ``times[0]``.
        times: float64 ``[steps + 1]``, falling, the last one 0.
        known: frames to keep; the denoiser sees them clean, at time 0.
        callback: called after every step.
        eta: 0 follows the deterministic path, 1 is the ancestral sampler of DDPM.
        fresh: the noise that ``eta`` > 0 adds.

    Returns:
        The clean motion ``[B, T, E]``; bit-equal to ``known`` where that is given.

    Raises:
        ValueError: noise is to be added, and there is none.
    """
    if eta > 0 and fresh is None:
        raise ValueError(f"eta {eta} adds noise: say where it comes from")
    signal, sigma = _rates(times)
    noisy = _keep(noise, known)
    for step in range(len(times) - 1):
        denoised = _keep(denoiser(noisy, _frame_times(noisy, times[step], known)), known)
        direction = (noisy - signal[step] * denoised) / sigma[step]
        added = eta * _ancestral_deviation(signal, sigma, step)
        noisy = signal[step + 1] * denoised + (sigma[step + 1] ** 2 - added**2) ** 0.5 * direction
        if added > 0 and fresh is not None:
            noisy = noisy + added * fresh(step)
        noisy = _keep(noisy, known)
        _report(callback, step, times, denoised)
    return noisy


def dpm_solver_2m(
    denoiser: Denoiser,
    noise: Tensor,
    times: Tensor,
    *,
    known: KnownFrames | None = None,
    callback: StepCallback | None = None,
) -> Tensor:
    """DPM-Solver++(2M): Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling" (2022), algorithm 2.

    The last step, to time 0, is of first order: there it is exactly the denoiser's answer.

    Args:
        denoiser: predicts the clean motion.
        noise: ``[B, T, E]``, unit normal; the motion at ``times[0]``.
        times: float64 ``[steps + 1]``, falling, the last one 0.
        known: frames to keep; the denoiser sees them clean, at time 0.
        callback: called after every step.

    Returns:
        The clean motion ``[B, T, E]``; bit-equal to ``known`` where that is given.
    """
    signal, sigma = _rates(times)
    half_log_snr = (torch.log(times.new_tensor(signal)) - torch.log(times.new_tensor(sigma))).tolist()
    noisy = _keep(noise, known)
    before: Tensor | None = None
    for step in range(len(times) - 1):
        denoised = _keep(denoiser(noisy, _frame_times(noisy, times[step], known)), known)
        stride = half_log_snr[step + 1] - half_log_snr[step]
        target = denoised
        if before is not None and sigma[step + 1] > 0:
            ratio = (half_log_snr[step] - half_log_snr[step - 1]) / stride
            target = denoised + (denoised - before) / (2 * ratio)
        kept = sigma[step + 1] / sigma[step]
        noisy = _keep(kept * noisy + (signal[step + 1] - kept * signal[step]) * target, known)
        before = denoised
        _report(callback, step, times, denoised)
    return noisy


def _rates(times: Tensor) -> tuple[list[float], list[float]]:
    return signal_rate(times).tolist(), noise_rate(times).tolist()


def _keep(motion: Tensor, known: KnownFrames | None) -> Tensor:
    return motion if known is None else torch.where(known.mask[..., None], known.codes, motion)


def _frame_times(motion: Tensor, time: Tensor, known: KnownFrames | None) -> Tensor:
    filled = motion.new_full(motion.shape[:2], float(time))
    return filled if known is None else filled.masked_fill(known.mask, 0.0)


def _ancestral_deviation(signal: list[float], sigma: list[float], step: int) -> float:
    """Eq. 16 with eta = 1: the noise that DDPM's posterior adds between two times."""
    shrink = 1 - (signal[step] / signal[step + 1]) ** 2
    return sigma[step + 1] / sigma[step] * math.sqrt(shrink)


def _report(callback: StepCallback | None, step: int, times: Tensor, denoised: Tensor) -> None:
    if callback is not None:
        callback(SamplingStep(step + 1, len(times) - 1, denoised))
