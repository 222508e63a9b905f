"""What the fit knows of rig controls before it has seen anything: which are likely, and what cannot be seen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Half the squared weight costs this much, in units of squared distances over that of the outer eye corners: how far
# from being the obvious choice a control is. A chin that drops is the jaw; rolled or pressed lips pay for themselves.
COST = {
    **{"jawOpen": 0.004, "mouthClose": 0.006, "mouthFunnel": 0.020, "mouthPucker": 0.002, "mouthStretch": 0.003},
    **{"mouthSmile": 0.003, "mouthUpperUp": 0.003, "mouthLowerDown": 0.003, "mouthPress": 0.015, "mouthFrown": 0.006},
    **{"mouthRollLower": 0.020, "mouthRollUpper": 0.030, "mouthShrugLower": 0.015, "mouthShrugUpper": 0.015},
    **{"mouthLeft": 0.010, "mouthRight": 0.010, "mouthDimple": 0.012, "jawLeft": 0.015, "jawRight": 0.015},
    **{"browDown": 0.002, "browInnerUp": 0.002, "browOuterUp": 0.002, "eyeBlink": 0.0005, "eyeWide": 0.004},
    **{"eyeLookDown": 0.001, "eyeLookUp": 0.001, "eyeLookIn": 0.001, "eyeLookOut": 0.001, "eyeSquint": 0.012},
    **{"jawForward": 0.08, "noseSneer": 0.03, "cheekPuff": 0.08, "cheekRaiser": 0.06, "cheekSquint": 0.04},
}
UNSEEN = ("tongue", "PupilDilate")  # at rest: landmarks do not show them
LOPSIDED = 0.004  # for the difference of a pair's weights; eyes look aside together and pay nothing
CHANGE_COST = {"jaw": 0.004, "mouth": 0.004, "eyeBlink": 0.001, "eye": 0.002, "brow": 0.010}
OTHER_CHANGE_COST = 0.02
SLOW = 0.04  # of a weight in a frame of 20 ms


def prior(controls: Sequence[str]) -> FloatArray:
    """The quadratic cost of weights ``[R, R]``."""
    cost = np.diag([COST.get(_without_side(name), 1.0) for name in controls])
    for left, name in enumerate(controls):
        if name.endswith("_L") and not name.startswith("eyeLook"):
            pair = np.zeros(len(controls))
            pair[left], pair[list(controls).index(f"{name[:-2]}_R")] = 1.0, -1.0
            cost += LOPSIDED * np.outer(pair, pair)
    return cost


def change_cost(controls: Sequence[str]) -> FloatArray:
    """The cost of weights that change ``[R]``."""
    costs = (
        next((cost for kind, cost in CHANGE_COST.items() if name.startswith(kind)), OTHER_CHANGE_COST)
        for name in controls
    )
    return np.array(list(costs))


def limits(controls: Sequence[str]) -> FloatArray:
    """The largest weights ``[R]``: 1, and 0 for what is not seen."""
    return np.array([0.0 if name.startswith(UNSEEN) else 1.0 for name in controls])


def _without_side(control: str) -> str:
    return control.removesuffix("_L").removesuffix("_R")
