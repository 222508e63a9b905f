"""How a mouth moves for a string of phones: phone times, stress and loudness to rig weights at 50 Hz.

Coarticulation is a dominance model (Cohen and Massaro, "Modeling coarticulation in synthetic visual speech",
1993) with separate channels for jaw, lips, rounding and tongue, each with its own reach in time, followed by
hard constraints: bilabials always seal the lips, labiodentals always bring the lower lip to the upper teeth.
The lip channel is the inner-lip gap itself, in units of the distance of the outer eye corners, so that it can
be compared with tracked lips; the weights that make a gap follow from the linear response of ICT-FaceKit's
shapes. Targets and reaches of English phones were fitted to the tracked lips of GRID speaker s1
(`docs/training.md`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.rig import RIG_CONTROLS
from training.upper_face import upper_face

FRAME_RATE = 50
FloatArray = NDArray[np.float32]

PAUSE = "pau"
BILABIALS = frozenset({"p", "b", "m"})
LABIODENTALS = frozenset({"f", "v"})
VOWELS = frozenset(
    ("aa", "ae", "ah", "ao", "aw", "ax", "axr", "ay", "eh", "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw")
)

# Change of the inner-lip gap for a weight of 1, over the distance of the outer eye corners (9.0 cm), measured
# on the ICT-FaceKit mean head. Left and right shapes are counted together.
GAP_OF_JAW_OPEN = 0.364
GAP_OF_MOUTH_CLOSE = -0.430
GAP_OF_FUNNEL = 0.147
GAP_OF_LIPS_APART = 0.152
GAP_OF_ROLL_LOWER = -0.035

PRESSED_GAP = -0.004
LABIODENTAL_GAP = 0.022
CLOSURE_HOLD = 0.056
CLOSURE_RAMP = 0.065
# Tracked lips meet just before a stop or nasal is heard and begin to part some 25 ms before its end.
CLOSURE_LEAD = 0.012
TIME_TOLERANCE = 0.001


@dataclass(frozen=True)
class Phone:
    """One phone: ARPABET name in lower case as flite prints it, start and end in seconds.

    ``stress`` runs from 0 (reduced) to 1 (accented); ``loudness`` is in dB over the utterance's median vowel.
    """

    name: str
    start: float
    end: float
    stress: float = 0.3
    loudness: float = 0.0


@dataclass(frozen=True)
class SpeakingStyle:
    """How one speaker articulates; 1 is the calibration speaker's manner for every amplitude."""

    jaw: float = 1.0
    lips: float = 1.0
    rounding: float = 1.0
    spreading: float = 1.0
    precision: float = 1.0
    smile: float = 0.0
    asymmetry: float = 0.0
    rest_gap: float = 0.0

    @staticmethod
    def draw(rng: np.random.Generator) -> "SpeakingStyle":
        """Draw a speaking style; amplitudes vary by about a quarter, as between the talkers we measured."""
        return SpeakingStyle(
            jaw=float(np.clip(rng.normal(1.2, 0.25), 0.6, 1.8)),
            lips=float(np.clip(np.exp(rng.normal(0.22, 0.2)), 0.75, 1.9)),
            rounding=float(np.clip(rng.normal(1.3, 0.3), 0.7, 2.0)),
            spreading=float(np.clip(rng.normal(1.0, 0.35), 0.2, 1.8)),
            precision=float(np.clip(rng.normal(1.0, 0.12), 0.75, 1.3)),
            smile=float(np.clip(rng.normal(0.02, 0.06), 0.0, 0.2)),
            asymmetry=float(np.clip(rng.normal(0.0, 0.1), -0.25, 0.25)),
            rest_gap=float(max(0.0, rng.normal(-0.01, 0.012))),
        )


class Posture(NamedTuple):
    """What a phone asks of the face, and how strongly it insists on it against its neighbours."""

    gap: float
    jaw: float
    rounding: float = 0.0
    spreading: float = 0.0
    tongue_tip: float = 0.0
    tongue_between: float = 0.0
    tongue_back: float = 0.0
    lip_strength: float = 1.0
    rounding_strength: float = 0.5


