"""Long clips are encoded window by window; neighbours overlap and are cross-faded, so that no seam shows."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def keep() -> None:
    """What is done about samples that have been read, where they are in memory anyway."""


def encode_in_windows(total: int, window: int, overlap: int, encode: Callable[[int, int], Tensor]) -> Iterator[Tensor]:
    """The features of a clip in consecutive pieces, each as soon as nothing can change it.

    Args:
        total: features of the clip.
        window: the most features that are encoded at once.
        overlap: features that two neighbours share.
        encode: gives the features ``[stop - start, D]`` from ``start`` to ``stop``.

    Yields:
        ``[t, D]``, all in all ``[total, D]``.
    """
    hop = window - overlap
    tail: Tensor | None = None
    for start in range(0, max(total - overlap, 1), hop):
        features = encode(start, min(start + window, total))
        if tail is not None:
            fade_in = (torch.arange(overlap, device=features.device)[:, None] + 0.5) / overlap
            features[:overlap] = torch.lerp(tail, features[:overlap], fade_in)
        tail = features[hop:]
        is_last = start + window >= total
        yield features if is_last else features[:hop]
