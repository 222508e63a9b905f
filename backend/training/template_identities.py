"""The identities on which nothing of a template may be tangled: it is carried to each of them while it is made."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.head.head import Head
from facetalk.topology.quad_opening import Carry
from facetalk.topology.quad_relaxation import Surface, part_surface, project

Array = NDArray[np.float64]
Settle = Callable[[Array], Array]
"""Brings vertices ``[N, 3]`` to a surface."""

LOOKED_AT = tuple(f"random-{seed}" for seed in range(64))  # none of them is measured later
FURTHER = 1.1  # from the mean head than they are, for what barely holds there does not elsewhere


def carries(head: Head, part: str) -> list[Carry]:
    """What takes vertices of a part of the mean head to every one of the identities."""
    return [_carrying(head, part, name) for name in LOOKED_AT]


def settling(head: Head, part: str) -> Settle:
    """What brings vertices to the surface of a part of the mean head."""
    surface = average_surface(head, part)

    def settle(vertices: Array) -> Array:
        return project(torch.from_numpy(vertices).float(), surface).double().numpy()

    return settle


def average_surface(head: Head, part: str) -> Surface:
    """The surface of a part of the mean head."""
    return part_surface(head, head.identity("average"), head.parts.index(part))


def _carrying(head: Head, part: str, identity: str) -> Carry:
    code = FURTHER * head.identity(identity)

    @torch.no_grad()
    def carry(vertices: Array) -> Array:
        of_part = torch.full((len(vertices),), head.parts.index(part))
        return head.carry(torch.from_numpy(vertices).float(), of_part, code).double().cpu().numpy()

    return carry
