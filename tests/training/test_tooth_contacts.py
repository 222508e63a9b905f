import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.topology.mesh_shape import crossing_faces
from training.quad_parts import box_sphere
from training.tooth_contacts import APART, NOTCH, touching

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

HALF_WIDTH, HALF_HEIGHT, DEPTH = 0.016, 0.02, 0.006


def row_of_teeth(gap: float) -> tuple[Array, Indices]:
    """Two round teeth beside each other, ``gap`` head units apart, and a third one further round the arch."""
    directions, quads = box_sphere(8)
    ball = directions / np.linalg.norm(directions, axis=1, keepdims=True) * [HALF_WIDTH, HALF_HEIGHT, DEPTH]
    middle = HALF_WIDTH + 0.5 * gap
    places = [[-middle, 0.0, 0.1], [middle, 0.0, 0.1], [3.2 * middle, 0.0, 0.08]]
    vertices = np.concatenate([ball + place for place in places])
    return vertices, np.concatenate([quads + tooth * len(ball) for tooth in range(3)])


def widths(vertices: Array) -> tuple[float, float]:
    """The gap between the first two teeth where they are nearest, and at the height of the biting edge."""
    first, second = np.split(vertices, 3)[:2]
    return second[:, 0].min() - first[:, 0].max(), np.abs(second[second[:, 1].argmin(), 0])


@pytest.mark.parametrize("gap", [0.001, 0.004])
def test_neighbours_touch_and_are_not_through_each_other(gap: float) -> None:
    vertices, quads = row_of_teeth(gap)
    moved = touching(vertices, quads, upper=True)
    assert 0.0 < widths(moved)[0] < 3.0 * APART
    assert not len(crossing_faces(moved, quads))


def test_a_gap_wider_than_peoples_stays() -> None:
    vertices, quads = row_of_teeth(0.02)
    assert widths(touching(vertices, quads, upper=True))[0] > 0.01


@pytest.mark.parametrize("upper", [True, False])
def test_heights_and_the_biting_edge_stay(upper: bool) -> None:
    vertices, quads = row_of_teeth(0.004)
    moved = touching(vertices, quads, upper)
    assert np.array_equal(moved[:, 1], vertices[:, 1])
    height = vertices[:, 1] if upper else -vertices[:, 1]
    edge = height < height.min() + 0.05 * NOTCH
    assert edge.any()
    assert np.abs(moved - vertices)[edge].max() < 0.2 * np.abs(moved - vertices).max()
