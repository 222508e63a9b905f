"""What lips do, heard by itself: mouths are judged by it, and a regression blurs it most.

Gestures of the lips as articulatory phonology has them (Browman and Goldstein, "Articulatory phonology: an overview",
1992): closure, the lower lip on the upper teeth, rounding, and lips apart about a tongue between the teeth.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from facetalk.motion.audio_encoder import AudioEncoder

# As for p, b, m; for f, v; for u, w; for θ, ð. At most one at a time.
GESTURES = ("shut", "bitten", "rounded", "dental")
# Lips take some 50 ms to meet or part: at 50 frames per second, what is heard of a frame is shared with its neighbours.
MEETING = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


class LipGestures(nn.Module):
    """Speech features ``[B, T, D]`` -> logits ``[B, T, G]`` of the `GESTURES`, frame by frame.

    It has ears of its own: it is trained for longer than a regression could be without learning its speakers' habits
    by heart. That a p is a p is the same in all languages and voices.
    """

    def __init__(self, feature_size: int, width: int, kernel: int) -> None:
        super().__init__()
        self.audio = AudioEncoder(feature_size, width, kernel)
        self.context = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, len(GESTURES)))

    def forward(self, features: Tensor) -> Tensor:
        """Hear gestures."""
        hidden = self.audio(features).transpose(1, 2)
        hidden = hidden + self.context(functional.gelu(hidden))
        logits: Tensor = self.leave(hidden.transpose(1, 2))
        return logits

    def likelihood(self, features: Tensor) -> Tensor:
        """How likely gestures are, ``[B, T, G]``, in features ``[B, T, D]``: as smooth as lips move."""
        heard = self(features).sigmoid().transpose(1, 2)
        share = torch.tensor(MEETING, device=heard.device, dtype=heard.dtype).expand(len(GESTURES), 1, -1)
        reach = len(MEETING) // 2
        around = functional.pad(heard, (reach, reach), mode="replicate")
        return functional.conv1d(around, share, groups=len(GESTURES)).transpose(1, 2)
