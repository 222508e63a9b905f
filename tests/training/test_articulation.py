"""What must hold for any string of phones, in any style, voice and mood."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.errors import UserError
from training.articulation import articulate
from training.emotion import EXPRESSIONS, Emotion, Feeling
from training.lip_geometry import BITE, BITE_RISE, MouthSize, mouth_size
from training.phones import INVENTORY, PAUSE, Phone
from training.postures import is_bilabial, is_labiodental, tongue
from training.rig import RIG_CONTROLS
from training.speaking_style import SpeakingStyle, Voicing
from training.upper_face import FRAME_RATE

SPEAKABLE = sorted(set().union(*INVENTORY.values()))
FRAME = 1 / FRAME_RATE
SHUT = 1e-6


def column(weights: NDArray[np.float32], name: str) -> NDArray[np.float64]:
    return weights[:, RIG_CONTROLS.index(name)].astype(np.float64)


def mouth(weights: NDArray[np.float32]) -> MouthSize:
    return mouth_size({name: column(weights, name) for name in RIG_CONTROLS})


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
    voicing: Voicing = rng.choice(["spoken", "whispered", "shouted", "sung"])
    feeling: Feeling = rng.choice(list(EXPRESSIONS))
    style = SpeakingStyle.draw(rng).voiced(voicing)
    return phones, articulate(phones, frames, style, rng, Emotion(feeling, float(rng.random())))


def frames_around(phone: Phone) -> slice:
    return slice(int(np.floor(phone.start / FRAME)) - 1, int(np.ceil(phone.end / FRAME)) + 2)


@pytest.mark.parametrize("seed", range(12))
def test_bilabials_seal_the_lips_for_two_frames(seed: int) -> None:
    phones, weights = speak_randomly(seed)
    sealed = mouth(weights).height < SHUT
    for phone in phones:
        if is_bilabial(phone.name):
            assert np.count_nonzero(sealed[frames_around(phone)]) >= 2


@pytest.mark.parametrize("feeling", EXPRESSIONS)
def test_feelings_leave_lips_shut(feeling: Feeling) -> None:
    for bilabial, vowel, seconds in product("pbm", "ɑiu", (0.03, 0.08, 0.15)):
        start = 0.3
        phones = [Phone(vowel, 0.0, start, 1.0, 6.0), Phone(bilabial, start, start + seconds)]
        phones.append(Phone(vowel, start + seconds, start + seconds + 0.3, 1.0, 6.0))
        style = SpeakingStyle(jaw=1.6, lips=1.7, smile=0.2, asymmetry=0.2).voiced("shouted")
        weights = articulate(phones, 40, style, np.random.default_rng(0), Emotion(feeling, 1.0))
        assert np.count_nonzero(mouth(weights).height[frames_around(phones[1])] < SHUT) >= 2


@pytest.mark.parametrize("seed", range(12))
def test_labiodentals_bring_the_lower_lip_to_the_teeth(seed: int) -> None:
    phones, weights = speak_randomly(seed)
    rise = mouth(weights).rise
    touching = (column(weights, "mouthRollLower") > 0.9 * BITE["mouthRollLower"]) & (np.abs(rise - BITE_RISE) < 0.012)
    for before, phone, after in zip(phones, phones[1:], phones[2:], strict=False):
        # Beside a bilabial the lips may not even have the time to part.
        if is_labiodental(phone.name) and not (is_bilabial(before.name) or is_bilabial(after.name)):
            assert touching[frames_around(phone)].any()


@pytest.mark.parametrize("seed", range(4))
def test_weights_stay_in_range_and_move_as_fast_as_lips_can(seed: int) -> None:
    _, weights = speak_randomly(seed)
    assert weights.dtype == np.float32
    assert np.isfinite(weights).all()
    assert weights.min() >= 0.0
    assert weights.max() <= 1.0
    assert np.abs(np.diff(column(weights, "jawOpen"))).max() < 0.25
    # Tracked lips of real speakers reach a lip-height speed of 4 eye distances a second.
    assert np.abs(np.diff(mouth(weights).height)).max() * FRAME_RATE < 7.0


def one_phone(name: str, seconds: float = 0.25, **style: float) -> NDArray[np.float32]:
    """A phone between pauses; its middle is at 0.5 s and half its duration."""
    phones = [Phone(PAUSE, 0.0, 0.5), Phone(name, 0.5, 0.5 + seconds, 0.5), Phone(PAUSE, 0.5 + seconds, 1.0 + seconds)]
    return articulate(phones, round((1.0 + seconds) * FRAME_RATE), SpeakingStyle(**style), np.random.default_rng(1))


@pytest.mark.parametrize("language", INVENTORY)
def test_every_phone_of_every_language_has_a_posture(language: str) -> None:
    for name in INVENTORY[language]:
        size = mouth(one_phone(name))
        assert -0.02 < size.height[31] < 0.3
        assert -0.2 < size.width[31] < 0.12


def test_vowels_differ_as_they_should() -> None:
    heights = {name: mouth(one_phone(name)).height[31] for name in ("a", "ə", "u", "y")}
    assert heights["a"] > heights["ə"] > heights["u"] > 0.005
    widths = {name: mouth(one_phone(name)).width[31] for name in ("i", "ɑ", "u", "y", "w", "ɔ")}
    assert widths["i"] > 0.01 > -0.01 > widths["ɑ"] > widths["ɔ"]
    assert widths["y"] == pytest.approx(widths["u"], abs=0.01)
    assert widths["w"] < -0.03


def test_hushing_sounds_turn_the_lips_out() -> None:
    for name in ("ʃ", "tʃ", "ʂ"):
        assert column(one_phone(name), "mouthFunnel")[31] > column(one_phone("s"), "mouthFunnel")[31] + 0.2


def test_rounding_begins_before_the_vowel() -> None:
    def width(vowel: str) -> NDArray[np.float64]:
        phones = [Phone(PAUSE, 0.0, 0.5), Phone("t", 0.5, 0.58), Phone("l", 0.58, 0.66), Phone(vowel, 0.66, 0.9)]
        return mouth(articulate(phones, 45, SpeakingStyle(), np.random.default_rng(0))).width

    at_start_of_l = round(0.6 * FRAME_RATE)
    assert width("u")[at_start_of_l] < width("i")[at_start_of_l] - 0.01


@pytest.mark.parametrize("vowel", ["ɑ", "i", "u", "ɔ"])
def test_held_vowels_keep_their_shape(vowel: str) -> None:
    phones = [Phone("m", 0.0, 0.1), Phone(vowel, 0.1, 6.1, 0.6), Phone("n", 6.1, 6.2)]
    weights = articulate(phones, 310, SpeakingStyle().voiced("sung"), np.random.default_rng(0))
    size = mouth(weights)
    held = slice(round(0.4 * FRAME_RATE), round(5.8 * FRAME_RATE))
    # The breath moves the jaw by under a hundredth.
    assert np.ptp(size.height[held]) < 0.006
    assert np.ptp(size.width[held]) < 0.002
    assert column(weights, "tongueTipUp")[held].max() < 1e-3


def test_loudness_stress_and_voice_open_vowels() -> None:
    def opening(stress: float, loudness: float, voicing: Voicing = "spoken") -> float:
        phones = [Phone(PAUSE, 0.0, 0.3), Phone("ɑ", 0.3, 0.5, stress, loudness), Phone(PAUSE, 0.5, 0.8)]
        weights = articulate(phones, 40, SpeakingStyle().voiced(voicing), np.random.default_rng(0))
        return float(mouth(weights).height.max())

    assert opening(0.9, 0.0) > 1.1 * opening(0.1, 0.0)
    assert opening(0.5, 5.0) > 1.05 * opening(0.5, -5.0)
    assert opening(0.5, 0.0, "shouted") > opening(0.5, 0.0, "sung") > opening(0.5, 0.0) > 0.05


def test_styles_scale_what_they_name() -> None:
    def size(name: str, **style: float) -> tuple[float, float]:
        weights = one_phone(name, **style)
        measured = mouth(weights)
        return float(measured.height[31]), float(measured.width[31])

    assert size("a", lips=1.3)[0] > 1.15 * size("a")[0]
    assert size("u", rounding=1.5)[1] < 1.2 * size("u")[1]
    assert size("i", spreading=1.8)[1] > 1.3 * size("i")[1]
    assert column(one_phone("ɑ", jaw=1.5), "jawOpen")[31] > 1.3 * column(one_phone("ɑ"), "jawOpen")[31]
    assert column(one_phone("i", asymmetry=0.2), "mouthStretch_L")[31] > column(one_phone("i"), "mouthStretch_L")[31]
    assert column(one_phone("ə", smile=0.2), "mouthSmile_L")[31] > 0.15


def test_tongue_shows_where_it_is_heard() -> None:
    for name, control in (
        ("l", "tongueTipUp"),
        ("d", "tongueTipUp"),
        ("ʈ", "tongueTipUp"),
        ("θ", "tongueBetweenTeeth"),
        ("ð", "tongueBetweenTeeth"),
        ("k", "tongueBackUp"),
        ("χ", "tongueBackUp"),
    ):
        assert column(one_phone(name, 0.04), control).max() > 0.95
        assert column(one_phone("m"), control).max() < 0.05
    # Between teeth that are apart, before lips that are, far enough forward to be seen.
    shown = one_phone("θ", 0.08)
    assert column(shown, "tongueOut").max() > 0.45
    assert column(shown, "jawOpen").max() > 0.05
    assert mouth(shown).height[int(0.54 * FRAME_RATE)] > 0.015
    assert tongue("θ").forward > tongue("d").forward > tongue("ɹ").forward


def test_pauses_let_the_lips_rest() -> None:
    weights = articulate([Phone(PAUSE, 0.0, 4.0)], 200, SpeakingStyle(), np.random.default_rng(0))
    assert mouth(weights).height.max() < 0.008
    assert column(weights, "jawOpen").max() < 0.03
    ajar = articulate([Phone(PAUSE, 0.0, 4.0)], 200, SpeakingStyle(rest_gap=0.02), np.random.default_rng(0))
    assert mouth(ajar).height.min() > 0.015


def test_the_same_seed_gives_the_same_face() -> None:
    np.testing.assert_array_equal(speak_randomly(3)[1], speak_randomly(3)[1])
    assert np.abs(speak_randomly(3)[1][:50] - speak_randomly(4)[1][:50]).max() > 0.01


@pytest.mark.parametrize("phones", [[Phone("a", 0.2, 0.1)], [Phone("a", 0.0, 0.2), Phone("b", 0.1, 0.3)]])
def test_phones_out_of_order_are_refused(phones: list[Phone]) -> None:
    with pytest.raises(ValueError, match="out of order"):
        articulate(phones, 10, SpeakingStyle(), np.random.default_rng(0))


def test_unknown_phones_are_named() -> None:
    with pytest.raises(UserError, match="'qq'"):
        articulate([Phone("qq", 0.0, 0.1)], 10, SpeakingStyle(), np.random.default_rng(0))
