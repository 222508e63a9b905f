"""Training on several processes at once, one for each GPU, as torchrun starts them.

Every process, called a rank, holds the whole network and draws crops of its own. Gradients are averaged before a step,
so that all ranks take the same one. Rank 0 leads: it alone keeps time, logs, saves, evaluates and exports.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn

from facetalk.errors import UserError

PATIENCE = timedelta(hours=1)  # ranks wait while the leader evaluates and saves


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; by itself, unless told otherwise.

    Attributes:
        device: what this process computes on.
        own: its number, from 0.
        count: of all.
    """

    device: torch.device
    own: int = 0
    count: int = 1

    @property
    def lead(self) -> bool:
        """Whether this one leads."""
        return self.own == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every rank the mean of all ranks' gradients; each has gradients of the same parameters."""
        if self.count == 1:
            return
        gradients = [each.grad for each in parameters if each.grad is not None]
        together = torch.cat([each.flatten() for each in gradients])
        distributed.all_reduce(together)
        together /= self.count
        for gradient, part in zip(gradients, together.split([each.numel() for each in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def leaders(self, value: float) -> float:
        """The leader's value, on all ranks: what is decided by it is decided alike."""
        if self.count == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.broadcast(told, src=0)
        return told.item()


@contextmanager
def training_ranks(device: str) -> Iterator[Ranks]:
    """The ranks that torchrun has started; without it, this process alone.

    A rank that fails leaves without a word to the others: torchrun ends them.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; under torchrun, every rank has a GPU of its own.

    Raises:
        UserError: there are more ranks than GPUs, or all ranks are told to use the same.
    """
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if not distributed.is_torchelastic_launched():
        yield Ranks(torch.device(name))
        return
    own = _own_device(name, int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"]))
    backend = "nccl" if own.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    yield Ranks(own, distributed.get_rank(), distributed.get_world_size())
    distributed.destroy_process_group()


def _own_device(name: str, place: int, neighbours: int) -> torch.device:
    if name not in ("cpu", "cuda"):
        raise UserError(f"Under torchrun every process takes a GPU of its own, not {name}: leave --device out.")
    if name == "cpu":
        return torch.device("cpu")
    if neighbours > torch.cuda.device_count():
        raise UserError(
            f"{neighbours} processes cannot share {torch.cuda.device_count()} GPUs: lower --nproc-per-node."
        )
    torch.cuda.set_device(place)
    return torch.device("cuda", place)
