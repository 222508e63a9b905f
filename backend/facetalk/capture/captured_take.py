"""A captured take as a file: expression codes and head rotations at 50 Hz, in safetensors."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from facetalk.capture.fitted_head import FittedHead
from facetalk.capture.performance import RATE, Performance
from facetalk.errors import UserError
from facetalk.output_file import written_whole

FORMAT = 1
LARGEST_FILE = 1 << 30  # bytes


@dataclass(frozen=True)
class CapturedTake:
    """What a video's face has done; frame ``i`` belongs to ``i / 50`` seconds after its start.

    Attributes:
        head: name of the head model whose codes these are.
        source: name of the video.
        codes: expression codes ``[T, E]``.
        rotations: of the head, from its space (x to the subject's left, y up, z out of the face) to the camera's (x
            right, y up, z to the camera): quaternions ``[T, 4]``, w first. They are no part of the codes.
        bridged: ``[T]``: no face was seen.
        cuts: first frames of further shots.
    """

    head: str
    source: str
    codes: Tensor
    rotations: NDArray[np.float32]
    bridged: NDArray[np.bool_]
    cuts: tuple[int, ...] = ()

    @classmethod
    def of(cls, performance: Performance, head: FittedHead, head_name: str, source: str) -> "CapturedTake":
        """A performance as codes of the head that it was fitted to."""
        return cls(
            head=head_name,
            source=source,
            codes=head.codes(performance.weights).float().cpu(),
            rotations=performance.rotations.astype(np.float32),
            bridged=performance.bridged,
            cuts=performance.cuts,
        )

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.codes) / RATE

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        tensors = {
            "codes": self.codes.float().contiguous().cpu(),
            "rotations": torch.from_numpy(np.ascontiguousarray(self.rotations, np.float32)),
            "bridged": torch.from_numpy(self.bridged.astype(np.uint8)),
            "cuts": torch.tensor(self.cuts, dtype=torch.int64),
        }
        metadata = {"facetalk_take": json.dumps({"format": FORMAT, "head": self.head, "source": self.source})}
        with written_whole(path) as staged:
            save_file(tensors, staged, metadata)

    @classmethod
    def load(cls, path: Path) -> "CapturedTake":
        """Read what ``save`` has written.

        Raises:
            UserError: it cannot be read, or is no captured take.
        """
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise UserError(f"{path} is too large for a take: give a file that `facetalk fit` has written.")
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})["facetalk_take"])
                tensors = {name: file.get_tensor(name) for name in ("codes", "rotations", "bridged", "cuts")}
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise UserError(f"{path} is no take that `facetalk fit` has written ({error}): fit it again.") from error
        codes, rotations, bridged = tensors["codes"], tensors["rotations"], tensors["bridged"]
        frames = len(codes)
        if about["format"] != FORMAT or codes.ndim != 2 or frames == 0:
            raise UserError(f"{path} was written by another version: fit the video again.")
        if rotations.shape != (frames, 4) or bridged.shape != (frames,) or not codes.isfinite().all():
            raise UserError(f"{path} is damaged, its parts do not fit together: fit the video again.")
        cuts = tuple(int(each) for each in tensors["cuts"])
        return cls(about["head"], about["source"], codes, rotations.numpy(), bridged.numpy().astype(bool), cuts)
