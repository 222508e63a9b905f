"""Similarity transforms."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetalk.head.similarity import Similarity, umeyama

POINTS = np.random.default_rng(0).normal(size=(8, 3))
FIRST = Similarity(Rotation.from_rotvec([0.3, -1.0, 0.5]).as_matrix(), 2.5, np.array([1.0, 2.0, -3.0]))
SECOND = Similarity(Rotation.from_rotvec([2.0, 0.1, 0.2]).as_matrix(), 0.1, np.array([0.0, -5.0, 1.0]))


def test_a_transform_and_its_inverse_cancel() -> None:
    assert np.allclose(FIRST.apply_inverse(FIRST.apply(POINTS)), POINTS)


def test_transforms_follow_each_other() -> None:
    assert np.allclose(FIRST.followed_by(SECOND).apply(POINTS), SECOND.apply(FIRST.apply(POINTS)))


def test_umeyama_finds_the_transform_of_exact_points() -> None:
    found = umeyama(POINTS[:3], FIRST.apply(POINTS[:3]))
    assert np.allclose(found.rotation, FIRST.rotation)
    assert found.scale == pytest.approx(2.5)
    assert np.allclose(found.translation, FIRST.translation)


def test_umeyama_never_mirrors() -> None:
    found = umeyama(POINTS, POINTS * [-1.0, 1.0, 1.0])
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)


def test_points_on_a_line_are_refused() -> None:
    line = np.outer(np.arange(5.0), [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="one line"):
        umeyama(line, POINTS[:5])
