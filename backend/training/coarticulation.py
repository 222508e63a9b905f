"""How neighbouring phones share the face: the dominance model, as one function that can be differentiated.

After Cohen and Massaro, "Modeling coarticulation in synthetic visual speech", 1993: every phone rules the face most in
the middle of its own time and less and less before and after; at every moment the face is the mean of what all phones
ask for, each weighted by its dominance. Here a phone has its own strength and its own reach ahead and after in every
channel, which is how rounding begins long before its vowel while a tongue tip does not.
"""

import torch
from torch import Tensor

# A phone rules fully up to this many seconds from its ends: the middle alone of a short one, most of a held vowel.
HOLD_MARGIN = 0.1


def shares(
    times: Tensor, start: Tensor, end: Tensor, log_strength: Tensor, ahead: Tensor, after: Tensor, exponent: Tensor
) -> Tensor:
    """The share of every phone in the face at every time.

    Args:
        times: ``[T]``, seconds.
        start: ``[..., P]``, seconds, as are ``end``, ``ahead`` and ``after``.
        end: when each phone ends.
        log_strength: ``[..., P]``; minus infinity for what pads a batch.
        ahead: how far before its middle a phone's dominance falls to exp(-1/2).
        after: the same behind it.
        exponent: ``[]``; 2 for a bell, 1 for Cohen and Massaro's tent with exponential sides.

    Returns:
        ``[..., T, P]``; every row sums to 1.
    """
    margin = ((end - start) / 2).clamp(max=HOLD_MARGIN)
    now = times[:, None]
    before = ((start + margin)[..., None, :] - now).clamp(min=0.0) / ahead[..., None, :]
    behind = (now - (end - margin)[..., None, :]).clamp(min=0.0) / after[..., None, :]
    # The tiny constant keeps the derivative of the power finite at 0.
    return torch.softmax(log_strength[..., None, :] - 0.5 * (before + behind + 1e-4) ** exponent, dim=-1)
