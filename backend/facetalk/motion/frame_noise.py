"""Noise of a take: the same for a frame, whichever window and whichever takes it is sampled with."""

import numpy as np
import torch
from torch import Tensor

BLOCK = 64  # frames drawn from one generator


def frame_noise(seed: int, start: int, stop: int, size: int, step: int | None = None) -> Tensor:
    """Unit normal noise ``[stop - start, size]`` that depends on the seed and each frame's number alone.

    ``step``: of the sampler that adds it; ``None`` for what a motion begins as.
    """
    first, key = start // BLOCK, () if step is None else (step,)
    blocks = [_noise_block(seed, (block, *key), size) for block in range(first, (stop - 1) // BLOCK + 1)]
    return torch.cat(blocks)[start - first * BLOCK : stop - first * BLOCK]


def _noise_block(seed: int, place: tuple[int, ...], size: int) -> Tensor:
    # Seeds of neighbouring blocks and takes must not be neighbours themselves: a hash spreads them.
    mixed = np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, *place]).generate_state(1)
    generator = torch.Generator().manual_seed(int(mixed[0]))
    return torch.randn(BLOCK, size, generator=generator)
