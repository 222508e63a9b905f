"""Opening quads that are turned over, or go through others, on any of many heads, by small moves on the mean one.

How a vertex moves on another head when it moves on the mean one is a matrix, for so short a way. So all heads are
looked at together: an energy of quads that lean and corners that are shut is brought down over the few that are near.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facetalk.topology.mesh_shape import tangled_faces

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Carry = Callable[[Array], Array]
"""Takes vertices ``[V, 3]`` of the mean head to another one."""
Settle = Callable[[Array], Array]
"""Brings vertices ``[N, 3]`` of the mean head to their surface."""

NOTHING: Indices = np.empty(0, dtype=np.int64)
ROUNDS, STEPS = 10, 120  # looks at all heads, and descents in between
RATE = 0.01  # of an edge, that a vertex moves in a step at most
UPRIGHT = 0.1  # cosine between a quad and those around it, below which it is opened
LEAN, SHUT = 0.2, 0.3  # cosine and sine of a corner that are good enough
STAYING = 1.0  # weight of how far vertices go, in edges
RINGS = 2  # of vertices about a quad, that move
PROBE = 1e-4  # head units
OFF_SURFACE = 0.0004  # head units (0.1 mm): vertices that are so far off are brought back
SHARES = (1.0, 0.5, 0.5)  # of what is left of the way back, one after the other
RETREATS = 6  # how often vertices that tangle something are left where they were


def opened_everywhere(start: Array, quads: Indices, carries: Sequence[Carry], held: Indices = NOTHING) -> Array:
    """Open what is tangled on any of some heads, until nothing is, or as far as that goes.

    Vertices leave their surface for that, by some tenths of a millimetre in the sharpest creases, where quads that
    follow the surface are turned over.

    Args:
        start: vertices on the mean head ``[V, 3]``.
        quads: ``[Q, 4]``.
        carries: take them to the heads.
        held: vertices that stay ``[N]``.

    Returns:
        The vertices in the round in which the fewest quads were tangled.
    """
    vertices, best, fewest = start, start, np.inf
    for _ in range(ROUNDS):
        found = [tangled_faces(carry(vertices), quads, UPRIGHT) for carry in carries]
        count = sum(map(len, found))
        if count < fewest:
            best, fewest = vertices, count
        patch = _Patch.about(np.unique(np.concatenate(found)), quads, held)
        if not len(patch.free):
            break
        vertices = vertices.copy()
        vertices[patch.free] += patch.opening(vertices, carries)
    return best


def settled_again(
    opened: Array, quads: Indices, carries: Sequence[Carry], settle: Settle, held: Indices = NOTHING
) -> Array:
    """Bring what has left its surface back to it, all the way or half, wherever that tangles nothing on any head.

    Args:
        opened: vertices on the mean head ``[V, 3]``.
        quads: ``[Q, 4]``.
        carries: take them to the heads.
        settle: brings them to their surface.
        held: vertices that stay ``[N]``.
    """
    vertices = opened
    for share in SHARES:
        way = settle(vertices) - vertices
        returning = np.setdiff1d(np.flatnonzero(np.linalg.norm(way, axis=1) > OFF_SURFACE), held)
        for _ in range(RETREATS):
            moved = vertices.copy()
            moved[returning] += share * way[returning]
            found = np.concatenate([tangled_faces(carry(moved), quads, UPRIGHT) for carry in carries])
            stopped = np.intersect1d(returning, quads[np.unique(found)])
            if not len(stopped):
                vertices = moved
                break
            returning = np.setdiff1d(returning, stopped)
    return vertices


@dataclass(frozen=True)
class _Patch:
    """The quads about some that are tangled.

    Attributes:
        rows: their vertices ``[P]``.
        quads: ``[R, 4]``, indices into ``rows``.
        free: the vertices that move ``[N]``.
        moving: the same in ``rows``.
    """

    rows: Indices
    quads: Indices
    free: Indices
    moving: Indices

    @classmethod
    def about(cls, tangled: Indices, quads: Indices, held: Indices) -> "_Patch":
        """Of quads ``[T]`` among ``[Q, 4]``."""
        inside = np.unique(quads[tangled])
        for _ in range(RINGS - 1):
            inside = np.unique(quads[np.isin(quads, inside).any(axis=1)])
        free, around = np.setdiff1d(inside, held), inside
        for _ in range(2):  # rings of quads that see how the free ones lean
            near = np.isin(quads, around).any(axis=1)
            around = np.unique(quads[near])
        return cls(around, np.searchsorted(around, quads[near]), free, np.searchsorted(around, free))

    def opening(self, vertices: Array, carries: Sequence[Carry]) -> Array:
        """How far the free vertices go ``[N, 3]``, from all vertices on the mean head ``[V, 3]``."""
        places, turns = self._on_heads(vertices, carries)
        quads = torch.from_numpy(self.quads)
        own = torch.from_numpy(vertices[self.rows]).float()
        edge = float((own[quads] - own[quads.roll(1, dims=1)]).norm(dim=-1).mean())
        shift = torch.zeros(len(self.free), 3, requires_grad=True)
        descent = torch.optim.Adam([shift], lr=RATE * edge, betas=(0.8, 0.95))
        free = torch.from_numpy(self.moving)
        for _ in range(STEPS):
            descent.zero_grad()
            moved = places.index_add(1, free, torch.einsum("hnij,nj->hni", turns, shift))
            energy = _shut(moved, quads) + STAYING * len(carries) * (shift / edge).square().sum()
            energy.backward()
            descent.step()
        return shift.detach().double().numpy()

    def _on_heads(self, vertices: Array, carries: Sequence[Carry]) -> tuple[Tensor, Tensor]:
        """Where the patch is on every head ``[H, P, 3]``, and how free vertices move there ``[H, N, 3, 3]``."""
        places, turns = [], []
        probes = np.concatenate([vertices[self.free] + PROBE * axis for axis in np.eye(3)])
        for carry in carries:
            carried = carry(np.concatenate([vertices[self.rows], probes]))
            base, probed = carried[: len(self.rows)], carried[len(self.rows) :].reshape(3, -1, 3)
            places.append(base)
            turns.append((probed - base[self.moving]).transpose(1, 2, 0) / PROBE)
        return torch.from_numpy(np.array(places)).float(), torch.from_numpy(np.array(turns)).float()


def _shut(points: Tensor, quads: Tensor) -> Tensor:
    """How much quads ``[R, 4]`` lean from those around them and how shut their corners are, on heads ``[H, P, 3]``."""
    corners = points[:, quads]
    area = torch.linalg.cross(corners[:, :, 2] - corners[:, :, 0], corners[:, :, 3] - corners[:, :, 1])
    summed = torch.zeros_like(points).index_add(1, quads.flatten(), area.repeat_interleave(4, dim=1))
    around = functional.normalize(summed[:, quads].sum(dim=2) - 4.0 * area, dim=-1, eps=1e-12)
    leaning = (LEAN - (around * functional.normalize(area, dim=-1, eps=1e-12)).sum(dim=-1)).clamp(min=0.0)
    ahead, behind = corners.roll(-1, dims=2) - corners, corners.roll(1, dims=2) - corners
    length = (ahead.norm(dim=-1) * behind.norm(dim=-1)).clamp(min=1e-12)
    sine = (torch.linalg.cross(ahead, behind) * around[:, :, None]).sum(dim=-1) / length
    return leaning.square().sum() + (SHUT - sine).clamp(min=0.0).square().sum()
