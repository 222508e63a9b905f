"""Swelling a surface and shrinking what was made on it."""

import numpy as np
import pytest

from facetalk.topology.quad_density import Swelling, SwollenSurface
from tests.topology.test_open_skin import areas, plate

SWELLINGS = (
    Swelling(np.array([0.4, 0.0, 0.0]), 0.2, 2.5),
    Swelling(np.array([-0.3, 0.2, 0.0]), 0.15, 2.0),
)


def test_the_middle_grows_by_the_factor_and_nothing_folds() -> None:
    surface = SwollenSurface.of(plate(80), SWELLINGS)
    grown = areas(surface.swollen) / areas(surface.plain)
    assert grown.min() > 0.0
    middles = surface.plain.vertices[surface.plain.triangles].mean(axis=1)
    for swelling in SWELLINGS:
        nearest = np.linalg.norm(middles - swelling.centre, axis=1).argmin()
        assert grown[nearest] == pytest.approx(swelling.factor**2, rel=0.15)


def test_points_come_back_where_they_were() -> None:
    surface = SwollenSurface.of(plate(80), SWELLINGS)
    np.testing.assert_allclose(surface.shrunk(surface.swollen.vertices), surface.plain.vertices, atol=1e-6)
    middles = surface.swollen.vertices[surface.swollen.triangles].mean(axis=1)
    wanted = surface.plain.vertices[surface.plain.triangles].mean(axis=1)
    np.testing.assert_allclose(surface.shrunk(middles), wanted, atol=1e-6)
