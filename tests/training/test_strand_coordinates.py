"""UVs of hair run along the locks that it was sculpted of."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.hair_sculpt import Locks
from training.strand_coordinates import STRIPS, strand_uv

LENGTH, HALF = 0.2, 0.01


def _lock(x: float, points: int = 21) -> Locks:
    """A straight lock that hangs down in front of the face at some x."""
    path = np.stack([np.full(points, x), LENGTH * np.linspace(0.0, -1.0, points), np.zeros(points)], axis=1)
    out = np.tile([0.0, 0.0, 1.0], (1, points, 1))
    return Locks(path[None], out, np.full((1, points), HALF), np.full((1, points), 0.5 * HALF))


def _sheet(x: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A sheet of 4 by 20 quads over the front of the lock at x."""
    across, down = (each.ravel() for each in np.meshgrid(np.linspace(-HALF, HALF, 5), np.linspace(0.0, -LENGTH, 21)))
    index = np.arange(105).reshape(21, 5)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    return np.stack([x + across, down, np.full(105, 0.4 * HALF)], axis=1), quads


def test_a_lock_is_a_strip_from_root_to_tip() -> None:
    vertices, quads = _sheet(0.0)
    uv = strand_uv(vertices, quads, [_lock(0.0)])
    np.testing.assert_allclose(uv[..., 1], -vertices[quads][..., 1] / LENGTH, atol=1e-6)
    strip = uv[..., 0] * STRIPS
    assert 0.0 <= strip.min() < strip.max() <= 1.0
    across = vertices[quads][..., 0].ravel()
    assert abs(np.corrcoef(strip.ravel(), across)[0, 1]) > 0.98
    beyond = strand_uv(vertices * (6.0, 1.0, 1.0), quads, [_lock(0.0)])[..., 0] * STRIPS
    assert 0.0 < beyond.min() < beyond.max() < 1.0
    assert (np.ptp(beyond, axis=1) > 0.0).all(), "hair beyond the lock's edges has strands too"


def test_every_lock_has_a_strip_of_its_own() -> None:
    first, quads = _sheet(0.0)
    second = _sheet(0.1)[0]
    uv = strand_uv(np.concatenate([first, second]), np.concatenate([quads, quads + 105]), [_lock(0.0), _lock(0.1)])
    np.testing.assert_array_equal(np.floor(uv[:80, :, 0] * STRIPS), 0.0)
    np.testing.assert_array_equal(np.floor(uv[80:, :, 0] * STRIPS), 1.0)


def test_turns_of_a_curl_are_not_confused() -> None:
    turn = np.linspace(0.0, 6.0 * np.pi, 120)
    path = np.stack([0.03 * np.cos(turn), -0.004 * turn, 0.03 * np.sin(turn)], axis=1)
    out = np.stack([np.cos(turn), 0.0 * turn, np.sin(turn)], axis=1)
    size = np.full((1, 120), 0.008)
    uv = strand_uv(
        np.stack([path + 0.008 * out + [0.0, side, 0.0] for side in (-0.002, 0.002)], axis=1).reshape(-1, 3),
        2 * np.arange(119)[:, None] + np.array([0, 2, 3, 1]),
        [Locks(path[None], out[None], size, size)],
    )
    assert np.ptp(uv[..., 1], axis=1).max() < 0.03, "a face is on one turn"
    assert (np.diff(uv[..., 1].mean(axis=1)) > 0.0).all()


def test_more_locks_than_strips_are_refused() -> None:
    points = 2
    count = STRIPS + 1
    paths = np.random.default_rng(0).normal(size=(count, points, 3))
    size = np.ones((count, points))
    with pytest.raises(ValueError, match="strips"):
        strand_uv(np.zeros((4, 3)), np.array([[0, 1, 2, 3]]), [Locks(paths, paths, size, size)])
