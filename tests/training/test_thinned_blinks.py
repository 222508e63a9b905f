"""Faces that blink too often blink as often as people who talk."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.rig import RIG_CONTROLS
from training.thinned_blinks import IN_CONVERSATION, LIDS, SHUT, thin_blinks

RATE = 50
MINUTE = 60 * RATE


def blinking(times: int, clips: int = 2) -> NDArray[np.float64]:
    """Weights of clips of a minute each in which eyes blink so often, and nothing else moves."""
    weights = np.full((clips, MINUTE, len(RIG_CONTROLS)), 0.1)
    fall = 0.1 + 0.8 * np.sin(np.linspace(0.0, np.pi, 15)) ** 2
    for start in np.linspace(10, MINUTE - 30, times, dtype=int):
        weights[:, start : start + 15, LIDS] = fall[:, None]
    return weights


def blinks(weights: NDArray[np.float64]) -> int:
    shut = weights[..., LIDS].min(axis=-1) > SHUT
    return int((shut[:, 1:] & ~shut[:, :-1]).sum())


def test_a_nervous_speaker_blinks_as_often_as_others() -> None:
    recorded = blinking(60)
    thinned = thin_blinks(recorded, RATE, np.random.default_rng(0))
    assert blinks(thinned) == 2 * IN_CONVERSATION
    gone = (thinned != recorded).any(axis=-1)
    assert thinned[gone][:, LIDS].max() == pytest.approx(0.1)
    others = [column for column in range(len(RIG_CONTROLS)) if column not in LIDS]
    np.testing.assert_array_equal(thinned[..., others], recorded[..., others])


def test_who_blinks_seldom_stays_as_recorded() -> None:
    recorded = blinking(20)
    np.testing.assert_array_equal(thin_blinks(recorded, RATE, np.random.default_rng(0)), recorded)


def test_a_clip_may_begin_and_end_in_a_blink() -> None:
    recorded = blinking(60)
    recorded[:, -4:, LIDS] = recorded[:, :4, LIDS] = 0.9
    thinned = thin_blinks(recorded, RATE, np.random.default_rng(0))
    assert blinks(thinned) < blinks(recorded)
