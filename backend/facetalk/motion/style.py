"""How a face performs what is said: the conditions beside the speech, each of which may be left to the model."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from facetalk.errors import UserError

AMPLITUDES = ("lips", "jaw", "upper_face")
NEUTRAL = "neutral"
FEELINGS = ("happy", "sad", "angry", "surprised", "afraid", "disgusted")
LARGEST_AMPLITUDE = 3.0  # times what is typical; the smallest is one over it
# Presence of every amplitude, of emotion and source; then their values.
CONDITIONS = (*AMPLITUDES, "emotion", "source")
STYLE_SIZE = len(CONDITIONS) + len(AMPLITUDES) + len(FEELINGS) + 1


@dataclass(frozen=True)
class Style:
    """What is asked of a performance; ``None`` leaves it to the model.

    Attributes:
        lips: how far lips move, over what is typical of the people in training; 1 is typical.
        jaw: the same of the jaw.
        upper_face: the same of brows, cheeks and lids.
        emotion: ``NEUTRAL`` or one of ``FEELINGS``.
        strength: of the emotion, 0 to 1.
        recorded: whether to move as recorded people do, rather than as the articulation model does.
    """

    lips: float | None = None
    jaw: float | None = None
    upper_face: float | None = None
    emotion: str | None = None
    strength: float = 0.5
    recorded: bool | None = None

    def require_sensible(self) -> None:
        """Check the values.

        Raises:
            UserError: an amplitude, the emotion or its strength is out of range.
        """
        for name in AMPLITUDES:
            value = getattr(self, name)
            if value is not None and not 1.0 / LARGEST_AMPLITUDE <= value <= LARGEST_AMPLITUDE:
                raise UserError(
                    f"A style cannot have {name.replace('_', ' ')} of {value:g}: choose a value from "
                    f"{1.0 / LARGEST_AMPLITUDE:.2f} to {LARGEST_AMPLITUDE:g}."
                )
        if self.emotion is not None and self.emotion not in (NEUTRAL, *FEELINGS):
            raise UserError(f"There is no emotion {self.emotion}: choose one of {', '.join((NEUTRAL, *FEELINGS))}.")
        if not 0.0 <= self.strength <= 1.0:
            raise UserError(f"An emotion cannot have a strength of {self.strength:g}: choose a value from 0 to 1.")

    def vector(self) -> Tensor:
        """The style as the denoiser is given it, ``[STYLE_SIZE]``; all zeros where all is left to the model."""
        amplitudes = [getattr(self, name) for name in AMPLITUDES]
        present = [*(value is not None for value in amplitudes), self.emotion is not None, self.recorded is not None]
        logs = [0.0 if value is None else math.log(value) for value in amplitudes]
        feelings = [self.strength if self.emotion == name else 0.0 for name in FEELINGS]
        source = 0.0 if self.recorded is None else 2.0 * self.recorded - 1.0
        return torch.tensor([*map(float, present), *logs, *feelings, source])


ANY_STYLE = Style()


def leave_out(styles: Tensor, left_out: Tensor) -> Tensor:
    """Styles ``[B, STYLE_SIZE]`` without the conditions that are marked in ``[B, len(CONDITIONS)]``, bool."""
    amplitudes, feelings = len(AMPLITUDES), len(FEELINGS)
    # Every condition rules its presence and its values.
    ruled = torch.cat(
        [
            left_out,
            left_out[:, :amplitudes],
            left_out[:, amplitudes, None].expand(-1, feelings),
            left_out[:, amplitudes + 1, None],
        ],
        dim=1,
    )
    return styles.masked_fill(ruled, 0.0)