POSTURES: dict[str, Posture] = {
    PAUSE: Posture(0.000, 0.01, lip_strength=0.55),
    "aa": Posture(0.145, 0.33, tongue_back=0.1, lip_strength=1.4),
    "ae": Posture(0.125, 0.29, spreading=0.20),
    "ah": Posture(0.100, 0.22),
    "ax": Posture(0.075, 0.15, lip_strength=0.5, rounding_strength=0.3),
    "ao": Posture(0.095, 0.27, rounding=0.50, tongue_back=0.2, rounding_strength=1.0),
    "eh": Posture(0.135, 0.27, spreading=0.20, lip_strength=1.2),
    "er": Posture(0.050, 0.13, rounding=0.40, tongue_back=0.3, rounding_strength=0.9),
    "ih": Posture(0.110, 0.18, spreading=0.15, lip_strength=0.9),
    "iy": Posture(0.110, 0.15, spreading=0.35, tongue_tip=0.1, lip_strength=0.9, rounding_strength=0.9),
    "ow": Posture(0.050, 0.14, rounding=0.80, tongue_back=0.3, rounding_strength=1.2),
    "uh": Posture(0.060, 0.13, rounding=0.45, tongue_back=0.3, rounding_strength=0.9),
    "uw": Posture(0.030, 0.08, rounding=0.90, tongue_back=0.4, lip_strength=1.2, rounding_strength=1.3),
    "p": Posture(PRESSED_GAP, 0.05, lip_strength=4.0, rounding_strength=0.2),
    "b": Posture(PRESSED_GAP, 0.05, lip_strength=4.0, rounding_strength=0.2),
    "m": Posture(PRESSED_GAP, 0.05, lip_strength=4.0, rounding_strength=0.2),
    "f": Posture(LABIODENTAL_GAP, 0.06, lip_strength=2.6, rounding_strength=0.3),
    "v": Posture(LABIODENTAL_GAP, 0.06, lip_strength=2.6, rounding_strength=0.3),
    "th": Posture(0.025, 0.08, tongue_between=1.0, lip_strength=1.4),
    "dh": Posture(0.030, 0.08, tongue_between=0.8, lip_strength=0.9),
    "t": Posture(0.085, 0.09, tongue_tip=0.9, lip_strength=0.7, rounding_strength=0.25),
    "d": Posture(0.070, 0.09, tongue_tip=0.9, lip_strength=0.65, rounding_strength=0.25),
    "n": Posture(0.045, 0.09, tongue_tip=1.0, lip_strength=0.4, rounding_strength=0.25),
    "l": Posture(0.080, 0.14, tongue_tip=1.0, lip_strength=0.8, rounding_strength=0.25),
    "s": Posture(0.075, 0.06, spreading=0.15, tongue_tip=0.4),
    "z": Posture(0.060, 0.05, spreading=0.15, tongue_tip=0.4, lip_strength=0.9),
    "sh": Posture(0.085, 0.06, rounding=0.65, tongue_tip=0.2, lip_strength=1.1, rounding_strength=1.2),
    "zh": Posture(0.085, 0.06, rounding=0.60, tongue_tip=0.2, lip_strength=1.0, rounding_strength=1.1),
    "ch": Posture(0.085, 0.06, rounding=0.60, tongue_tip=0.6, lip_strength=1.0, rounding_strength=1.1),
    "jh": Posture(0.085, 0.06, rounding=0.55, tongue_tip=0.6, lip_strength=1.0, rounding_strength=1.0),
    "k": Posture(0.095, 0.16, tongue_back=1.0, lip_strength=0.4, rounding_strength=0.2),
    "g": Posture(0.075, 0.14, tongue_back=1.0, lip_strength=0.4, rounding_strength=0.2),
    "ng": Posture(0.060, 0.12, tongue_back=1.0, lip_strength=0.4, rounding_strength=0.2),
    "hh": Posture(0.070, 0.14, lip_strength=0.2, rounding_strength=0.1),
    "r": Posture(0.025, 0.09, rounding=0.55, tongue_back=0.4, lip_strength=1.3, rounding_strength=1.0),
    "w": Posture(0.010, 0.07, rounding=1.00, tongue_back=0.3, lip_strength=2.0, rounding_strength=1.4),
    "y": Posture(0.072, 0.09, spreading=0.30, tongue_tip=0.1, lip_strength=0.8),
}

# Vowels that move: the postures at their beginning and end.
GLIDES = {
    "ey": ("eh", "iy"),
    "ay": ("aa", "iy"),
    "oy": ("ao", "iy"),
    "aw": ("aa", "uw"),
    "ow": ("ao", "ow"),
}
SAME_POSTURE = {
    "axr": "er",
    "dx": "d",
    "el": "l",
    "em": "m",
    "en": "n",
    "hv": "hh",
    "sil": PAUSE,
    "h#": PAUSE,
}


class Reach(NamedTuple):
    """How far, in seconds, a phone spreads before its start and after its end in one channel."""

    ahead: float
    after: float


