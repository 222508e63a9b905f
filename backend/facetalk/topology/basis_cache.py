"""Reduced bases on disk: a basis is made once for all that it depends on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from facetalk.head.parametric_head import PreparedPoints
from facetalk.topology.basis_building import build_basis
from facetalk.topology.reduced_basis import Basis, ReducedPoints
from facetalk.topology.tensor_cache import CACHE_LIMIT, TensorCache, digest

FORMAT = "reduced basis 3"  # part of every digest: another format is another basis


@dataclass(frozen=True)
class BasisCache:
    """A folder of bases (``TensorCache``).

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
        key = digest([FORMAT, *content, codes, held_out, always])
        basis = self.find(key, codes.device, lambda: build_basis(whole, codes, held_out, always))
        return None if basis is None else ReducedPoints.of(whole, basis)

    def find(self, key: str, device: torch.device, make: Callable[[], Basis | None]) -> Basis | None:
        """The basis of a key, made if it is not there; that there is none for a key is remembered too.

        Args:
            key: the ``digest`` of all that the basis depends on.
            device: where its tensors belong.
            make: makes it.
        """
        tensors = TensorCache(self.folder, self.limit)
        kept = tensors.load(key)
        if kept is not None:
            return Basis.of_tensors(kept, device) if kept else None
        basis = make()
        tensors.store(key, {} if basis is None else basis.tensors())
        return basis
