"""What the benchmark of takes says of codes whose answers are known."""

import numpy as np
import pytest
import torch

from facetalk.clip import SAMPLE_RATE, Clip
from facetalk.evaluation.motion_bench import jerk_at, looped


def test_jerk_is_as_at_the_borders_as_elsewhere_where_nothing_jumps() -> None:
    codes = torch.randn(4000, 5, generator=torch.Generator().manual_seed(0)).cumsum(dim=0)
    assert jerk_at(codes, list(range(50, 4000, 100))) == pytest.approx(1.0, abs=0.1)


def test_jerk_tells_a_jump() -> None:
    codes = torch.randn(4000, 5, generator=torch.Generator().manual_seed(0)).cumsum(dim=0)
    codes[2000:] += 50.0
    assert jerk_at(codes, [2000]) > 5.0
    assert jerk_at(codes, [1000]) < 1.5


def test_a_clip_is_repeated_and_cut() -> None:
    clip = Clip(np.arange(SAMPLE_RATE, dtype=np.float32))
    long = looped(clip, 2.5)
    assert long.seconds == 2.5
    assert np.array_equal(long.samples[SAMPLE_RATE:], np.resize(clip.samples, round(1.5 * SAMPLE_RATE)))