LIP_REACH = Reach(0.063, 0.042)
JAW_REACH = Reach(0.080, 0.060)
ROUNDING_REACH = Reach(0.085, 0.050)
TONGUE_REACH = Reach(0.040, 0.030)
# A phone rules fully only in the middle of its time: this share of it goes off each end, and at most so many
# seconds, lest the mouth hang open when speech stops.
INSET_SHARE = 0.45
INSET_LIMIT = 0.1


def articulate(phones: Sequence[Phone], frames: int, style: SpeakingStyle, rng: np.random.Generator) -> FloatArray:
    """Rig weights of a whole face saying ``phones``.

    Args:
        phones: consecutive phones in order of time, pauses included.
        frames: number of frames at 50 Hz; frame i is the face at i / 50 seconds.
        style: the speaker's manner.
        rng: the source of everything the sound does not tell: blinks, gaze, brows, breath.

    Returns:
        Weights ``[frames, len(RIG_CONTROLS)]`` in 0 to 1.

    Raises:
        ValueError: a phone is unknown, ends before it starts, or starts before its predecessor.
    """
    _check(phones)
    mouth = mouth_weights(phones, frames, style, rng)
    accents = [((p.start + p.end) / 2, p.stress) for p in phones if p.name in VOWELS]
    pauses = [(p.start, p.end) for p in phones if _posture_name(p.name) == PAUSE]
    upper = upper_face(accents, pauses, frames, rng)
    weights = np.zeros((frames, len(RIG_CONTROLS)), np.float32)
    for name, curve in (mouth | upper).items():
        weights[:, RIG_CONTROLS.index(name)] = curve
    return np.clip(weights, 0.0, 1.0)


