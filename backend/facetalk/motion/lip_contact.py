"""Whether lips touch: heard by itself, because it is what mouths are judged by and what a regression blurs most."""

from torch import Tensor, nn
from torch.nn import functional

from facetalk.motion.audio_encoder import AudioEncoder

CONTACTS = ("shut", "bitten")  # lips on each other, as for p, b, m; the lower lip on the upper teeth, as for f, v


class LipContact(nn.Module):
    """Speech features ``[B, T, D]`` -> logits ``[B, T, 2]`` of the two `CONTACTS`.

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
