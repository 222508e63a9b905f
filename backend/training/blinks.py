"""When eyes blink, and how: drawn from what is known of people who talk.

Talkers blink 8 to 30 times a minute, each at a rate of their own (Bentivoglio et al., "Analysis of blink rate patterns
in normal subjects", 1997), at intervals skewed to the right; lids fall in about 90 ms and rise in about 175 ms
(Trutoiu et al., "Modeling and animating eye blinks", 2011). Blinks gather where speech pauses (Nakano and Kitazawa,
"Eyeblink entrainment at breakpoints of speech", 2010) and come with large shifts of gaze (Evinger et al., 1994).
"""

from collections.abc import Sequence

import numpy as np

from training.eased import Curve, ease

SLOWEST, FASTEST = 8.0, 30.0  # blinks a minute
REFRACTORY = 0.4  # seconds from one onset to the next, at least
PAUSE_AHEAD, PAUSE_PULL = 0.7, 0.75  # a pause so many seconds ahead draws a blink with this probability
WITH_SHIFT = 0.5  # probability of a blink with a large shift of gaze
INCOMPLETE = 0.12  # share of blinks that do not close the eye


def blink_onsets(
    seconds: float,
    pauses: Sequence[tuple[float, float]],
    shifts: Sequence[float],
    rate_factor: float,
    rng: np.random.Generator,
) -> list[float]:
    """Onsets in seconds, in order.

    Args:
        seconds: how long.
        pauses: start and end of pauses in speech.
        shifts: when gaze shifts far.
        rate_factor: of the rate that is drawn; fear blinks more, anger less.
        rng: of every draw.
    """
    interval = 60.0 / (rate_factor * float(np.exp(rng.uniform(np.log(SLOWEST), np.log(FASTEST)))))
    onsets = [shift for shift in shifts if rng.random() < WITH_SHIFT]
    # What shifts of gaze bring is not left over for the spontaneous ones.
    spontaneous = 1.0 / max(1.0 / interval - len(onsets) / max(seconds, 1.0), 0.3 / interval)
    now = rng.uniform(0.0, spontaneous)
    while now < seconds:
        drawn = [start for start, _ in pauses if 0.0 <= start - now < PAUSE_AHEAD]
        if drawn and rng.random() < PAUSE_PULL:
            now = drawn[0] + rng.uniform(0.0, 0.12)
        onsets.append(now)
        now += REFRACTORY + rng.gamma(1.6, (spontaneous - REFRACTORY) / 1.6)
    return _apart(sorted(onsets))


def _apart(onsets: Sequence[float]) -> list[float]:
    kept: list[float] = []
    for onset in onsets:
        if not kept or onset - kept[-1] >= REFRACTORY:
            kept.append(onset)
    return kept


def lid_closure(times: Curve, onsets: Sequence[float], rng: np.random.Generator) -> Curve:
    """How far the lids are closed at ``times`` ``[T]``: 0 open, 1 shut."""
    closure = np.zeros(len(times))
    for onset in onsets:
        closing, hold, opening = rng.uniform(0.08, 0.10), rng.uniform(0.022, 0.05), rng.uniform(0.15, 0.20)
        depth = rng.uniform(0.55, 0.9) if rng.random() < INCOMPLETE else 1.0
        falling = ease((times - onset) / closing)
        rising = ease((times - onset - closing - hold) / opening)
        closure = np.maximum(closure, depth * (falling - rising))
    return closure