def mouth_weights(
    phones: Sequence[Phone], frames: int, style: SpeakingStyle, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Weights of jaw, lips and tongue by control name, each ``[frames]``; arguments as in `articulate`."""
    segments = _segments(phones)
    times = np.arange(frames) / FRAME_RATE
    lips, jaw, rounding, tongue = (
        dominance(segments, times, reach, style.precision, strengths)
        for reach, strengths in (
            (LIP_REACH, [s.posture.lip_strength for s in segments]),
            (JAW_REACH, [s.posture.lip_strength for s in segments]),
            (ROUNDING_REACH, [s.posture.rounding_strength for s in segments]),
            (TONGUE_REACH, [1.0] * len(segments)),
        )
    )
    opening = np.array([s.opening for s in segments])
    postures = np.array([s.posture for s in segments])
    column = {name: postures[:, i] for i, name in enumerate(Posture._fields)}
    rest = np.array([style.rest_gap if s.is_pause else 0.0 for s in segments])
    gap = lips @ (column["gap"] * opening * style.lips + rest)
    jaw_open = jaw @ (column["jaw"] * opening * style.jaw) + _breath(times, rng)
    curves = _lip_weights(
        phones,
        times,
        gap,
        jaw_open,
        rounding @ column["rounding"] * style.rounding,
        rounding @ column["spreading"] * style.spreading,
        style,
    )
    curves["tongueTipUp"] = tongue @ column["tongue_tip"]
    curves["tongueBetweenTeeth"] = tongue @ column["tongue_between"]
    curves["tongueBackUp"] = tongue @ column["tongue_back"]
    return curves


class _Segment(NamedTuple):
    start: float
    end: float
    posture: Posture
    opening: float
    is_pause: bool


def _segments(phones: Sequence[Phone]) -> list[_Segment]:
    """Phones as postures in time; vowels that glide become two."""
    segments = []
    for phone in phones:
        names = GLIDES.get(phone.name, (_posture_name(phone.name),))
        opening = _vowel_opening(phone) if phone.name in VOWELS else 1.0
        edges = np.linspace(phone.start, phone.end, len(names) + 1)
        for name, start, end in zip(names, edges[:-1], edges[1:], strict=True):
            segments.append(_Segment(float(start), float(end), POSTURES[name], opening, name == PAUSE))
    return segments


def _posture_name(phone: str) -> str:
    return SAME_POSTURE.get(phone, phone)


def _vowel_opening(phone: Phone) -> float:
    """How far a vowel opens relative to its posture: louder and stressed vowels open further."""
    loudness = np.clip(phone.loudness, -12.0, 9.0)
    return float(np.clip((0.9 + 0.3 * phone.stress) * (1.0 + 0.025 * loudness), 0.55, 1.45))


def dominance(
    segments: Sequence[_Segment],
    times: NDArray[np.float64],
    reach: Reach,
    precision: float,
    strengths: list[float],
) -> NDArray[np.float64]:
    """Share of every segment in the posture at every time: ``[len(times), len(segments)]``, rows sum to 1.

    A segment's dominance is its strength in the middle of its own time and falls off as a Gaussian of
    ``reach / precision`` seconds outside; shares are dominances normalised at each time.
    """
    start = np.array([s.start for s in segments])
    end = np.array([s.end for s in segments])
    inset = np.minimum(INSET_SHARE * (end - start), INSET_LIMIT)
    before = np.maximum(start + inset - times[:, None], 0.0) / reach.ahead
    after = np.maximum(times[:, None] - (end - inset), 0.0) / reach.after
    exponent = np.log(strengths) - 0.5 * ((before + after) * precision) ** 2
    share = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return np.asarray(share / share.sum(axis=1, keepdims=True))


def contact(phones: Sequence[Phone], names: frozenset[str], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the lips are in contact for the phones called ``names``: 0 to 1, ``[len(times)]``.

    1 for at least `CLOSURE_HOLD` seconds around each such phone, hence for two frames at least; rising and
    falling over `CLOSURE_RAMP` seconds as tracked lips do.
    """
    result = np.zeros(len(times))
    for phone in phones:
        if _posture_name(phone.name) not in names:
            continue
        middle = (phone.start + phone.end) / 2 - CLOSURE_LEAD
        half = max(phone.end - phone.start - CLOSURE_LEAD, CLOSURE_HOLD) / 2
        outside = np.maximum(np.abs(times - middle) - half, 0.0) / CLOSURE_RAMP
        result = np.maximum(result, 1.0 - _smooth_step(outside))
    return result


def _smooth_step(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _breath(times: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """The jaw's slow rise and fall with the breath, as a jawOpen weight."""
    rate = rng.uniform(0.2, 0.35)
    return np.asarray(0.004 * (1.0 + np.sin(2 * np.pi * (rate * times + rng.uniform()))))


def _lip_weights(
    phones: Sequence[Phone],
    times: NDArray[np.float64],
    gap: NDArray[np.float64],
    jaw: NDArray[np.float64],
    rounding: NDArray[np.float64],
    spreading: NDArray[np.float64],
    style: SpeakingStyle,
) -> dict[str, FloatArray]:
    """Lip controls that produce the inner-lip gap ``gap`` on a jaw that is open by ``jaw``."""
    seal = contact(phones, BILABIALS, times)
    bite = contact(phones, LABIODENTALS, times) * (1.0 - seal)
    gap = gap * (1.0 - seal) + PRESSED_GAP * seal
    gap = gap * (1.0 - bite) + LABIODENTAL_GAP * bite
    jaw = np.clip(jaw, 0.0, 1.0)
    openness = np.clip(gap / 0.09, 0.0, 1.0)
    rounding = np.clip(rounding, 0.0, 1.3) * (1.0 - 0.6 * bite)
    pucker, funnel = rounding * (1.0 - 0.6 * openness), rounding * (0.25 + 0.5 * openness) * (1.0 - seal)
    roll_lower, upper_teeth = 0.55 * bite + 0.06 * seal, 0.12 * bite
    missing = (
        gap
        - jaw * GAP_OF_JAW_OPEN
        - funnel * GAP_OF_FUNNEL
        - roll_lower * GAP_OF_ROLL_LOWER
        - upper_teeth * GAP_OF_LIPS_APART / 2
    )
    apart = np.maximum(missing, 0.0) / GAP_OF_LIPS_APART
    left, right = 1.0 + style.asymmetry, 1.0 - style.asymmetry
    curves = {
        "jawOpen": jaw,
        "mouthClose": np.maximum(-missing, 0.0) / -GAP_OF_MOUTH_CLOSE,
        "mouthPucker": pucker,
        "mouthFunnel": funnel,
        "mouthRollLower": roll_lower,
        "mouthRollUpper": 0.05 * seal,
    }
    for side, gain in (("L", left), ("R", right)):
        curves[f"mouthUpperUp_{side}"] = apart * gain + upper_teeth
        curves[f"mouthLowerDown_{side}"] = apart * gain
        curves[f"mouthPress_{side}"] = 0.18 * seal
        curves[f"mouthStretch_{side}"] = 0.55 * spreading * gain
        curves[f"mouthSmile_{side}"] = (0.25 * spreading + style.smile) * gain
    return {name: curve.astype(np.float32) for name, curve in curves.items()}


def _check(phones: Sequence[Phone]) -> None:
    previous = 0.0
    for phone in phones:
        if phone.name not in GLIDES and _posture_name(phone.name) not in POSTURES:
            raise ValueError(f"phone {phone.name!r} is not in the articulation table")
        if not previous - TIME_TOLERANCE <= phone.start < phone.end:
            raise ValueError(f"phone {phone.name!r} at {phone.start:.3f} s is out of order or empty")
        previous = phone.end
