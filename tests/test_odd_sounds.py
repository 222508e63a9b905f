"""What the embedded models do with sounds that are no speech, and with speech that was recorded badly."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk import presets
from facetalk.animate import Animator
from facetalk.clip import SAMPLE_RATE, Clip, load_clip
from facetalk.evaluation.curves import generated_curves
from facetalk.evaluation.measures import CLOSED, CURVE_RATE, LEFT_EYE, LIP_HEIGHT, correlation

SECONDS = 6
SAMPLE = "samples/librivox_sense_and_sensibility.flac"


@pytest.fixture(scope="module")
def animator() -> Animator:
    return Animator.load("cpu")


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    return load_clip(presets.presets_folder() / SAMPLE).samples[: SECONDS * SAMPLE_RATE]


@pytest.fixture(scope="module")
def spoken(animator: Animator, speech: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inner-lip height ``[T]`` of the speech as it is."""
    return generated_curves(animator, Clip(speech))[:, LIP_HEIGHT]


def test_silence_is_a_face_at_rest_that_is_alive(animator: Animator, spoken: NDArray[np.float32]) -> None:
    curves = generated_curves(animator, Clip(np.zeros(4 * SECONDS * SAMPLE_RATE, np.float32)))
    height, eye = curves[:, LIP_HEIGHT], curves[:, LEFT_EYE]
    assert np.quantile(height, 0.95) < 2 * CLOSED
    assert height.std() < 0.25 * spoken.std()
    assert eye.min() < 0.5 * np.median(eye)  # it blinks
    assert (eye > 0.5 * np.median(eye)).mean() > 0.7


def test_noise_does_not_babble(animator: Animator, spoken: NDArray[np.float32]) -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=SECONDS * SAMPLE_RATE)
    height = generated_curves(animator, Clip(noise.astype(np.float32)))[:, LIP_HEIGHT]
    assert height.std() < 0.2 * spoken.std()
    assert np.quantile(height, 0.95) < 2 * CLOSED


def test_a_tone_opens_the_mouth_no_wider_than_speech(animator: Animator, spoken: NDArray[np.float32]) -> None:
    """The ears take a steady tone for a vowel that is held."""
    times = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    curves = generated_curves(animator, Clip((0.1 * np.sin(2000 * np.pi * times)).astype(np.float32)))
    assert np.isfinite(curves).all()
    assert curves[:, LIP_HEIGHT].max() < spoken.max()


@pytest.mark.parametrize("fault", ["clipped", "offset", "quiet"])
def test_bad_recordings_are_spoken_as_good_ones(
    animator: Animator, speech: NDArray[np.float32], spoken: NDArray[np.float32], fault: str
) -> None:
    peak = np.abs(speech).max()
    bad = {"clipped": np.clip(4 * speech / peak, -1, 1), "offset": speech + 0.3, "quiet": speech / 100}[fault]
    height = generated_curves(animator, Clip(bad.astype(np.float32)))[:, LIP_HEIGHT]
    assert correlation(height, spoken) > 0.8


def test_a_sound_shorter_than_a_frame_has_one(animator: Animator) -> None:
    curves = generated_curves(animator, Clip(np.full(100, 0.1, np.float32)))
    assert curves.shape == (1, 4)
    assert np.isfinite(curves).all()
    assert CURVE_RATE * 100 < SAMPLE_RATE
