"""Rings about the mouth: the lower lip's vertices are opposite some of the upper lip's."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.lip_rings import LOWER, UPPER, face_to_face, lower_edges

Array = NDArray[np.float64]


def mouth(count: int) -> Array:
    """A closed ring from the upper lip's middle by the left corner (+x), twice as wide as high ``[count, 3]``."""
    angle = np.pi / 2.0 - 2.0 * np.pi * np.arange(count) / count
    return np.stack([2.0 * np.cos(angle), np.sin(angle), np.zeros(count)], axis=1)


def test_every_vertex_of_the_lower_lip_is_opposite_one_of_the_upper() -> None:
    fine = mouth(400)
    count = 2 * (len(UPPER) + len(LOWER)) - 4
    ring = np.arange(count)
    spread = face_to_face(np.zeros((count, 3)), [fine], [ring])
    upper, lower = spread[spread[:, 1] > 1e-6], spread[spread[:, 1] < -1e-6]
    assert len(upper) == 2 * len(UPPER) - 3
    assert len(lower) == 2 * len(LOWER) - 3
    off = np.abs(lower[:, None, 0] - upper[None, :, 0]).min(axis=1)
    assert off.max() < 0.02


def test_a_ring_of_another_number_of_vertices_is_refused() -> None:
    with pytest.raises(ValueError, match="a ring about the mouth has 12 vertices in place of 34"):
        face_to_face(np.zeros((12, 3)), [mouth(100)], [np.arange(12)])


def test_edges_of_the_lower_lip_lead_from_corner_to_corner() -> None:
    ring = np.arange(100, 138)
    edges = lower_edges(ring, middle=119)
    assert edges[0].tolist() == [112, 113]
    assert edges[-1].tolist() == [125, 126]
    assert len(edges) == 2 * (len(LOWER) - 1)
