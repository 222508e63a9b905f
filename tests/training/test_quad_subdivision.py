"""Every quad becomes four, on the same surface, with the same UVs."""

import numpy as np

from facetalk.topology.mesh_shape import bad_quads, turned_over
from training.quad_parts import box_sphere
from training.quad_subdivision import subdivided


def test_a_ball_stays_one() -> None:
    vertices, quads = box_sphere(6)
    split = subdivided(vertices, quads, vertices[quads][..., :2])
    assert len(split.quads) == 4 * len(quads)
    assert set(np.unique(split.quads)) == set(range(len(split.vertices)))
    assert not turned_over(split.vertices, split.quads).any()
    assert not bad_quads(split.vertices, split.quads).any()
    assert np.abs(np.linalg.norm(split.vertices, axis=1) - 1.0).max() < 0.03


def test_a_flat_square_keeps_its_border_and_uvs() -> None:
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [1, 1, 0], [2, 1, 0]])
    quads = np.array([[0, 1, 4, 3], [1, 2, 5, 4]])
    split = subdivided(corners, quads, corners[quads][..., :2])
    assert split.vertices[1].tolist() == [1.0, 0.0, 0.0]  # on a straight border
    assert np.allclose(split.vertices[split.middles[1, 4]], [1.0, 0.5, 0.0])
    assert np.allclose(split.flat[:6], corners)
    assert np.allclose(split.flat[-2:], [[0.5, 0.5, 0.0], [1.5, 0.5, 0.0]])
    assert split.uv.reshape(-1, 2).min(axis=0).tolist() == [0.0, 0.0]
    assert split.uv.reshape(-1, 2).max(axis=0).tolist() == [2.0, 1.0]
    sides = split.uv - np.roll(split.uv, -1, axis=1)
    assert np.allclose(np.linalg.norm(sides, axis=2), 0.5)


def test_a_loop_goes_through_the_middles_of_its_edges() -> None:
    vertices, quads = box_sphere(4)
    split = subdivided(vertices, quads, vertices[quads][..., :2])
    loop = split.along(quads[0])
    assert len(loop) == 8
    assert loop[::2].tolist() == quads[0].tolist()
    assert (np.abs(split.vertices[loop[1]] - vertices[quads[0, :2]].mean(axis=0)) < 0.1).all()
