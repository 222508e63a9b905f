"""The 52 expression keys of ARKit, and which of a head's rig controls make each.

Names and meaning are Apple's (``ARFaceAnchor.BlendShapeLocation``), the order is that of Live Link Face. Left and right
are the subject's.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from facetalk.errors import UserError

_EYE = ("eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide")
SIDES = {"Left": "_L", "Right": "_R"}

ARKIT_KEYS: tuple[str, ...] = (
    *(f"{name}{side}" for side in SIDES for name in _EYE),
    *("jawForward", "jawRight", "jawLeft", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthRight", "mouthLeft"),
    *(f"{name}{side}" for name in ("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch") for side in SIDES),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *(f"{name}{side}" for name in ("mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown") for side in SIDES),
    *("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut"),
)
# ARKit has one key for the tongue, and speech needs four.
TONGUE_KEYS = ("tongueTipUp", "tongueBetweenTeeth", "tongueBackUp")
# A key that undoes another one, or needs it, is what it does to that: lips that close over an open jaw, and a tongue
# that finds room in it.
DONE_OVER = dict.fromkeys(("mouthClose", "tongueOut", *TONGUE_KEYS), "jawOpen")
# Keys that move the same thing opposite ways: at once they mean nothing.
OPPOSED = (("mouthLeft", "mouthRight"), ("jawLeft", "jawRight"))


def controls_of(key: str, controls: Sequence[str]) -> tuple[str, ...]:
    """The rig controls that make a key: one, or those of both sides where the key has none.

    Args:
        key: an ARKit name, such as ``eyeBlinkLeft`` or ``browInnerUp``.
        controls: the head's, as ICT-FaceKit spells them, such as ``eyeBlink_L``.

    Raises:
        UserError: the head has no control for it.
    """
    one_sided = [key.removesuffix(side) + mark for side, mark in SIDES.items() if key.endswith(side)]
    for names in ((key,), tuple(one_sided), tuple(key + mark for mark in SIDES.values())):
        if names and all(name in controls for name in names):
            return names
    raise UserError(f"The head has no rig control for the key {key}: a named rig needs the embedded head.")


def key_code(key: str, controls: Sequence[str], rig_to_code: Tensor) -> Tensor:
    """The expression code ``[E]`` of a key at weight 1.

    Args:
        key: an ARKit name.
        controls: names of the R rig controls.
        rig_to_code: ``[R, E]``.

    Raises:
        UserError: the head has no control for it.
    """
    rows = [list(controls).index(name) for name in controls_of(key, controls)]
    return rig_to_code[torch.tensor(rows)].sum(dim=0)
