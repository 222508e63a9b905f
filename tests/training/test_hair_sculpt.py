import numpy as np
import pytest

from tests.training.egg_head import CENTRE, RADII, egg_head, pieces_if_watertight
from training.distance_grid import DistanceGrid
from training.hair_sculpt import HairVolume, Locks, cut, grow, length_until, spread
from training.skin_surface import MILLIMETRE

BOX = np.array([[-0.1, -0.1, -0.1], [0.1, 0.1, 0.1]])
NO_GROUND = DistanceGrid(BOX[0], 0.1, np.ones((3, 3, 3), dtype=np.float32))


def test_a_lock_is_as_wide_and_as_thick_as_asked() -> None:
    path = np.stack([np.linspace(-0.05, 0.05, 12), np.zeros(12), np.zeros(12)], axis=1)[None]
    up = np.broadcast_to([0.0, 1.0, 0.0], path.shape)
    size = np.ones((1, 12))
    volume = HairVolume(NO_GROUND, BOX, 1.0 * MILLIMETRE)
    volume.add(Locks(path, up, 5.0 * MILLIMETRE * size, 3.0 * MILLIMETRE * size, strands=0.0))
    mesh = volume.mesh()
    assert pieces_if_watertight(mesh.triangles) == 1
    high, low = mesh.vertices.max(axis=0), mesh.vertices.min(axis=0)
    assert high[2] - low[2] == pytest.approx(10.0 * MILLIMETRE, abs=0.6 * MILLIMETRE)
    assert high[1] - low[1] == pytest.approx(6.0 * MILLIMETRE, abs=0.6 * MILLIMETRE)
    assert high[0] - low[0] > 0.1


def test_loose_bits_are_dropped_and_nothing_is_an_error() -> None:
    volume = HairVolume(NO_GROUND, BOX, 2.0 * MILLIMETRE)
    with pytest.raises(ValueError, match="no hair"):
        volume.mesh()
    x, y, z = volume.coordinates()
    for centre, radius in ((-0.05, 0.03), (0.06, 0.015)):
        volume.join(np.sqrt((x - centre) ** 2 + y**2 + z**2) - np.float32(radius))
    assert volume.mesh().vertices[:, 0].max() < 0.0


def test_paths_follow_the_comb_at_the_wanted_height() -> None:
    skin = egg_head()
    root = CENTRE + RADII * np.array([[0.0, 1.0, 0.0]])
    height = 8.0 * MILLIMETRE
    path = grow(
        skin,
        root,
        np.array([0.3]),
        lambda place, progress: np.array([[0.0, 0.0, 1.0]]),
        lambda place, progress: np.full(1, height),
        lambda place, progress: np.full(1, 0.4),
    )
    assert path[0, -1, 2] > root[0, 2] + 0.2
    assert skin.skull.sample(path[0, 8:]) == pytest.approx(height, abs=2.5 * MILLIMETRE)


def test_cut_ends_a_path_where_the_condition_first_holds() -> None:
    path = np.stack([np.zeros(50), np.linspace(0.0, -1.0, 50), np.zeros(50)], axis=1)[None]
    ended = cut(path, length_until(path, path[:, :, 1] < -0.5))
    assert ended[0, -1, 1] == pytest.approx(-0.5, abs=0.03)
    assert cut(path, np.array([9.0]))[0, -1, 1] == pytest.approx(-1.0)


def test_spread_points_keep_their_distance() -> None:
    points = np.random.default_rng(0).uniform(size=(2000, 3))
    kept = spread(points, 0.2)
    distance = np.linalg.norm(kept[:, None] - kept[None], axis=-1) + np.eye(len(kept))
    assert distance.min() > 0.2
    assert np.linalg.norm(points[:, None] - kept[None], axis=-1).min(axis=1).max() <= 0.2
