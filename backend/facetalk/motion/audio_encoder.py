"""What is heard of speech features: a projection and some context."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class AudioEncoder(nn.Module):
    """Speech features ``[B, T, D]`` -> what is heard of them ``[B, T, W]``: projection and local context.

    The buffers ``mean`` and ``deviation`` hold the statistics of the training features: a few channels of a
    speech encoder are many times larger than the rest and would otherwise drown it.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, feature_size: int, width: int, kernel: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(feature_size))
        self.register_buffer("deviation", torch.ones(feature_size))
        self.normalise = nn.LayerNorm(feature_size)
        self.project = nn.Linear(feature_size, width)
        self.context = nn.ModuleList(nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in range(2))
        self.leave = nn.LayerNorm(width)
        self.null = nn.Parameter(torch.zeros(width))

    def forward(self, features: Tensor) -> Tensor:
        """Encode ``[B, T, D]`` to ``[B, T, W]``; done once per window, not once per step."""
        hidden = self.project(self.normalise((features - self.mean) / self.deviation)).transpose(1, 2)
        for convolution in self.context:
            hidden = hidden + convolution(functional.gelu(hidden))
        return self.leave(hidden.transpose(1, 2))

    def silence(self, heard: Tensor) -> Tensor:
        """The learned null in place of all speech, in ``heard``'s shape ``[B, T, W]``."""
        return self.null.to(heard.dtype).expand_as(heard)
