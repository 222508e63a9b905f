"""Openings of known height, seen from the front."""

import numpy as np
import pytest

from facetalk.evaluation.visible_gap import PIXEL, Array, Flags, Indices, tallest_opening

LOW, HIGH = np.array([-0.05, -0.05, 0.0]), np.array([0.05, 0.05, 0.0])


def plate(low_y: float, high_y: float, z: float) -> tuple[Array, Indices]:
    corners = np.array([[-0.1, low_y, z], [0.1, low_y, z], [0.1, high_y, z], [-0.1, high_y, z]])
    return corners, np.array([[0, 1, 2], [0, 2, 3]])


def scene(*plates: tuple[float, float, float]) -> tuple[Array, Indices]:
    vertices, triangles = zip(*(plate(*each) for each in plates), strict=True)
    return np.concatenate(vertices), np.concatenate([faces + 4 * number for number, faces in enumerate(triangles)])


def opening(*plates: tuple[float, float, float], closing: int = 2) -> float:
    """The opening of a scene whose first plates close it."""
    vertices, triangles = scene(*plates)
    lids: Flags = np.arange(len(triangles)) < 2 * closing
    return tallest_opening(vertices, triangles, lids, LOW, HIGH)


@pytest.mark.parametrize("slit", [0.0004, 0.0012, 0.00333, 0.02])
@pytest.mark.parametrize("height", [0.0, 0.00713])
def test_a_slit_is_measured_within_a_pixel(slit: float, height: float) -> None:
    lids = ((height + slit, 0.1, 0.01), (-0.1, height, 0.0))
    assert opening(*lids, (-0.1, 0.1, -0.02)) == pytest.approx(slit, abs=1.01 * PIXEL[1])
    assert opening(*lids) == pytest.approx(slit, abs=1.01 * PIXEL[1])  # nothing behind it is an opening too


@pytest.mark.parametrize("height", [0.0, 0.00713, LOW[1] + 0.5 * PIXEL[1]])
def test_lids_that_meet_or_overlap_leave_nothing_open(height: float) -> None:
    assert opening((height, 0.1, 0.0), (-0.1, height, 0.0), (-0.1, 0.1, -0.02)) == 0.0
    assert opening((height - 0.01, 0.1, 0.01), (-0.1, height, 0.0), (-0.1, 0.1, -0.02)) == 0.0


def test_what_comes_through_a_closed_lid_is_seen() -> None:
    tall = opening((0.0, 0.1, 0.0), (-0.1, 0.0, 0.0), (-0.004, 0.006, 0.01))
    assert tall == pytest.approx(0.01, abs=1.01 * PIXEL[1])


def test_what_lies_far_behind_closes_nothing() -> None:
    assert opening((0.002, 0.1, 0.0), (-0.1, 0.0, 0.0), (-0.1, 0.1, -0.5), closing=3) == pytest.approx(0.002, abs=3e-4)
    assert opening((0.002, 0.1, 0.0), (-0.1, 0.0, 0.0), (-0.1, 0.1, -0.1), closing=3) == 0.0


def test_a_slanted_slit_is_measured_where_it_is_tallest() -> None:
    vertices, triangles = scene((0.0, 0.1, 0.0), (-0.1, 0.0, 0.0))
    vertices[1, 1] = 0.02  # the upper lid's edge rises from -0.1 to +0.1
    tall = tallest_opening(vertices, triangles, np.ones(4, dtype=np.bool_), LOW, HIGH)
    assert tall == pytest.approx(0.015, abs=3e-4)  # at the window's side


def test_triangles_seen_edge_on_cover_nothing() -> None:
    vertices, triangles = scene((0.002, 0.1, 0.0), (-0.1, 0.0, 0.0), (-0.1, 0.1, -0.02))
    vertices = np.concatenate([vertices, [[-0.1, 0.001, 0.1], [0.1, 0.001, 0.1], [0.0, 0.001, 0.2]]])
    triangles = np.concatenate([triangles, [[12, 13, 14]]])
    lids = np.array([True] * 4 + [False] * 2 + [True])
    assert tallest_opening(vertices, triangles, lids, LOW, HIGH) == pytest.approx(0.002, abs=3e-4)
