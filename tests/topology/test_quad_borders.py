"""Where borders of quads go on the borders of a surface."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.head.head import MILLIMETRES
from facetalk.head.meshing import TriangleMesh
from facetalk.topology.open_skin import clipped, joined
from facetalk.topology.quad_borders import border_places
from facetalk.topology.quad_density import SwollenSurface
from facetalk.topology.template_rims import border_loops
from tests.topology.test_open_skin import plate

Array = NDArray[np.float64]

CENTRE = np.array([40.0, 0.0])  # mm, off the middle
WIDE, TALL = 15.0, 5.0
COLUMNS = 26


def eye(points: Array) -> Array:
    """How far points ``[N, 3]`` are within an ellipse as wide and tall as an eye, 0 on it."""
    across = (points[:, :2] * MILLIMETRES - CENTRE) / [WIDE, TALL]
    return 1.0 - np.asarray(np.linalg.norm(across, axis=1))


@pytest.fixture(scope="module")
def surface() -> SwollenSurface:
    """A plate with the opening of one eye, as even as it was made."""
    whole = plate(240)
    whole = TriangleMesh(whole.vertices * 30.0 / MILLIMETRES + [*CENTRE / MILLIMETRES, 0.0], whole.triangles)
    return SwollenSurface.of(joined(clipped(whole, eye(whole.vertices))), [])


def made_on(surface: SwollenSurface) -> Array:
    """A border of quads on that of the eye, evenly apart."""
    border = min(border_loops(surface.plain.triangles), key=len)
    points = surface.plain.vertices[border]
    length = np.concatenate([[0.0], np.linalg.norm(np.diff(points, axis=0), axis=1).cumsum()])
    places = np.linspace(0.0, length[-1], COLUMNS, endpoint=False)
    return np.stack([np.interp(places, length, points[:, axis]) for axis in range(3)], axis=1)


def placed(surface: SwollenSurface, lines: list[Array]) -> Array:
    made = made_on(surface)
    result = np.full_like(made, np.nan)
    borders = border_loops(surface.plain.triangles)
    for stretch in border_places(made, np.arange(COLUMNS), surface, borders, lines):
        assert np.isnan(result[stretch.members]).all(), "a vertex has one place"
        guided = np.concatenate([guide.vertices for guide in stretch.guides()])
        np.testing.assert_array_equal(guided, stretch.members)
        assert [guide.slides for guide in stretch.guides()] == ([False] if stretch.held else [False, True])
        result[stretch.members] = stretch.places
    assert not np.isnan(result).any(), "every vertex has one"
    return result


def cut_off(loop: Array) -> float:
    """How far the ellipse is beyond the middles of a loop's edges at most, mm."""
    middles = 0.5 * (loop + np.roll(loop, -1, axis=0))
    nearest = np.linalg.norm(middles[:, None] - outline(2000)[None], axis=-1).min(axis=1)
    return float(nearest.max() * MILLIMETRES)


def outline(count: int) -> Array:
    turn = np.linspace(0.0, 2.0 * np.pi, count)
    flat = np.stack([WIDE * np.cos(turn), TALL * np.sin(turn)], axis=1) + CENTRE
    return np.concatenate([flat, np.zeros((count, 1))], axis=1) / MILLIMETRES


def test_corners_of_the_eye_have_a_vertex_each(surface: SwollenSurface) -> None:
    places = placed(surface, [outline(60)]) * MILLIMETRES
    for end in (-WIDE, WIDE):
        assert np.linalg.norm(places[:, :2] - np.add(CENTRE, [end, 0.0]), axis=1).min() < 0.3


def test_edges_along_a_line_cut_off_less_than_even_ones(surface: SwollenSurface) -> None:
    along, evenly = placed(surface, [outline(60)]), placed(surface, [])
    assert np.abs(eye(along)).max() * TALL < 0.1, "on the line"
    assert cut_off(along) < 0.6 * cut_off(evenly)


def test_a_line_elsewhere_changes_nothing(surface: SwollenSurface) -> None:
    far = np.add(outline(60), [0.1, 0.0, 0.0])
    np.testing.assert_array_equal(placed(surface, [far]), placed(surface, []))


def test_two_corners_at_one_vertex_are_refused(surface: SwollenSurface) -> None:
    made = np.repeat(made_on(surface)[:1], 3, axis=0)
    with pytest.raises(ValueError, match="too large for the corners"):
        list(border_places(made, np.arange(3), surface, border_loops(surface.plain.triangles), []))
