"""Tensors that are costly to make, on disk: found again by a digest of all that they depend on.

A cache may be deleted at any time. What is damaged in it is made again.
"""

import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from facetalk.output_file import written_whole

SUFFIX = ".safetensors"
SEAL = "seal"  # name of the checksum among the tensors
CACHE_LIMIT = 1 << 30  # bytes
FILE_LIMIT = 1 << 28  # bytes; a basis of a template takes some 16 MB

log = logging.getLogger(__name__)


def own_folder() -> Path:
    """Where caches are kept: ``FACETALK_CACHE`` if set, else ``~/.facetalk/cache``."""
    configured = os.environ.get("FACETALK_CACHE")
    return Path(configured) if configured else Path.home() / ".facetalk/cache"


def digest(content: Sequence[Tensor | str]) -> str:
    """The SHA-256 of tensors and texts, their sizes included."""
    found = hashlib.sha256()
    for each in content:
        if isinstance(each, str):
            head, body = f"text {len(each)}", each.encode()
        else:
            head, body = f"{each.dtype} {tuple(each.shape)}", each.detach().cpu().contiguous().numpy().tobytes()
        found.update(f"\n{head}\n".encode())
        found.update(body)
    return found.hexdigest()


@dataclass(frozen=True)
class TensorCache:
    """A folder of tensors, the least recently used of which make way for new ones.

    Attributes:
        folder: is made when the first are stored.
        limit: bytes that all files together may take.
    """

    folder: Path
    limit: int = CACHE_LIMIT

    def load(self, key: str) -> dict[str, Tensor] | None:
        """The tensors of a key, by name; None if there are none, or damaged ones, which is said."""
        path = self.folder / (key + SUFFIX)
        try:
            kept = _read(path)
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            log.warning("%s is damaged (%s) and is made again", path, error)
            return None
        return kept

    def store(self, key: str, tensors: dict[str, Tensor]) -> None:
        """Keep tensors under a key; where that cannot be, it is said."""
        path = self.folder / (key + SUFFIX)
        plain = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        content = save_tensors({**plain, SEAL: _seal(plain)})
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(self.limit - len(content))
            with written_whole(path) as staged:
                staged.write_bytes(content)
        except OSError as error:
            log.warning("%s cannot be written (%s): what it would hold is made again next time", path, error)

    def _make_room(self, limit: int) -> None:
        """Remove the least recently used files until the others take no more than so many bytes."""
        files = [(path, path.stat()) for path in self.folder.glob("*" + SUFFIX)]
        for path, state in sorted(files, key=lambda file: file[1].st_mtime, reverse=True):
            limit -= state.st_size
            if limit < 0:
                path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Tensor]:
    """A file's tensors.

    Raises:
        ValueError: it is not as it was written.
        SafetensorError: the same.
    """
    if path.stat().st_size > FILE_LIMIT:
        raise ValueError("it is too large")
    tensors = load_tensors(path.read_bytes())
    seal = tensors.pop(SEAL)
    if not torch.equal(seal, _seal(tensors)):
        raise ValueError("its checksum is wrong")
    return tensors


def _seal(tensors: dict[str, Tensor]) -> Tensor:
    """The SHA-256 of tensors and their names as 32 bytes: safetensors has none."""
    content = [each for name in sorted(tensors) for each in (name, tensors[name])]
    return torch.tensor(list(bytes.fromhex(digest(content))), dtype=torch.uint8)
