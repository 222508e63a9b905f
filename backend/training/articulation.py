"""How a face moves for a string of phones: phone times, stress, loudness and emotion to rig weights at 50 Hz.

Postures (`training.postures`) are mixed in time by dominance (`training.coarticulation`), each channel by its own:
inner-lip height, mouth width, drop of the chin, tongue. Contacts (`training.lip_contact`) then overrule the mixture:
bilabials always seal the lips, labiodentals always bring the lower lip to the upper teeth. What the lips do to reach
the height and width on the jaw there is follows from geometry (`training.lip_geometry`).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from training import tongue_motion
from training.breath_before_speech import breath_before_speech, take_breath
from training.coarticulation import shares
from training.emotion import NEUTRAL, NO_EXPRESSION, Emotion, Expression, expression
from training.lip_contact import contact
from training.lip_geometry import Contact, Curve, lip_weights
from training.phones import PAUSE, Phone, is_vowel
from training.posture_limits import limits, opening
from training.postures import READY, Channel, calibrated, prepared, protrusion, vowel_loudness
from training.rig import RIG_CONTROLS
from training.speaking_style import SpeakingStyle
from training.upper_face import FRAME_RATE, upper_face

FloatArray = NDArray[np.float32]

# Drop of the chin for a weight of 1 of jawOpen, over the distance of the outer eye corners: ICT-FaceKit's mean head.
CHIN_OF_JAW_OPEN = 0.316
STRESS_GAIN = 0.3  # how much further a vowel opens at full stress than without any
LEAST_OPENING, MOST_OPENING = 0.55, 1.6
TIME_TOLERANCE = 0.001


def articulate(
    phones: Sequence[Phone],
    frames: int,
    style: SpeakingStyle,
    rng: np.random.Generator,
    emotion: Emotion = NEUTRAL,
) -> FloatArray:
    """Rig weights of a whole face saying ``phones``.

    Args:
        phones: consecutive phones in order of time, pauses included.
        frames: number of frames at 50 Hz; frame i is the face at i / 50 seconds.
        style: the speaker's manner.
        rng: the source of everything the sound does not tell: blinks, gaze, brows, breath.
        emotion: what is felt meanwhile.

    Returns:
        Weights ``[frames, len(RIG_CONTROLS)]`` in 0 to 1.

    Raises:
        UserError: a phone is unknown.
        ValueError: a phone ends before it starts, or starts before its predecessor; or the emotion is none.
    """
    check_order(phones)
    felt = expression(emotion)
    mouth = mouth_weights(phones, frames, style, rng, felt=felt)
    accents = [((phone.start + phone.end) / 2, phone.stress) for phone in phones if is_vowel(phone.name)]
    pauses = [(phone.start, phone.end) for phone in phones if phone.name == PAUSE]
    upper = upper_face(accents, pauses, frames, rng, felt)
    weights = np.zeros((frames, len(RIG_CONTROLS)))
    for name, curve in (mouth | upper).items():
        weights[:, RIG_CONTROLS.index(name)] = curve
    turns = [(one.start, one.end) for one, two in pairwise(phones) if one.name == PAUSE and two.name != PAUSE]
    breath = breath_before_speech(turns, frames, FRAME_RATE, rng)
    return np.clip(take_breath(weights, breath), 0.0, 1.0).astype(np.float32)


def mouth_weights(
    phones: Sequence[Phone],
    frames: int,
    style: SpeakingStyle,
    rng: np.random.Generator,
    channels: Mapping[str, Channel] | None = None,
    felt: Expression = NO_EXPRESSION,
) -> dict[str, FloatArray]:
    """Weights of jaw, lips and tongue by rig control, each ``[frames]``.

    Arguments are those of `articulate`; ``channels`` replaces the calibrated table, ``felt`` is the emotion's
    expression.
    """
    channels = channels or calibrated()
    times, spoken = np.arange(frames) / FRAME_RATE, prepared(phones)
    height, lips = _channel(channels["lip_height"], spoken, times, style, opens=True)
    width, corners = _channel(channels["mouth_width"], spoken, times, style, opens=False)
    chin, _ = _channel(channels["chin_drop"], spoken, times, style, opens=True)
    touching = contact(phones, times)
    jaw = np.clip(chin / CHIN_OF_JAW_OPEN, 0.0, None) * style.jaw * felt.jaw + _breath(times, rng)
    resting = np.array([style.rest_gap if phone.name == PAUSE else 0.0 for phone in spoken])
    height = height * style.lips * felt.lips + lips @ resting
    width = np.where(width < 0.0, width * style.rounding, width * style.spreading)
    worn = dict(felt.mouth)
    worn["mouthSmile"] = worn.get("mouthSmile", 0.0) + style.smile
    turned_out = corners @ np.array([protrusion(phone.name) for phone in spoken]) * style.rounding
    beside = _giving_way(worn | {"mouthFunnel": worn.get("mouthFunnel", 0.0) + turned_out}, touching)
    weights = lip_weights(height, width, np.clip(jaw, 0.0, 1.0), touching, beside)
    return _sided(weights, style.asymmetry) | tongue_motion.weights(phones, times, style.precision)


def _channel(
    channel: Channel, phones: Sequence[Phone], times: NDArray[np.float64], style: SpeakingStyle, opens: bool
) -> tuple[Curve, NDArray[np.float64]]:
    """One calibrated curve ``[T]``, and the share of every phone in it ``[T, P]``.

    Vowels of a channel that ``opens`` do so with stress, loudness and style.
    """
    target = channel.dominance([phone.name for phone in phones]).target
    share = channel_shares(channel, phones, times, style.precision)
    gain = np.array([_gain(phone, channel.loudness_gain, style, opens) for phone in phones])
    least, most = np.array([limits(phone.name, opens) for phone in phones]).T
    return share @ np.clip(target.numpy() * gain, least, most), share


def channel_shares(
    channel: Channel, phones: Sequence[Phone], times: NDArray[np.float64], precision: float = 1.0
) -> NDArray[np.float64]:
    """The share ``[T, P]`` of every phone in a calibrated channel at ``times [T]``; precise speakers blend less."""
    dominance = channel.dominance([phone.name for phone in phones])
    return shares(
        torch.from_numpy(times + channel.lead),
        torch.tensor([phone.start for phone in phones], dtype=torch.float64),
        torch.tensor([phone.end for phone in phones], dtype=torch.float64),
        dominance.log_strength,
        dominance.ahead / precision,
        dominance.after / precision,
        torch.tensor(channel.exponent, dtype=torch.float64),
    ).numpy()


def _gain(phone: Phone, loudness_gain: float, style: SpeakingStyle, opens: bool) -> float:
    if phone.name == READY or not is_vowel(phone.name):
        return 1.0
    gain = 1.0 + loudness_gain * vowel_loudness(phone)
    if opens:
        gain *= (1.0 + STRESS_GAIN * (phone.stress - Phone.stress)) * style.vowel_opening
    gain = float(np.clip(gain, LEAST_OPENING, MOST_OPENING * style.vowel_opening))
    return gain * opening(phone.name) if opens else gain


def _giving_way(worn: Mapping[str, float | Curve], touching: Contact) -> dict[str, Curve]:
    """What the mouth does beside the words, by control: it gives way where lips must touch."""
    free = 1.0 - np.maximum(touching.seal, touching.bite)
    parting = ("mouthUpperUp", "mouthLowerDown", "mouthFunnel")
    return {name: weight * (free if name in parting else 0.4 + 0.6 * free) for name, weight in worn.items()}


def _sided(weights: Mapping[str, Curve], asymmetry: float) -> dict[str, FloatArray]:
    """Weights by rig control from those by control without a side: the left side moves more by ``asymmetry``."""
    result = {}
    for name, curve in weights.items():
        if name in RIG_CONTROLS:
            result[name] = curve.astype(np.float32)
        else:
            result[f"{name}_L"] = (curve * (1.0 + asymmetry)).astype(np.float32)
            result[f"{name}_R"] = (curve * (1.0 - asymmetry)).astype(np.float32)
    return result


def _breath(times: NDArray[np.float64], rng: np.random.Generator) -> Curve:
    """The jaw's slow rise and fall with the breath, as a jawOpen weight."""
    rate = rng.uniform(0.2, 0.35)
    return np.asarray(0.004 * (1.0 + np.sin(2 * np.pi * (rate * times + rng.uniform()))))


def check_order(phones: Sequence[Phone]) -> None:
    """See that phones follow each other in time.

    Raises:
        ValueError: one ends before it starts, or starts before its predecessor ends.
    """
    previous = 0.0
    for phone in phones:
        if not previous - TIME_TOLERANCE <= phone.start < phone.end:
            raise ValueError(f"phone {phone.name!r} at {phone.start:.3f} s is out of order or empty")
        previous = phone.end
