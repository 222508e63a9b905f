"""Windows: how a clip of any length is sampled piece by piece, and what of its speech is held meanwhile."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor


class Window(NamedTuple):
    """Frames ``start`` to ``stop`` are sampled, ``emit_from`` to ``emit_to`` of them are new and kept."""

    start: int
    stop: int
    emit_from: int
    emit_to: int


def plan_windows(frames: int, window: int, context: int, look_ahead: int) -> Iterator[Window]:
    """Cover ``frames`` frames with windows, in order.

    Args:
        frames: of the clip.
        window: the most frames of a window.
        context: frames of the window before that a window starts with.
        look_ahead: frames at a window's end that the next window samples again.
    """
    emitted = 0
    while emitted < frames:
        start = max(0, emitted - context)
        stop = min(frames, start + window)
        emit_to = frames if stop == frames else stop - look_ahead
        yield Window(start, stop, emitted, emit_to)
        emitted = emit_to


class FeatureReader:
    """Frames of features that come in pieces, read forward; what lies before the last read is forgotten."""

    def __init__(self, pieces: Iterator[Tensor], size: int) -> None:
        self.pieces = pieces
        self.size = size
        self.first = 0
        self.held: Tensor | None = None

    def read(self, start: int, stop: int) -> Tensor:
        """Frames ``[stop - start, D]``; ``start`` must not fall.

        Raises:
            ValueError: a piece is of another size, or the pieces end too early.
        """
        while self.held is None or self.first + len(self.held) < stop:
            piece = next(self.pieces, None)
            if piece is None or piece.ndim != 2 or piece.shape[1] != self.size:
                found = "nothing" if piece is None else f"features of shape {tuple(piece.shape)}"
                raise ValueError(f"{found} where features [t, {self.size}] up to frame {stop} are needed")
            self.held = piece if self.held is None else torch.cat([self.held, piece])
        self.held = self.held[start - self.first :]
        self.first = start
        return self.held[: stop - start]
