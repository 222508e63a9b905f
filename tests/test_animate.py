import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from facetalk.animate import Animator, _FrameClock
from facetalk.clip import SAMPLE_RATE, Clip
from facetalk.errors import Cancelled, UserError
from facetalk.take import TakeSettings


def speech_like(seconds: float) -> Clip:
    """Syllables of noise and buzz: enough for the models to move the face."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    buzz = sum(np.sin(2 * math.pi * 120 * harmonic * time) / harmonic for harmonic in range(1, 20))
    loudness = np.clip(np.sin(2 * math.pi * 2.5 * time), 0.0, None)
    return Clip((0.1 * buzz * loudness).astype(np.float32))


@pytest.fixture(scope="module")
def animator() -> Animator:
    return Animator.load("cpu")


def clocked(codes: torch.Tensor, count: int, fps: float, cuts: list[int], rate: int) -> torch.Tensor:
    clock = _FrameClock(count, fps, rate)
    parts = [clock.codes_of(chunk, last=False) for chunk in torch.tensor_split(codes, cuts) if len(chunk)]
    return torch.cat([*parts, clock.codes_of(None, last=True)])


@pytest.mark.parametrize("fps", [12.0, 24.0, 25.0, 30000 / 1001, 50.0, 60.0, 120.0])
@pytest.mark.parametrize("cuts", [[], [1], [7, 8, 20], [23]])
@pytest.mark.parametrize("rate", [24, 50])
def test_frames_do_not_depend_on_how_the_codes_arrive(fps: float, cuts: list[int], rate: int) -> None:
    codes = torch.randn(rate, 3, generator=torch.Generator().manual_seed(0))
    count = math.ceil(fps)
    times = np.minimum(np.arange(count) / fps * rate, rate - 1.0)
    expected = np.stack([np.interp(times, np.arange(rate), codes[:, column]) for column in range(3)], axis=1)
    assert np.abs(clocked(codes, count, fps, cuts, rate).numpy() - expected).max() < 1e-5


def test_a_take_has_a_frame_for_every_moment_of_the_clip(animator: Animator) -> None:
    clip = speech_like(1.3)
    batches = list(animator.frames(clip, TakeSettings(fps=24.0)))
    assert [batch.first for batch in batches] == list(np.cumsum([0, *(len(batch.vertices) for batch in batches[:-1])]))
    assert sum(len(batch.vertices) for batch in batches) == animator.frame_count(clip, 24.0) == 32
    shape = animator.mesh("average").vertices.shape
    assert all(batch.vertices.shape[1:] == shape and batch.vertices.dtype == np.float32 for batch in batches)
    assert np.isfinite(batches[0].vertices).all()


def test_the_same_seed_gives_the_same_take_and_another_seed_another(animator: Animator) -> None:
    clip = speech_like(1.0)
    first, again, other = (animator.codes(clip, TakeSettings(seed=seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_intensity_scales_the_expression(animator: Animator) -> None:
    clip = speech_like(1.0)
    rest = animator.mesh("average").vertices
    still = next(animator.frames(clip, TakeSettings(intensity=0.0))).vertices
    assert np.abs(still - rest).max() < 1e-6
    full, half = (animator.codes(clip, TakeSettings(intensity=value)) for value in (1.0, 0.5))
    assert torch.allclose(half, 0.5 * full)


def test_the_first_frames_leave_before_the_last_window_is_sampled(animator: Animator) -> None:
    stages: list[tuple[str, float]] = []
    frames = animator.frames(speech_like(8.0), TakeSettings(), lambda *stage: stages.append(stage))
    next(frames)
    motion = [fraction for stage, fraction in stages if stage == "motion"]
    assert motion
    assert max(motion) < 1.0


def test_progress_may_cancel(animator: Animator) -> None:
    def stop_in_motion(stage: str, fraction: float) -> None:
        if stage == "motion":
            raise Cancelled

    frames: Iterator[object] = animator.frames(speech_like(1.0), TakeSettings(), stop_in_motion)
    with pytest.raises(Cancelled):
        list(frames)


@pytest.mark.parametrize("fps", [0.0, -24.0, 1e6, math.nan])
def test_an_impossible_frame_rate_is_refused_before_work_starts(animator: Animator, fps: float) -> None:
    with pytest.raises(UserError, match="frame rate"):
        animator.frames(speech_like(0.5), TakeSettings(fps=fps))


def test_an_unknown_identity_is_refused_before_work_starts(animator: Animator) -> None:
    with pytest.raises(UserError, match="no identity named 'nobody'"):
        animator.frames(speech_like(0.5), TakeSettings(identity="nobody"))
