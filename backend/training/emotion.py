"""What a feeling does to a face that speaks: the actions of FACS, small enough that words keep their mouth shapes.

Which muscles belong to which feeling is from Ekman and Friesen, "Facial action coding system", 1978, and their EMFACS;
how much of each remains in speech is by eye.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

Feeling = Literal["neutral", "happy", "sad", "angry", "surprised", "afraid", "disgusted"]


class Emotion(NamedTuple):
    """A feeling and how strong it is, 0 (hidden) to 1 (as strong as speech allows)."""

    feeling: Feeling = "neutral"
    strength: float = 0.0

    @staticmethod
    def draw(rng: np.random.Generator, emotional_share: float = 0.35) -> "Emotion":
        """Neutral mostly; else any feeling, weak ones more often than strong ones."""
        if rng.random() >= emotional_share:
            return Emotion()
        feeling = rng.choice([name for name in EXPRESSIONS if name != "neutral"])
        return Emotion(feeling, float(rng.beta(1.5, 2.0)))


class Expression(NamedTuple):
    """One feeling at its full strength.

    Attributes:
        upper: rig controls, without sides, of brows, lids, cheeks and nose.
        mouth: controls of the mouth; closures overrule them.
        jaw: factor of the jaw's amplitude, as are ``lips``, ``blinks`` (of their rate) and ``brows`` (of their
            liveliness).
        gaze_down: eyes that stay lowered, as a weight.
    """

    upper: Mapping[str, float]
    mouth: Mapping[str, float]
    jaw: float = 1.0
    lips: float = 1.0
    blinks: float = 1.0
    brows: float = 1.0
    gaze_down: float = 0.0


EXPRESSIONS: dict[Feeling, Expression] = {
    "neutral": Expression({}, {}),
    "happy": Expression(
        {"cheekSquint": 0.55, "eyeSquint": 0.25, "browOuterUp": 0.1},
        {"mouthSmile": 0.55, "mouthUpperUp": 0.08},
        lips=1.1,
        brows=1.3,
    ),
    "sad": Expression(
        {"browInnerUp": 0.65, "browDown": 0.15, "eyeSquint": 0.15},
        {"mouthFrown": 0.45, "mouthShrugLower": 0.12},
        jaw=0.8,
        lips=0.85,
        blinks=1.2,
        brows=0.5,
        gaze_down=0.2,
    ),
    "angry": Expression(
        {"browDown": 0.8, "eyeSquint": 0.3, "noseSneer": 0.3, "eyeWide": 0.12},
        {"mouthFrown": 0.15, "mouthStretch": 0.12, "mouthUpperUp": 0.1},
        jaw=1.1,
        lips=1.1,
        blinks=0.7,
        brows=0.7,
    ),
    "surprised": Expression(
        {"browInnerUp": 0.75, "browOuterUp": 0.7, "eyeWide": 0.6},
        {"mouthFunnel": 0.08},
        jaw=1.3,
        lips=1.15,
        blinks=0.7,
        brows=1.3,
    ),
    "afraid": Expression(
        {"browInnerUp": 0.7, "browOuterUp": 0.25, "browDown": 0.35, "eyeWide": 0.65},
        {"mouthStretch": 0.35, "mouthFrown": 0.12},
        blinks=1.6,
    ),
    "disgusted": Expression(
        {"noseSneer": 0.65, "browDown": 0.4, "cheekSquint": 0.35, "eyeSquint": 0.3},
        {"mouthUpperUp": 0.3, "mouthFrown": 0.3},
        brows=0.7,
    ),
}


NEUTRAL = Emotion()
NO_EXPRESSION = EXPRESSIONS["neutral"]


def expression(emotion: Emotion) -> Expression:
    """What the emotion does at its strength.

    Raises:
        ValueError: the feeling is unknown or the strength is not within 0 to 1.
    """
    if emotion.feeling not in EXPRESSIONS or not 0.0 <= emotion.strength <= 1.0:
        raise ValueError(f"{emotion} is none of {', '.join(EXPRESSIONS)} at a strength of 0 to 1")
    full, share = EXPRESSIONS[emotion.feeling], emotion.strength
    return Expression(
        {name: share * weight for name, weight in full.upper.items()},
        {name: share * weight for name, weight in full.mouth.items()},
        jaw=1.0 + share * (full.jaw - 1.0),
        lips=1.0 + share * (full.lips - 1.0),
        blinks=1.0 + share * (full.blinks - 1.0),
        brows=1.0 + share * (full.brows - 1.0),
        gaze_down=share * full.gaze_down,
    )
