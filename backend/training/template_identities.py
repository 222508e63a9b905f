"""Where nothing of a template may be tangled: on many identities, and with the tongue at work.

It is carried to each of them while it is made.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.head.head import Head
from facetalk.topology.quad_opening import Carry, Settle
from facetalk.topology.quad_relaxation import Surface, part_surface, project
from training.ict_heads import rig_weights

Array = NDArray[np.float64]

LOOKED_AT = tuple(f"random-{seed}" for seed in range(64))  # none of them is measured later
TONGUES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.1, "tongueTipUp": 0.5},
    {"jawOpen": 0.25, "tongueTipUp": 1.0},
    {"jawOpen": 0.2, "tongueBackUp": 0.5},
    {"jawOpen": 0.4, "tongueBackUp": 1.0},
    {"jawOpen": 0.2, "tongueBetweenTeeth": 1.0},
    {"jawOpen": 0.4, "tongueOut": 1.0},
)
FURTHER = 1.1  # from the mean head than they are, for what barely holds there does not elsewhere


def carries(head: Head, part: str) -> list[Carry]:
    """What takes vertices of a part of the mean head to every one of the identities."""
    return [_carrying(head, part, name) for name in LOOKED_AT]


def with_tongues(head: Head, part: str) -> list[Carry]:
    """What takes vertices of a part of the mean head to where they are while its tongue does what speech needs."""
    codes = torch.from_numpy(np.stack([rig_weights(pose) for pose in TONGUES])).float() @ head.rig_to_code()
    return [_posing(head, part, code[None]) for code in codes]


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


def _posing(head: Head, part: str, code: Tensor) -> Carry:
    average = head.identity("average")

    @torch.no_grad()
    def carry(vertices: Array) -> Array:
        of_part = torch.full((len(vertices),), head.parts.index(part))
        points = head.prepare(torch.from_numpy(vertices).float(), of_part, average)
        return points.pose(code).points[0].double().cpu().numpy()

    return carry
