import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.capture import code_fitting
from facetalk.capture.code_fitting import Objective, fit_weights

Array = NDArray[np.float64]
CONTROLS, MEASURES = 4, 6


def objective(change_cost: float = 0.0, slow: float = 1.0) -> Objective:
    draw = np.random.default_rng(4)
    return Objective(
        response=draw.normal(size=(CONTROLS, MEASURES)),
        prior=1e-9 * np.eye(CONTROLS),
        change_cost=np.full(CONTROLS, change_cost),
        slow=slow,
        limit=np.array([1.0, 1.0, 1.0, 0.0]),
    )


def known(frames: int) -> Array:
    weights = np.clip(np.random.default_rng(5).normal(0.3, 0.3, (frames, CONTROLS)), 0.0, 1.0)
    weights[:, 3] = 0.0
    return weights


def test_weights_within_bounds_are_found() -> None:
    aim = objective()
    true = known(40)
    np.testing.assert_allclose(fit_weights(true @ aim.response, aim), true, atol=1e-4)


def test_what_lies_beyond_the_bounds_stays_within() -> None:
    aim = objective()
    found = fit_weights(np.random.default_rng(6).normal(size=(30, MEASURES)) * 5, aim)
    assert found.min() >= 0.0
    assert found.max() <= 1.0
    assert not found[:, 3].any()


def test_windows_that_overlap_agree_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    aim = objective(change_cost=0.5, slow=0.05)
    seen = known(300) @ aim.response
    whole = fit_weights(seen, aim)
    monkeypatch.setattr(code_fitting, "WINDOW", 110)
    np.testing.assert_allclose(fit_weights(seen, aim), whole, atol=2e-3)


def test_small_changes_are_smoothed_and_large_ones_kept() -> None:
    steps = np.where(np.arange(100) < 50, 0.0, 0.8)
    noise = 0.02 * (-1.0) ** np.arange(100)
    weights = np.zeros((100, CONTROLS))
    weights[:, 0] = np.clip(0.1 + steps + noise, 0.0, 1.0)
    rough, smooth = (
        fit_weights(weights @ aim.response, aim)[:, 0] for aim in (objective(), objective(change_cost=20.0, slow=0.04))
    )
    assert np.abs(np.diff(smooth))[5:40].mean() < 0.3 * np.abs(np.diff(rough))[5:40].mean()
    assert smooth[53] - smooth[46] > 0.5


def test_a_start_changes_the_way_and_not_the_end() -> None:
    aim = objective(change_cost=0.5)
    seen = known(60) @ aim.response
    np.testing.assert_allclose(
        fit_weights(seen, aim, np.full((60, CONTROLS), 0.5) * aim.limit), fit_weights(seen, aim), atol=2e-3
    )


def test_a_single_frame_is_fitted() -> None:
    aim = objective()
    true = known(1)
    np.testing.assert_allclose(fit_weights(true @ aim.response, aim), true, atol=1e-4)
