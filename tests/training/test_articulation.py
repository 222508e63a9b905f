"""What must hold for any string of phones, whatever the style."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training import articulation
from training.articulation import FRAME_RATE, PAUSE, POSTURES, Phone, SpeakingStyle, articulate
from training.rig import RIG_CONTROLS
from training.upper_face import upper_face

SPEAKABLE = sorted((POSTURES.keys() | articulation.GLIDES.keys()) - {PAUSE})
FRAME = 1 / FRAME_RATE


def column(weights: NDArray[np.float32], name: str) -> NDArray[np.float64]:
    return weights[:, RIG_CONTROLS.index(name)].astype(np.float64)


def lip_gap(weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """The inner-lip gap over the eyes' distance that the weights make, by ICT-FaceKit's linear response."""
    sides = ("mouthUpperUp_L", "mouthUpperUp_R", "mouthLowerDown_L", "mouthLowerDown_R")
    gap: NDArray[np.float64] = (
        articulation.GAP_OF_JAW_OPEN * column(weights, "jawOpen")
        + articulation.GAP_OF_MOUTH_CLOSE * column(weights, "mouthClose")
        + articulation.GAP_OF_FUNNEL * column(weights, "mouthFunnel")
        + articulation.GAP_OF_ROLL_LOWER * column(weights, "mouthRollLower")
        + articulation.GAP_OF_LIPS_APART / 4 * np.sum([column(weights, side) for side in sides], axis=0)
    )
    return gap


def random_phones(rng: np.random.Generator, count: int) -> tuple[list[Phone], int]:
    """Phones of 30 to 200 ms in random order, a third made with the lips; and the frames they fill."""
    phones = [Phone(PAUSE, 0.0, 0.4)]
    for _ in range(count):
        name = str(rng.choice(["p", "b", "m", "f", "v"] if rng.random() < 0.3 else SPEAKABLE))
        start = phones[-1].end
        end = start + rng.uniform(0.03, 0.2)
        phones.append(Phone(name, start, end, float(rng.random()), float(rng.normal(0.0, 6.0))))
    phones.append(Phone(PAUSE, phones[-1].end, phones[-1].end + 0.6))
    return phones, int(np.ceil(phones[-1].end * FRAME_RATE))


def speak_randomly(seed: int) -> tuple[list[Phone], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    phones, frames = random_phones(rng, 40)
    return phones, articulate(phones, frames, SpeakingStyle.draw(rng), rng)


def frames_around(phone: Phone) -> slice:
    return slice(int(np.floor(phone.start / FRAME)) - 1, int(np.ceil(phone.end / FRAME)) + 2)


@pytest.mark.parametrize("seed", range(8))
def test_bilabials_seal_the_lips_for_two_frames(seed: int) -> None:
    phones, weights = speak_randomly(seed)
    sealed = lip_gap(weights) < 1e-6
    for phone in phones:
        if phone.name in articulation.BILABIALS:
            assert np.count_nonzero(sealed[frames_around(phone)]) >= 2


@pytest.mark.parametrize("seed", range(8))
def test_labiodentals_bring_the_lower_lip_to_the_teeth(seed: int) -> None:
    phones, weights = speak_randomly(seed)
    touching = (column(weights, "mouthRollLower") > 0.5) & (lip_gap(weights) < 0.03)
    for before, phone, after in zip(phones, phones[1:], phones[2:], strict=False):
        # Between two bilabials the lips may not even have the time to part.
        if phone.name in articulation.LABIODENTALS and not articulation.BILABIALS & {before.name, after.name}:
            assert touching[frames_around(phone)].any()


@pytest.mark.parametrize("seed", range(4))
def test_weights_stay_in_range_and_move_as_fast_as_lips_can(seed: int) -> None:
    _, weights = speak_randomly(seed)
    assert weights.dtype == np.float32
    assert np.isfinite(weights).all()
    assert weights.min() >= 0.0
    assert weights.max() <= 1.0
    assert np.abs(np.diff(column(weights, "jawOpen"))).max() < 0.2
    # Tracked lips of real speakers reach a lip-height speed of 4 eye distances a second.
    assert np.abs(np.diff(lip_gap(weights))).max() * FRAME_RATE < 6.0


def test_curves_do_not_jitter() -> None:
    _, weights = speak_randomly(0)
    gap = lip_gap(weights)
    turns = np.count_nonzero(np.diff(np.sign(np.diff(gap[np.abs(np.diff(gap, prepend=0.0)) > 1e-3]))))
    # 40 phones open and close the mouth at most once each.
    assert turns <= 80


def one_phone(name: str, **style: float) -> NDArray[np.float32]:
    phones = [Phone(PAUSE, 0.0, 0.5), Phone(name, 0.5, 0.75, 0.5), Phone(PAUSE, 0.75, 1.25)]
    return articulate(phones, 62, SpeakingStyle(**style), np.random.default_rng(1))


def test_vowels_differ_as_they_should() -> None:
    middle = 31
    aa, iy, uw = (one_phone(name)[middle] for name in ("aa", "iy", "uw"))
    gaps = [float(lip_gap(each[None])[0]) for each in (aa, iy, uw)]
    assert gaps[0] > gaps[1] > gaps[2] > 0.01
    pucker, stretch = RIG_CONTROLS.index("mouthPucker"), RIG_CONTROLS.index("mouthStretch_L")
    assert uw[pucker] > 0.5 > 0.1 > iy[pucker]
    assert iy[stretch] > 0.1 > uw[stretch]


def test_rounding_spreads_ahead_of_the_vowel_further_than_lip_height() -> None:
    phones = [Phone(PAUSE, 0.0, 0.5), Phone("s", 0.5, 0.62), Phone("t", 0.62, 0.7), Phone("uw", 0.7, 0.95)]
    weights = articulate(phones, 48, SpeakingStyle(), np.random.default_rng(0))
    unrounded = [*phones[:3], Phone("iy", 0.7, 0.95)]
    other = articulate(unrounded, 48, SpeakingStyle(), np.random.default_rng(0))
    at_t = int(0.66 * FRAME_RATE)
    assert column(weights, "mouthPucker")[at_t] > column(other, "mouthPucker")[at_t] + 0.1


def test_loudness_and_stress_open_vowels() -> None:
    def opening(stress: float, loudness: float) -> float:
        phones = [Phone(PAUSE, 0.0, 0.3), Phone("aa", 0.3, 0.5, stress, loudness), Phone(PAUSE, 0.5, 0.8)]
        return float(lip_gap(articulate(phones, 40, SpeakingStyle(), np.random.default_rng(0))).max())

    assert opening(0.9, 0.0) > 1.1 * opening(0.1, 0.0)
    assert opening(0.5, 5.0) > 1.1 * opening(0.5, -5.0)


def test_tongue_shows_where_it_is_heard() -> None:
    for name, control in (("l", "tongueTipUp"), ("th", "tongueBetweenTeeth"), ("k", "tongueBackUp")):
        assert column(one_phone(name), control).max() > 0.7
        assert column(one_phone("m"), control).max() < 0.05


def test_pauses_let_the_lips_rest() -> None:
    weights = articulate([Phone(PAUSE, 0.0, 4.0)], 200, SpeakingStyle(), np.random.default_rng(0))
    assert lip_gap(weights).max() < 0.004
    assert column(weights, "jawOpen").max() < 0.03


def test_blinks_have_human_statistics() -> None:
    counts, closings, openings = [], [], []
    for seed in range(20):
        curves = upper_face([], [], 60 * FRAME_RATE, np.random.default_rng(seed))
        lid = curves["eyeBlink_L"]
        np.testing.assert_allclose(lid, curves["eyeBlink_R"], atol=1e-6)
        shut = np.flatnonzero((lid[1:-1] >= lid[:-2]) & (lid[1:-1] > lid[2:]) & (lid[1:-1] > 0.95)) + 1
        counts.append(len(shut))
        for peak in shut[(shut > 12) & (shut < len(lid) - 15)]:
            closings.append(np.count_nonzero((lid[peak - 12 : peak] > 0.05) & (lid[peak - 12 : peak] < 0.95)) * FRAME)
            openings.append(np.count_nonzero((lid[peak : peak + 15] > 0.05) & (lid[peak : peak + 15] < 0.95)) * FRAME)
    assert 10 < np.mean(counts) < 25
    assert min(counts) >= 4
    assert 0.03 < np.mean(closings) < 0.1
    assert 0.09 < np.mean(openings) < 0.2


def test_eyes_look_the_same_way() -> None:
    curves = upper_face([], [], 3000, np.random.default_rng(2))
    np.testing.assert_array_equal(curves["eyeLookOut_L"], curves["eyeLookIn_R"])
    np.testing.assert_array_equal(curves["eyeLookIn_L"], curves["eyeLookOut_R"])
    assert (curves["eyeLookOut_L"] * curves["eyeLookIn_L"]).max() == 0.0
    assert curves["eyeLookOut_L"].max() > 0.1


def test_brows_rise_with_strong_accents() -> None:
    accents = [(t, 0.9) for t in np.arange(1.0, 59.0, 2.0)]
    accented = upper_face(accents, [], 3000, np.random.default_rng(5))["browInnerUp_L"]
    flat = upper_face([], [], 3000, np.random.default_rng(5))["browInnerUp_L"]
    assert accented.max() > flat.max() + 0.1


def test_the_same_seed_gives_the_same_face() -> None:
    np.testing.assert_array_equal(speak_randomly(3)[1], speak_randomly(3)[1])
    assert np.abs(speak_randomly(3)[1][:50] - speak_randomly(4)[1][:50]).max() > 0.01


@pytest.mark.parametrize(
    "phones",
    [
        [Phone("qq", 0.0, 0.1)],
        [Phone("aa", 0.2, 0.1)],
        [Phone("aa", 0.0, 0.2), Phone("b", 0.1, 0.3)],
    ],
)
def test_impossible_phones_are_refused(phones: list[Phone]) -> None:
    with pytest.raises(ValueError, match="phone"):
        articulate(phones, 10, SpeakingStyle(), np.random.default_rng(0))
