import numpy as np
import pytest

from tests.training.egg_head import CENTRE, RADII, egg_head
from training.skin_surface import MILLIMETRE, SkinSurface


@pytest.fixture(scope="module")
def skin() -> SkinSurface:
    return egg_head()


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
