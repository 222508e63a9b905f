"""Crossings that are known, on faces made of balls."""

import numpy as np
import pytest

from facetalk.evaluation.crossings import TOLERANCE, Array, Indices, crossings, sphere
from facetalk.evaluation.held_out_heads import LOWER_TEETH
from tests.evaluation.ball_faces import CENTRES, RADII, ball_faces

FACES = ball_faces()
REST = FACES.posed[0, 0].astype(np.float64)
SAFE, TOO_MUCH = 0.8 * TOLERANCE, 1.3 * TOLERANCE


def found(head: Array) -> set[str]:
    """What crosses on a head, which comes as the second of three frames."""
    frames = crossings(FACES, np.stack([REST, head, REST]))
    assert all(flags.tolist() in ([False] * 3, [False, True, False]) for flags in frames.values())
    return {name for name, flags in frames.items() if flags[1]}


def moved(vertices: Indices, to: Array) -> Array:
    head = REST.copy()
    head[vertices] = to
    return head


def test_a_face_at_rest_has_none() -> None:
    assert found(REST) == set()


@pytest.mark.parametrize(("band", "name"), [("lips", "lips through lips"), ("lids_left", "lids through lids")])
def test_rims_that_overlap_cross(band: str, name: str) -> None:
    upper = FACES.bands[band].upper
    for depth, expected in ((SAFE, set()), (TOO_MUCH, {name}), (-TOO_MUCH, set())):
        assert found(moved(upper, REST[upper] - [0.0, depth, 0.0])) == expected


def test_a_single_vertex_of_a_rim_is_no_crossing() -> None:
    vertex = FACES.bands["lips"].upper[30:31]
    assert found(moved(vertex, REST[vertex] - [0.0, 1.25 * TOLERANCE, 0.0])) == set()


@pytest.mark.parametrize("side", [0, 1])
def test_lids_inside_an_eyeball_cross_it(side: int) -> None:
    band = FACES.bands[("lids_left", "lids_right")[side]]
    centre, radius = np.array(CENTRES["eyeballs"][side]), RADII["eyeballs"]
    middle = np.array([band.upper[30], band.lower[30]])
    for depth, expected in ((SAFE, set()), (TOO_MUCH, {"lids through eyeballs"})):
        assert found(moved(middle, centre + np.array([0.0, 0.0, radius - depth]))) == expected
    assert found(moved(middle, centre + np.array([0.0, 0.0, -radius + TOO_MUCH]))) == set()  # behind: a socket's wall


@pytest.mark.parametrize(("part", "rim"), [("upper_teeth", "upper"), ("lower_teeth", "lower")])
def test_lips_inside_teeth_cross_them(part: str, rim: str) -> None:
    lip = getattr(FACES.bands["lips"], rim)[30:31]
    centre, radius = np.array(CENTRES[part][0]), RADII[part]
    facets = 0.0006  # by which the ball's triangles lie inside the ball
    for depth, expected in ((0.5 * TOLERANCE, set()), (TOO_MUCH + facets, {"lips through teeth"})):
        assert found(moved(lip, centre + np.array([0.0, 0.0, radius - depth]))) == expected


def test_teeth_inside_teeth_cross() -> None:
    teeth = FACES.part(LOWER_TEETH)
    apart = CENTRES["upper_teeth"][0][1] - CENTRES["lower_teeth"][0][1] - 2 * RADII["upper_teeth"]
    for depth, expected in ((0.0, set()), (2 * TOO_MUCH, {"teeth through teeth"})):
        assert found(moved(teeth, REST[teeth] + [0.0, apart + depth, 0.0])) == expected


def test_a_sphere_is_found_through_its_points() -> None:
    directions = np.random.default_rng(0).normal(size=(40, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    centre, radius = sphere(0.3 * directions + [1.0, -2.0, 0.5])
    assert np.allclose(centre, [1.0, -2.0, 0.5])
    assert radius == pytest.approx(0.3)
