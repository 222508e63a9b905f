import pytest
import torch

from facetalk.motion.schedule import LAST_TIME, add_noise, noise_rate, sampling_times, signal_rate


def test_rates_are_the_legs_of_a_unit_triangle() -> None:
    time = torch.linspace(0, 1, 101, dtype=torch.float64)
    assert torch.allclose(signal_rate(time) ** 2 + noise_rate(time) ** 2, torch.ones_like(time), atol=1e-12)
    assert (signal_rate(time).diff() < 0).all()


def test_time_zero_is_clean_even_in_float32() -> None:
    clean, noise = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    assert torch.allclose(add_noise(clean, noise, torch.zeros(2, 5)), clean, atol=0, rtol=1e-6)
    assert noise_rate(torch.zeros(())) == 0


@pytest.mark.parametrize("even", [False, True])
def test_sampling_times_fall_to_exactly_zero(even: bool) -> None:
    times = sampling_times(12, even)
    assert len(times) == 13
    assert times[0] == LAST_TIME
    assert times[-1] == 0
    assert (times.diff() < 0).all()
    bend = times.diff(n=2)  # closest where blinks are decided
    assert (bend.abs() < 1e-12).all() if even else (bend < 0).all()
