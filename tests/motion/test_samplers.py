from collections.abc import Callable
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from facetalk.errors import Cancelled
from facetalk.motion.samplers import (
    SAMPLERS,
    FreshNoise,
    KnownFrames,
    SamplerName,
    SamplingStep,
    ddim,
    dpm_solver_2m,
    sample,
)
from facetalk.motion.schedule import LAST_TIME, noise_rate, signal_rate

Sampler = Callable[..., Tensor]
BOTH = pytest.mark.parametrize("sampler", [ddim, dpm_solver_2m])
UNTYPED: Any = diffusers
MEAN, DEVIATION = 0.7, 0.5  # of the analytic data


def exact_denoiser(noisy: Tensor, time: Tensor) -> Tensor:
    """The posterior mean of Gaussian data, in closed form."""
    signal, noise = signal_rate(time)[..., None], noise_rate(time)[..., None]
    gain = DEVIATION**2 * signal / (DEVIATION**2 * signal**2 + noise**2)
    return MEAN + gain * (noisy - signal * MEAN)


def wavering_denoiser(noisy: Tensor, time: Tensor) -> Tensor:
    """Not linear, and not the same at any two times."""
    return torch.tanh(1.3 * noisy + 2 * time[..., None]) - 0.2 * noisy


def unit_noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def even_times(steps: int) -> Tensor:
    return torch.linspace(LAST_TIME, 0, steps + 1, dtype=torch.float64)


def exact_answer(noise: Tensor, start: float) -> Tensor:
    """Where the probability flow leads Gaussian data: its standardised value never changes."""
    signal, sigma = signal_rate(torch.tensor(start).double()), noise_rate(torch.tensor(start).double())
    deviation = (DEVIATION**2 * signal**2 + sigma**2) ** 0.5
    return MEAN + DEVIATION * (noise - signal * MEAN) / deviation


@BOTH
def test_samplers_follow_the_exact_path_of_gaussian_data(sampler: Sampler) -> None:
    noise = unit_noise(1, 400, 5)
    errors = []
    for steps in (10, 20, 160):
        times = even_times(steps)
        answer = sampler(exact_denoiser, noise, times)
        errors.append((answer - exact_answer(noise, float(times[0]))).abs().max().item())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02


def test_second_order_pays() -> None:
    noise, times = unit_noise(1, 400, 5), even_times(12)
    truth = exact_answer(noise, float(times[0]))
    first = (ddim(exact_denoiser, noise, times) - truth).square().mean()
    second = (dpm_solver_2m(exact_denoiser, noise, times) - truth).square().mean()
    assert second < first / 4


def test_ancestral_sampling_has_the_data_s_spread() -> None:
    answer = ddim(
        exact_denoiser,
        unit_noise(1, 2000, 5),
        even_times(400),
        eta=1.0,
        fresh=lambda step: unit_noise(1, 2000, 5, seed=step + 1),
    )
    assert answer.mean().item() == pytest.approx(MEAN, abs=0.02)
    assert answer.std().item() == pytest.approx(DEVIATION, rel=0.03)


TABLE = range(900, -1, -100)  # rows of a table of 1000 steps; row k is the time (k + 1) / 1000


def table_times() -> Tensor:
    return torch.tensor([(row + 1) / 1000 for row in TABLE] + [0.0], dtype=torch.float64)


def table_betas() -> list[float]:
    kept = signal_rate(torch.arange(1001, dtype=torch.float64) / 1000) ** 2
    betas: list[float] = (1 - kept[1:].clamp(min=1e-9) / kept[:-1]).tolist()
    return betas


def steps_of(sampler: Sampler, noise: Tensor, **options: object) -> list[Tensor]:
    """The noisy motions a sampler asks about, and its answer."""
    seen = []

    def watched(noisy: Tensor, time: Tensor) -> Tensor:
        seen.append(noisy)
        return wavering_denoiser(noisy, time)

    answer = sampler(watched, noise, table_times(), **options)
    return [*seen, answer]


def steps_of_diffusers(step: Callable[..., Any], noise: Tensor, **options: object) -> list[Tensor]:
    noisy, seen = noise, [noise]
    for row in TABLE:
        time = torch.full(noise.shape[:2], (row + 1) / 1000, dtype=torch.float64)
        noisy = step(wavering_denoiser(noisy, time), row, noisy, **options).prev_sample
        seen.append(noisy)
    return seen


