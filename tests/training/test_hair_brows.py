import numpy as np

from tests.training.egg_head import brow_landmarks, egg_head, pieces_if_watertight, volume
from training.brows import DEPTH, sculpt_brows
from training.skin_surface import MILLIMETRE


def test_brows_are_two_thin_watertight_strips_on_the_skin() -> None:
    skin = egg_head()
    brows = sculpt_brows(skin, brow_landmarks())
    assert pieces_if_watertight(brows.triangles) == 2
    assert volume(brows.vertices, brows.triangles) > 0.0
    height = skin.distance.sample(brows.vertices)
    assert height.max() < 4.0 * MILLIMETRE
    assert height.max() > 1.5 * MILLIMETRE
    assert height.min() > -DEPTH - 1.0 * MILLIMETRE
    for side in (-1.0, 1.0):
        brow = brows.vertices[side * brows.vertices[:, 0] > 0.0]
        assert 0.02 < np.abs(brow[:, 0]).min() < 0.05
        assert 0.18 < np.abs(brow[:, 0]).max() < 0.22


def test_brows_are_no_mirror_images_and_the_same_every_time() -> None:
    skin = egg_head()
    first, second = (sculpt_brows(skin, brow_landmarks()) for _ in range(2))
    assert np.array_equal(first.vertices, second.vertices)
    left = int((first.vertices[:, 0] > 0.0).sum())
    assert left != len(first.vertices) - left
