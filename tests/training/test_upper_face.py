"""Eyes and brows of a talker have human statistics."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.head.eyes import GAZE_DEGREES
from training.blinks import FASTEST, SLOWEST, blink_onsets, lid_closure
from training.emotion import EXPRESSIONS, Emotion, Feeling, expression
from training.gaze import gaze
from training.upper_face import FRAME_RATE, upper_face

MINUTE = 60 * FRAME_RATE
TIMES = np.arange(MINUTE) / FRAME_RATE


def counts(seed: int, factor: float = 1.0) -> int:
    return len(blink_onsets(60.0, [], [], factor, np.random.default_rng(seed)))


def test_blink_rates_are_those_of_people() -> None:
    rates = np.array([counts(seed) for seed in range(200)])
    assert SLOWEST < np.percentile(rates, 10) < np.median(rates) < np.percentile(rates, 90) < FASTEST
    assert np.mean([counts(seed, 1.6) for seed in range(200)]) > 1.3 * rates.mean()


def test_blinks_gather_in_pauses() -> None:
    pauses = [(start, start + 0.4) for start in np.arange(2.0, 58.0, 3.0)]
    in_pause = total = 0
    for seed in range(40):
        for onset in blink_onsets(60.0, pauses, [], 1.0, np.random.default_rng(seed)):
            in_pause += any(start <= onset < end for start, end in pauses)
            total += 1
    share_of_time = sum(end - start for start, end in pauses) / 60.0
    assert in_pause / total > 1.8 * share_of_time


def test_lids_fall_faster_than_they_rise() -> None:
    fine = np.arange(0.0, 1.0, 0.001)
    for seed in range(10):
        closure = lid_closure(fine, [0.2], np.random.default_rng(seed))
        peak = closure.max()
        up, down = fine[closure > 0.1 * peak][[0, -1]]
        first, last = fine[closure > 0.95 * peak][[0, -1]]
        assert 0.03 < first - up < 0.08
        assert 1.4 * (first - up) < down - last < 0.2
        assert peak > 0.5


def test_blinks_need_time() -> None:
    onsets = blink_onsets(600.0, [], list(np.arange(0.0, 600.0, 0.5)), 1.0, np.random.default_rng(0))
    assert np.diff(onsets).min() >= 0.4


def test_saccades_follow_the_main_sequence() -> None:
    fine = np.arange(0.0, 120.0, 0.002)
    speeds = []
    for seed in range(4):
        look = gaze(fine, [], 0.0, np.random.default_rng(seed))
        speeds.append(np.abs(np.gradient(np.hypot(look.left, look.up), 0.002)).max() * GAZE_DEGREES)
        moving = np.hypot(np.gradient(look.left), np.gradient(look.up)) > 1e-5
        assert moving.mean() < 0.12
    assert 100.0 < max(speeds) < 700.0  # degrees a second


def test_eyes_look_the_same_way_and_lids_follow() -> None:
    curves = upper_face([], [], MINUTE, np.random.default_rng(2), expression(Emotion("sad", 1.0)))
    np.testing.assert_array_equal(curves["eyeLookOut_L"], curves["eyeLookIn_R"])
    np.testing.assert_array_equal(curves["eyeLookIn_L"], curves["eyeLookOut_R"])
    assert (curves["eyeLookOut_L"] * curves["eyeLookIn_L"]).max() == 0.0
    assert np.median(curves["eyeLookDown_L"]) > 0.1
    assert (curves["eyeBlink_L"] >= 0.3 * curves["eyeLookDown_L"]).all()


def test_brows_rise_with_strong_accents() -> None:
    accents = [(time, 0.9) for time in np.arange(1.0, 59.0, 2.0)]
    accented = upper_face(accents, [], MINUTE, np.random.default_rng(5))["browInnerUp_L"]
    flat = upper_face([], [], MINUTE, np.random.default_rng(5))["browInnerUp_L"]
    assert accented.max() > flat.max() + 0.1


@pytest.mark.parametrize(
    ("feeling", "control"),
    [
        ("happy", "cheekSquint"),
        ("sad", "browInnerUp"),
        ("angry", "browDown"),
        ("surprised", "eyeWide"),
        ("afraid", "eyeWide"),
        ("disgusted", "noseSneer"),
    ],
)
def test_feelings_show_by_their_strength(feeling: Feeling, control: str) -> None:
    def shown(strength: float) -> NDArray[np.float32]:
        curves = upper_face([], [], MINUTE, np.random.default_rng(0), expression(Emotion(feeling, strength)))
        assert all(curve.min() >= 0.0 and curve.max() <= 1.0 for curve in curves.values())
        return curves.get(f"{control}_L", np.zeros(MINUTE, np.float32))

    none, half, full = (float(np.median(shown(strength))) for strength in (0.0, 0.5, 1.0))
    assert full > half + 0.1 > none + 0.2


def test_blinks_close_wide_eyes() -> None:
    curves = upper_face([], [], MINUTE, np.random.default_rng(1), expression(Emotion("surprised", 1.0)))
    shut = curves["eyeBlink_L"] > 0.99
    assert shut.any()
    assert curves["eyeWide_L"][shut].max() < 0.05


def test_emotions_are_drawn_and_checked() -> None:
    drawn = [Emotion.draw(np.random.default_rng(seed)) for seed in range(400)]
    assert {emotion.feeling for emotion in drawn} == set(EXPRESSIONS)
    assert 0.5 < np.mean([emotion.feeling == "neutral" for emotion in drawn]) < 0.8
    with pytest.raises(ValueError, match="strength"):
        expression(Emotion("happy", 1.5))
