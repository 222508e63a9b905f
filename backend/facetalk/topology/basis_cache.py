"""Reduced bases on disk: a basis is made once for all that it depends on, and found again by a digest of that.

A cache may be deleted at any time. What is damaged in it is made again.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from facetalk.head.parametric_head import PreparedPoints
from facetalk.output_file import written_whole
from facetalk.topology.basis_building import build_basis
from facetalk.topology.reduced_basis import Basis, ReducedPoints

FORMAT = "reduced basis 1"  # part of every digest: another format is another basis
SUFFIX = ".safetensors"
SEAL = "seal"  # name of the checksum among the tensors
CACHE_LIMIT = 1 << 30  # bytes
FILE_LIMIT = 1 << 28  # bytes; a basis of a template takes some 16 MB

log = logging.getLogger(__name__)


def own_folder() -> Path:
    """Where bases are kept: ``FACETALK_CACHE`` if set, else ``~/.facetalk/cache``."""
    configured = os.environ.get("FACETALK_CACHE")
    return Path(configured) if configured else Path.home() / ".facetalk/cache"


def digest(content: Sequence[Tensor | str]) -> str:
    """The SHA-256 of tensors and texts, their sizes included."""
    found = hashlib.sha256(FORMAT.encode())
    for each in content:
        if isinstance(each, str):
            head, body = f"text {len(each)}", each.encode()
        else:
            head, body = f"{each.dtype} {tuple(each.shape)}", each.detach().cpu().contiguous().numpy().tobytes()
        found.update(f"\n{head}\n".encode())
        found.update(body)
    return found.hexdigest()


@dataclass(frozen=True)
class BasisCache:
    """A folder of bases, the least recently used of which make way for new ones.

    Attributes:
        folder: is made when the first basis is stored.
        limit: bytes that all files together may take.
    """

    folder: Path
    limit: int = CACHE_LIMIT

    def reduce(
        self,
        whole: PreparedPoints,
        codes: Tensor,
        held_out: Tensor,
        always: Tensor,
        content: Sequence[Tensor | str],
    ) -> ReducedPoints | None:
        """Prepared points with the basis that ``build_basis`` makes of them, which is made only once.

        Args:
            whole: the points, posed by the head itself.
            codes, held_out, always: see ``build_basis``.
            content: what makes the points what they are: the head's manifest, the identity's code, the vertices.

        Returns:
            None if there is no basis that keeps the tolerance.

        Raises:
            UserError: see ``build_basis``.
        """
        key = digest([*content, codes, held_out, always])
        basis = self.find(key, codes.device, lambda: build_basis(whole, codes, held_out, always))
        return None if basis is None else ReducedPoints.of(whole, basis)

    def find(self, key: str, device: torch.device, make: Callable[[], Basis | None]) -> Basis | None:
        """The basis of a key, made if it is not there; that there is none for a key is remembered too.

        Args:
            key: the ``digest`` of all that the basis depends on.
            device: where its tensors belong.
            make: makes it.
        """
        path = self.folder / (key + SUFFIX)
        try:
            kept = _read(path)
            os.utime(path)
            return Basis.of_tensors(kept, device) if kept else None
        except FileNotFoundError:
            pass
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            log.warning("%s is damaged (%s) and is made again", path, error)
        basis = make()
        try:
            self._store(path, {} if basis is None else basis.tensors())
        except OSError as error:
            log.warning("%s cannot be written (%s): the basis will be made again next time", path, error)
        return basis

    def _store(self, path: Path, tensors: dict[str, Tensor]) -> None:
        plain = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        content = save_tensors({**plain, SEAL: _seal(plain)})
        self.folder.mkdir(parents=True, exist_ok=True)
        self._make_room(self.limit - len(content))
        with written_whole(path) as staged:
            staged.write_bytes(content)

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
