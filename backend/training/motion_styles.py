"""The style of an utterance as the motion model is told it: how far its face moves, its emotion and its source."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from facetalk.motion.style import LARGEST_AMPLITUDE, Style
from training.rig import RIG_CONTROLS

UPPER_FACE = ("brow", "cheekSquint", "eyeSquint", "eyeWide")
STILL = 1e-3  # a deviation below is none: a resting face has no amplitude


def amplitudes(weights: Tensor, lip_height: Tensor) -> Tensor:
    """How far lips, jaw and upper face move in an utterance, in the order of ``style.AMPLITUDES``.

    Args:
        weights: rig weights ``[T, R]``.
        lip_height: the inner-lip height ``[T]``.

    Returns:
        Standard deviations in time ``[3]``; of the upper face that of all its controls together.
    """
    upper = [index for index, name in enumerate(RIG_CONTROLS) if name.startswith(UPPER_FACE)]
    jaw = RIG_CONTROLS.index("jawOpen")
    return torch.stack(
        [
            lip_height.std(correction=0),
            weights[:, jaw].std(correction=0),
            weights[:, upper].var(dim=0, correction=0).sum().sqrt(),
        ]
    )


def typical_amplitudes(each: list[Tensor]) -> Tensor:
    """What is typical of utterances' ``amplitudes``: their geometric mean ``[3]``, still ones left out."""
    stacked = torch.stack(each)
    return torch.stack([column[column > STILL].log().mean().exp() for column in stacked.T])


def utterance_style(amplitude: Tensor, typical: Tensor, entry: Mapping[str, Any]) -> Style:
    """The style of one utterance.

    Args:
        amplitude: its ``amplitudes`` ``[3]``.
        typical: of all training ``[3]``.
        entry: what the corpus' manifest says of it: ``emotion`` and ``strength`` if they are known, and ``recorded``.
    """
    relative = (amplitude / typical).clamp(1.0 / LARGEST_AMPLITUDE, LARGEST_AMPLITUDE).tolist()
    lips, jaw, upper_face = (
        value if moving else None for value, moving in zip(relative, (amplitude > STILL).tolist(), strict=True)
    )
    return Style(
        lips, jaw, upper_face, entry.get("emotion"), float(entry.get("strength", 0.0)), bool(entry.get("recorded"))
    )