def drawn_anew(noise: Tensor) -> FreshNoise:
    """The noise that a generator of diffusers would draw."""
    generator = torch.Generator().manual_seed(7)
    return lambda step: torch.randn(noise.shape, generator=generator, dtype=noise.dtype)


def assert_same_steps(ours: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(ours) == len(theirs) == len(TABLE) + 1
    for our, their in zip(ours, theirs, strict=True):
        assert torch.allclose(our, their, atol=2e-4)


def test_dpm_solver_agrees_with_diffusers_step_by_step() -> None:
    scheduler = UNTYPED.DPMSolverMultistepScheduler(
        trained_betas=table_betas(),
        prediction_type="sample",
        algorithm_type="dpmsolver++",
        solver_order=2,
        final_sigmas_type="zero",
    )
    scheduler.set_timesteps(timesteps=list(TABLE))
    noise = unit_noise(2, 30, 4)
    assert_same_steps(steps_of(dpm_solver_2m, noise), steps_of_diffusers(scheduler.step, noise))


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_agrees_with_diffusers_step_by_step(eta: float) -> None:
    scheduler = UNTYPED.DDIMScheduler(trained_betas=table_betas(), prediction_type="sample", clip_sample=False)
    scheduler.set_timesteps(len(TABLE))
    assert scheduler.timesteps.tolist() == list(TABLE)
    noise = unit_noise(2, 30, 4)
    ours = steps_of(ddim, noise, eta=eta, fresh=drawn_anew(noise))
    theirs = steps_of_diffusers(scheduler.step, noise, eta=eta, generator=torch.Generator().manual_seed(7))
    assert_same_steps(ours, theirs)


def test_ancestral_sampling_agrees_with_the_ddpm_of_diffusers_step_by_step() -> None:
    scheduler = UNTYPED.DDPMScheduler(trained_betas=table_betas(), prediction_type="sample", clip_sample=False)
    scheduler.set_timesteps(timesteps=list(TABLE))
    noise = unit_noise(2, 30, 4)
    ours = steps_of(ddim, noise, eta=1.0, fresh=drawn_anew(noise))
    assert_same_steps(ours, steps_of_diffusers(scheduler.step, noise, generator=torch.Generator().manual_seed(7)))


def test_noise_to_add_must_come_from_somewhere() -> None:
    with pytest.raises(ValueError, match="where it comes from"):
        ddim(exact_denoiser, unit_noise(1, 4, 2), even_times(3), eta=0.5)


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_go_by_their_names(name: SamplerName) -> None:
    noise, fresh = unit_noise(1, 2000, 5), lambda step: unit_noise(1, 2000, 5, seed=step + 1)
    answer = sample(name, exact_denoiser, noise, 60, fresh=fresh)
    assert answer.mean().item() == pytest.approx(MEAN, abs=0.03)
    assert answer.std().item() == pytest.approx(DEVIATION, rel=0.1)
    assert torch.equal(answer, sample(name, exact_denoiser, noise, 60, fresh=fresh))
    silent = sample(name, exact_denoiser, noise, 60, fresh=lambda step: torch.zeros_like(noise))
    assert torch.equal(answer, silent) == (name != "ddpm")


@BOTH
def test_known_frames_come_out_bit_equal_and_are_shown_clean(sampler: Sampler) -> None:
    noise = unit_noise(2, 30, 4)
    known = KnownFrames(unit_noise(2, 30, 4, seed=1), torch.zeros(2, 30, dtype=torch.bool))
    known.mask[0, :7] = True
    known.mask[1, 12:20] = True

    def watched(noisy: Tensor, time: Tensor) -> Tensor:
        assert torch.equal(noisy[known.mask], known.codes[known.mask])
        assert (time[known.mask] == 0).all()
        assert (time[~known.mask] > 0).all()
        return wavering_denoiser(noisy, time)

    answer = sampler(watched, noise, even_times(5), known=known)
    assert torch.equal(answer[known.mask], known.codes[known.mask])
    assert torch.equal(answer[~known.mask], sampler(wavering_denoiser, noise, even_times(5))[~known.mask])


@BOTH
def test_callback_gets_every_step_and_can_stop(sampler: Sampler) -> None:
    done = []

    def watch(step: SamplingStep) -> None:
        assert step.steps == 8
        assert step.denoised.shape == (1, 6, 2)
        done.append(step.done)
        if step.done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        sampler(wavering_denoiser, unit_noise(1, 6, 2), even_times(8), callback=watch)
    assert done == [1, 2, 3]
