"""A wav2vec2 of random weights in a folder such as people download: that of base-960h, but for its sizes."""

from pathlib import Path
from typing import Any

import torch
import transformers

SIZE = 16


def write_wav2vec2(folder: Path, seed: int = 0) -> Path:
    """Write ``config.json`` and ``model.safetensors``."""
    untyped: Any = transformers
    config = untyped.Wav2Vec2Config(
        hidden_size=SIZE,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        untyped.Wav2Vec2ForCTC(config).save_pretrained(folder)
    return folder
