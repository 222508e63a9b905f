"""The measures on curves whose answers are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.evaluation import measures
from facetalk.evaluation.measures import CURVE_RATE
from tests.evaluation.bare_face import bare_face

TIME = np.arange(4 * CURVE_RATE) / CURVE_RATE


def wave(hertz: float = 1.5, late: float = 0.0) -> NDArray[np.float32]:
    return np.asarray(0.1 + 0.05 * np.sin(2 * np.pi * hertz * (TIME - late)), np.float32)


def lips(*closed: tuple[float, float]) -> NDArray[np.float32]:
    """Lips that are open but for the given times in seconds."""
    heights = np.full(len(TIME), 0.1, np.float32)
    for start, stop in closed:
        heights[round(start * CURVE_RATE) : round(stop * CURVE_RATE)] = 0.0
    return heights


def test_face_curves_are_distances_over_the_eye_distance() -> None:
    points = {
        "inner_lip_upper": (0, 0, 0.01),
        "inner_lip_lower": (0, 0, -0.02),
        "mouth_corner_left": (0.025, 0, 0),
        "mouth_corner_right": (-0.025, 0, 0),
        "upper_lid_left": (0.03, 0, 0.06),
        "lower_lid_left": (0.03, 0, 0.05),
        "upper_lid_right": (-0.03, 0, 0.0625),
        "lower_lid_right": (-0.03, 0, 0.0575),
        "outer_eye_left": (0.05, 0, 0.055),
        "outer_eye_right": (-0.05, 0, 0.055),
    }
    landmarks = {name: index for index, name in enumerate(points)}
    face = np.array(list(points.values()), np.float32)
    curves = measures.face_curves(np.stack([face, 3 * face]), bare_face(landmarks))
    np.testing.assert_allclose(curves, [[0.3, 0.5, 0.1, 0.05]] * 2, atol=1e-6)
    assert curves.dtype == np.float32


def test_pursed_lips_are_shut_where_they_touch_and_not_where_they_met_at_rest() -> None:
    # A quad of the upper lip, whose back edge hangs as low as its front one at rest; the lower lip is one point.
    rest = np.array(
        [(0, 0.0, 0.0), (0, 0.01, 0.0), (0.002, 0.01, 0), (0.002, 0, 0), (0, 0, 0), (0.5, 0, 0), (-0.5, 0, 0)],
        np.float32,
    )
    names = ("mouth_corner_left", "mouth_corner_right", "upper_lid_left", "lower_lid_left")
    landmarks = dict.fromkeys((*names, "upper_lid_right", "lower_lid_right"), 0)
    landmarks |= {"inner_lip_upper": 0, "inner_lip_lower": 4, "outer_eye_left": 5, "outer_eye_right": 6}
    face = bare_face(landmarks, {"lip_upper": [0, 1, 2, 3], "lip_lower": [4]}, rest, [(0, 1, 2, 3)])
    pursed, opened = rest.copy(), rest.copy()
    pursed[4] = (0, 0.005, 0)  # rolled out: now it meets the upper lip between two of its vertices
    opened[4] = (0, 0.005, -0.3)
    heights = measures.face_curves(np.stack([rest, pursed, opened]), face)[:, measures.LIP_HEIGHT]
    np.testing.assert_allclose(heights, [0.0, 0.0, 0.3], atol=1e-6)
    assert np.linalg.norm(pursed[0] - pursed[4]) > 0.004


def test_resample_reads_between_the_frames_of_a_camera() -> None:
    camera = np.array([[0.0], [1.0], [0.5]])
    np.testing.assert_allclose(measures.resample(camera, 25.0, 6)[:, 0], [0, 0.5, 1, 0.75, 0.5, 0.5])


def test_correlation_of_a_curve_with_itself_scaled() -> None:
    found = measures.lag_correlation(3 * wave() + 1, wave())
    assert found.at_zero == pytest.approx(1.0)
    assert found.lag == 0.0


@pytest.mark.parametrize("late", [-0.1, 0.06, 0.16])
def test_correlation_finds_the_lag(late: float) -> None:
    found = measures.lag_correlation(wave(late=late), wave())
    assert found.lag == pytest.approx(late)
    assert found.best == pytest.approx(1.0, abs=1e-5)
    assert found.at_zero == pytest.approx(np.cos(2 * np.pi * 1.5 * late), abs=0.03)


def test_correlation_with_the_opposite() -> None:
    assert measures.lag_correlation(-wave(), wave()).at_zero == pytest.approx(-1.0)


def test_correlation_with_a_resting_face_is_undefined() -> None:
    found = measures.lag_correlation(np.full(len(TIME), 0.1, np.float32), wave())
    assert np.isnan(found.at_zero)


def test_closures_that_are_met() -> None:
    lips_shut = lips((0, 0.5), (1, 1.1), (2, 2.2))
    assert measures.closures(lips_shut, lips_shut) == (1.0, 1.0, 1.0)


def test_closures_may_be_a_camera_frame_off() -> None:
    assert measures.closures(lips((1.04, 1.14)), lips((1, 1.1))) == (1.0, 1.0, 1.0)


def test_closures_that_are_missed() -> None:
    recorded = lips((0, 1), (2, 2.2), (3, 3.2))
    generated = lips((0, 1), (2, 2.2))
    recall, precision, found = measures.closures(generated, recorded)
    assert recall == pytest.approx(60 / 70)
    assert precision == 1.0
    assert found == 0.5  # the rest before the first word is no closure in mid-speech


def test_closures_that_nobody_made() -> None:
    recall, precision, found = measures.closures(lips((1, 2)), lips())
    assert np.isnan(recall)
    assert precision == 0.0
    assert np.isnan(found)


@pytest.mark.parametrize(("hertz", "share"), [(4.0, 0.0), (16.0, 1.0)])
def test_jitter_is_the_share_of_fast_movement(hertz: float, share: float) -> None:
    assert measures.jitter(wave(hertz)) == pytest.approx(share, abs=1e-3)


def test_jitter_of_a_mixture() -> None:
    assert measures.jitter(wave(4.0) + wave(16.0)) == pytest.approx(0.5, abs=0.01)


def test_a_resting_face_does_not_jitter() -> None:
    assert measures.jitter(np.full(len(TIME), 0.1, np.float32)) == 0.0


def test_blinks_are_counted_once_each() -> None:
    curves = np.full((len(TIME), 4), 0.1, np.float32)
    curves[50:58, 2:] = 0.02
    curves[120:124, 2:] = 0.01
    curves[126:130, 2:] = 0.01  # the same blink, flickering
    assert measures.count_blinks(curves) == 2


def test_a_squint_is_no_blink() -> None:
    curves = np.full((len(TIME), 4), 0.1, np.float32)
    curves[50:100, 2:] = 0.06
    assert measures.count_blinks(curves) == 0


def test_loudness_follows_the_envelope() -> None:
    rate = 16000
    time = np.arange(4 * rate) / rate
    envelope = 0.5 + 0.4 * np.sin(2 * np.pi * 1.5 * time)
    noise = np.random.default_rng(0).normal(0, 0.1, len(time))
    curve = measures.loudness((envelope * noise).astype(np.float32), rate)
    assert len(curve) == len(TIME)
    assert measures.lag_correlation(curve, wave()).at_zero > 0.95


def test_loudness_has_one_value_for_every_20_ms() -> None:
    assert len(measures.loudness(np.zeros(16001, np.float32), 16000)) == 51


def test_takes_that_are_the_same_do_not_vary() -> None:
    takes = np.stack([np.stack([wave()] * 4, axis=1)] * 3)
    np.testing.assert_allclose(measures.take_variation(takes), 0.0, atol=1e-6)


def test_takes_vary_as_much_as_they_differ() -> None:
    # Two sines a quarter period apart: the deviation over the two is half their distance.
    takes = np.stack([wave(1.5), wave(1.5, late=1 / 6)])[:, :, None]
    assert measures.take_variation(takes)[0] == pytest.approx(1 / np.sqrt(2), rel=0.01)


def test_speech_span_leaves_out_silence_before_and_after_but_not_pauses() -> None:
    rng = np.random.default_rng(0)
    samples = np.zeros(4 * SAMPLE_RATE, np.float32)
    for start, stop in ((1.0, 1.8), (2.4, 3.0)):
        spoken = slice(round(start * SAMPLE_RATE), round(stop * SAMPLE_RATE))
        samples[spoken] = 0.1 * rng.standard_normal(spoken.stop - spoken.start)
    samples += 0.001 * rng.standard_normal(len(samples)).astype(np.float32)
    span = measures.speech_span(measures.loudness(samples, SAMPLE_RATE))
    assert abs(span.start - 50) <= 1
    assert abs(span.stop - 150) <= 2


def test_take_spread_is_the_distance_between_takes() -> None:
    one = np.random.default_rng(0).standard_normal((6, 5, 3)).astype(np.float32)
    aside = np.array([3.0, 4.0, 0.0], np.float32)
    assert measures.take_spread(np.stack([one, one])) == 0.0
    # two takes 5 apart lie 2.5 from their middle
    assert measures.take_spread(np.stack([one, one + aside])) == pytest.approx(2.5, rel=1e-5)
