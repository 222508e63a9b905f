"""What speech alone says of the motion: the codes of all takes of it, on average."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from facetalk.motion.lip_gestures import GESTURES


class Expectation(nn.Module):
    """What is heard ``[B, T, W]`` -> the codes ``[B, T, E]`` of all takes of it, on average: a regression.

    At pure noise a denoiser's answer should be this mean, but learns it slowly among all the other amounts of noise.
    Learned by itself it takes minutes, and lips follow speech from the first take on.

    A regression that cannot tell a p from a t leaves the mouth half shut. One that is told what lips do is a mixture of
    experts (Jacobs et al., 1991): an answer for each gesture, and one for lips that do nothing of the kind.
    """

    def __init__(self, code_size: int, width: int, kernel: int, style_size: int, told_of_gestures: bool) -> None:
        super().__init__()
        self.style = nn.Linear(style_size, width, bias=False) if style_size else None
        self.manner = nn.Linear(width, 2 * width)
        self.context = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.answers = 1 + len(GESTURES) if told_of_gestures else 1
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, self.answers * code_size))
        nn.init.zeros_(self.manner.weight)
        nn.init.zeros_(self.manner.bias)

    def forward(self, heard: Tensor, style: Tensor | None = None, gestures: Tensor | None = None) -> Tensor:
        """Regress codes.

        Args:
            heard: ``[B, T, W]``.
            style: ``[B, style_size]`` or one for all; it scales and shifts every channel.
            gestures: probabilities ``[B, T, G]`` of `GESTURES`; ``None``: none.
        """
        answers = self.answer(heard, style)
        free: Tensor = answers[..., 0, :]
        if gestures is None or self.answers == 1:
            return free
        return free + torch.einsum("btg,btge->bte", gestures.to(free.dtype), answers[..., 1:, :] - free[..., None, :])

    def answer(self, heard: Tensor, style: Tensor | None = None) -> Tensor:
        """The codes ``[B, T, 1 + G, E]`` of no gesture, then of each of `GESTURES`; arguments as above."""
        hidden = heard
        if self.style is not None and style is not None:
            scale, shift = self.manner(functional.silu(self.style(style)))[:, None].chunk(2, dim=-1)
            hidden = torch.addcmul(hidden + shift, hidden, scale)
        hidden = hidden.transpose(1, 2)
        hidden = hidden + self.context(functional.gelu(hidden))
        answers: Tensor = self.leave(hidden.transpose(1, 2)).unflatten(-1, (self.answers, -1))
        return answers
