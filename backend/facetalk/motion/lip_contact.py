"""Whether lips touch: heard by itself, because it is what mouths are judged by and what a regression blurs most."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from facetalk.motion.audio_encoder import AudioEncoder

CONTACTS = ("shut", "bitten")  # lips on each other, as for p, b, m; the lower lip on the upper teeth, as for f, v

# Lips take some 40 ms to meet or part: at 50 frames per second, what is heard of a frame is shared with its neighbours.
MEETING = (0.25, 0.5, 0.25)


class LipContact(nn.Module):
    """Speech features ``[B, T, D]`` -> logits ``[B, T, 2]`` of the two `CONTACTS`, frame by frame.

    It has ears of its own: it is trained for longer than a regression could be without learning its speakers' habits
    by heart. That a p is a p is the same in all languages and voices.
    """

    def __init__(self, feature_size: int, width: int, kernel: int) -> None:
        super().__init__()
        self.audio = AudioEncoder(feature_size, width, kernel)
        self.context = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(CONTACTS)))

    def forward(self, features: Tensor) -> Tensor:
        """Hear contact."""
        hidden = self.audio(features).transpose(1, 2)
        hidden = hidden + self.context(functional.gelu(hidden))
        logits: Tensor = self.leave(hidden.transpose(1, 2))
        return logits

    def likelihood(self, features: Tensor) -> Tensor:
        """How likely lips touch ``[B, T, 2]`` in features ``[B, T, D]``, as smooth as lips move."""
        heard = self(features).sigmoid().transpose(1, 2)
        share = torch.tensor(MEETING, device=heard.device, dtype=heard.dtype).expand(len(CONTACTS), 1, -1)
        reach = len(MEETING) // 2
        around = functional.pad(heard, (reach, reach), mode="replicate")
        return functional.conv1d(around, share, groups=len(CONTACTS)).transpose(1, 2)
