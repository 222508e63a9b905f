"""Lids of the scans stay before their eyeballs."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.evaluation.crossings import sphere
from facetalk.head.eyes import FRONT, LID_FILM, SOCKET

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


def keep_lids_outside(posed: Array, eyeball: Indices, lids: Indices) -> None:
    """Bring lids to the front of their eyeball, straight ahead, so that a closed gap stays closed; in place.

    Args:
        posed: heads ``[N, V, 3]``, head units.
        eyeball, lids: vertices.
    """
    centre, radius = sphere(posed[0, eyeball])
    offset = posed[:, lids] - centre
    outer = np.maximum(radius, _eyeball_radius(posed[:, eyeball] - centre, offset)) + LID_FILM
    aside = np.minimum((offset[..., :2] ** 2).sum(axis=-1), (0.95 * outer) ** 2)
    inside = (offset[..., 2] > SOCKET * radius) & (np.linalg.norm(offset, axis=-1) < outer)
    lying = np.clip((offset[..., 2] / radius - SOCKET) / (FRONT - SOCKET), 0.0, 1.0)
    ahead = lying * (centre[2] + np.sqrt(outer**2 - aside) - posed[:, lids, 2])
    posed[:, lids, 2] += np.where(inside, ahead, 0.0)


def _eyeball_radius(eyeball: Array, directions: Array) -> Array:
    """How far vertices ``[N, E, 3]`` about an eyeball's middle reach in directions ``[N, K, 3]``."""
    found = []
    for shell, asked in zip(eyeball, directions, strict=True):
        distance = np.linalg.norm(shell, axis=1)
        unit = asked / np.linalg.norm(asked, axis=1, keepdims=True)
        found.append(distance[cKDTree(shell / distance[:, None]).query(unit, k=3)[1]].max(axis=1))
    return np.array(found)
