import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tests.training.egg_head import CENTRE, RADII, egg_head
from training.hair_styles import scalp_vertices
from training.skin_surface import MILLIMETRE, SkinSurface, bind_to_scalp, bind_to_skin, vertex_normals

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def skin() -> SkinSurface:
    return egg_head()


@pytest.fixture
def points() -> Array:
    directions = np.random.default_rng(0).normal(size=(200, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(CENTRE + (RADII + 10.0 * MILLIMETRE) * directions)


def test_distance_is_signed_and_the_skull_of_an_egg_is_its_skin(skin: SkinSurface) -> None:
    middle_and_front = CENTRE + np.array([[0.0, 0.0, 0.0], [0.0, 0.0, RADII[2] + 0.1]])
    assert skin.distance.sample(middle_and_front)[0] == pytest.approx(-RADII[0], abs=0.02)
    assert skin.distance.sample(middle_and_front)[1] == pytest.approx(0.1, abs=0.002)
    assert np.abs(skin.skull.sample(skin.vertices)).max() < 2.0 * MILLIMETRE  # a quarter of a cell


def test_the_skull_has_no_ears(skin: SkinSurface) -> None:
    """An egg with a leaf on its side: the leaf is skin, but no skull."""
    leaf = skin.vertices * [0.02, 0.15, 0.15] / RADII.mean() + [0.33, 0.05, -0.2]
    triangles = np.concatenate([skin.triangles, skin.triangles + len(skin.vertices)])
    eared = SkinSurface(np.concatenate([skin.vertices, leaf]), triangles, 6.0 * MILLIMETRE)
    top_of_leaf = leaf[[leaf[:, 1].argmax()]]
    assert abs(eared.distance.sample(top_of_leaf)[0]) < 3.0 * MILLIMETRE
    assert eared.skull.sample(top_of_leaf)[0] > 5.0 * MILLIMETRE


def test_bound_points_come_back_where_they_were(skin: SkinSurface, points: Array) -> None:
    binding = bind_to_skin(points, skin)
    normals = vertex_normals(skin.vertices, skin.triangles)
    assert np.abs(binding.positions(skin.vertices, normals) - points).max() < 1e-9
    assert binding.weights.sum(axis=1) == pytest.approx(1.0)


def test_bound_points_turn_with_the_skin(skin: SkinSurface, points: Array) -> None:
    binding = bind_to_skin(points, skin)
    turn = Rotation.from_euler("xyz", [20.0, -35.0, 10.0], degrees=True).as_matrix()
    shift = np.array([0.1, -0.2, 0.3])
    moved = skin.vertices @ turn.T + shift
    positions = binding.positions(moved, vertex_normals(moved, skin.triangles))
    assert np.abs(positions - (points @ turn.T + shift)).max() < 1e-9


def test_hair_follows_the_scalp_smoothly(skin: SkinSurface, points: Array) -> None:
    binding = bind_to_scalp(points, skin, scalp_vertices(skin))
    shift = np.array([0.01, 0.02, -0.03])
    moved = np.broadcast_to(shift, skin.vertices.shape)
    assert np.abs(binding.displacement(moved) - shift).max() < 1e-12
    widened = skin.vertices * [0.1, 0.0, 0.0]
    over_scalp = points[:, 1] > 0.35
    sideways = binding.displacement(widened)[over_scalp, 0]
    assert np.abs(sideways - 0.1 * points[over_scalp, 0]).max() < 8.0 * MILLIMETRE
