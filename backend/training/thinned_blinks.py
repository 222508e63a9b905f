"""Blinks taken out of recorded faces, where a speaker blinks far more often than people who talk.

GRID's s1 blinks 50 times a minute, reading from a screen; a model that learns him does, and it looks nervous.
"""

import numpy as np
from numpy.typing import NDArray

from facetalk.runs import runs
from training.rig import RIG_CONTROLS

FloatArray = NDArray[np.float64]

# Blinks a minute in conversation (Bentivoglio et al., "Analysis of blink rate patterns in normal subjects", 1997).
IN_CONVERSATION = 26.0
LIDS = [RIG_CONTROLS.index(f"eyeBlink_{side}") for side in "LR"]
SHUT = 0.5  # weight from which on a lid blinks


def thin_blinks(weights: FloatArray, rate: int, rng: np.random.Generator) -> FloatArray:
    """Rig weights ``[clips, T, R]`` at ``rate`` frames per second in which eyes blink `IN_CONVERSATION` times a minute.

    Those that go are drawn by lot; lids go straight from where they began to fall to where they have risen. Speakers
    who blink less often stay as they are.
    """
    result = weights.copy()
    blinks = [(clip, *blink) for clip in range(len(weights)) for blink in _blinks(weights[clip])]
    minutes = weights.shape[0] * weights.shape[1] / (60.0 * rate)
    spare = max(len(blinks) - round(IN_CONVERSATION * minutes), 0)
    for place in rng.permutation(len(blinks))[:spare]:
        clip, first, last = blinks[place]
        share = np.linspace(0.0, 1.0, last - first + 1)[:, None]
        ends = weights[clip, [first, last]][:, LIDS]
        result[clip, first : last + 1, LIDS] = ((1.0 - share) * ends[0] + share * ends[1]).T
    return result


def _blinks(weights: FloatArray) -> list[tuple[int, int]]:
    """First and last frames of the blinks in ``[T, R]``: from where both lids fall to where they have risen."""
    closure = weights[:, LIDS].min(axis=1)
    blinks: list[tuple[int, int]] = []
    for first, end in runs(closure > SHUT):
        last = end - 1
        while first > 0 and closure[first - 1] < closure[first]:
            first -= 1
        while last + 1 < len(closure) and closure[last + 1] < closure[last]:
            last += 1
        if not blinks or first > blinks[-1][1]:
            blinks.append((first, last))
    return blinks
