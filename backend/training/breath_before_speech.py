"""Lips part for breath before somebody speaks: half a second to a second ahead, as far as for a quiet vowel.

Speakers take their breath through the mouth right before they begin, and lips that part for it are seen, and often
heard, long before the first sound (Scobbie, Schaeffler, Mennen, "Audible aspects of speech preparation", 2011). Of how
long and how far we know no statistics; the ranges are ours.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.eased import ease
from training.lip_geometry import Curve
from training.parted_lips import lip_height, part_lips

LEAD = (0.6, 1.3)  # seconds from parting to the first sound
# Inner-lip height over the distance of the outer eye corners: median, deviation of its logarithm, and what bounds it.
OPENING, OPENING_DEVIATION, LEAST, MOST = 0.075, 0.4, 0.03, 0.16
RISE, FALL = 0.25, 0.12  # seconds; the fall leaves the lips to the first sound, which may shut them
SHORTEST_PAUSE = 0.25  # seconds; in a shorter one nobody breathes
# Lips stay as they were this long after the sound before.
REST = 0.15
JAW_SHARE = 0.6


def breath_before_speech(
    pauses: Sequence[tuple[float, float]], frames: int, frame_rate: int, rng: np.random.Generator
) -> Curve:
    """How far lips are parted for breath at least, ``[frames]``, over the distance of the outer eye corners.

    Args:
        pauses: start and end, in seconds, of the pauses that end with speech. One that starts at 0 may have begun
            before, and so may the breath.
        frames: of the line.
        frame_rate: frames per second.
        rng: the source of how early and how far.
    """
    times = np.arange(frames) / frame_rate
    least = np.zeros(frames)
    for start, end in pauses:
        height = np.clip(rng.lognormal(np.log(OPENING), OPENING_DEVIATION), LEAST, MOST)
        begin = end - rng.uniform(*LEAD)
        if start > 0.0:
            begin = max(begin, start + REST)
        if end - start < SHORTEST_PAUSE or end - begin < FALL:
            continue
        shape = np.minimum(ease((times - begin) / RISE), ease((end - times) / FALL))
        least = np.maximum(least, height * shape)
    return least


def take_breath(weights: NDArray[np.float64], least: Curve) -> NDArray[np.float64]:
    """Rig weights ``[T, R]`` with lips and jaw as far apart as ``least`` ``[T]`` says, where they are less."""
    return part_lips(weights, np.where(least > 0.0, np.maximum(least - lip_height(weights), 0.0), 0.0), JAW_SHARE)
