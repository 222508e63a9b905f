"""What is wrong with quads is found, and nothing else."""

import numpy as np

from facetalk.topology.mesh_shape import bad_quads, corner_angles, crossing_faces, turned_over
from training.quad_parts import box_sphere


def test_a_ball_of_quads_is_sound() -> None:
    vertices, quads = box_sphere(6)
    assert not bad_quads(vertices, quads).any()
    assert not turned_over(vertices, quads).any()
    assert not len(crossing_faces(vertices, quads))


def test_angles_of_a_square_and_a_kite() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [5.0, 0.2, 0]])
    assert np.allclose(corner_angles(vertices, np.array([[0, 1, 2, 3]])), 90.0)
    kite = np.array([[0, 1, 4, 3]])
    assert bad_quads(vertices, kite).all()


def test_a_steep_face_is_found_before_it_turns_over() -> None:
    vertices, quads = box_sphere(6)
    leaning = vertices.copy()
    face = quads[50]
    leaning[face[0]] = leaning[face[2]] + 0.1 * (leaning[face[0]] - leaning[face[2]])
    assert not turned_over(leaning, quads).any()
    assert turned_over(leaning, quads, 0.99).any()


def test_a_dent_through_the_other_side_crosses() -> None:
    vertices, quads = box_sphere(6)
    pole = int(vertices[:, 1].argmax())
    dented = vertices.copy()
    dented[pole, 1] = -1.4
    crossing = crossing_faces(dented, quads)
    assert set(np.flatnonzero((quads == pole).any(axis=1))) <= set(crossing)
    assert len(crossing) < len(quads) / 3


def test_a_vertex_pulled_over_its_neighbours_turns_faces() -> None:
    vertices, quads = box_sphere(6)
    face = quads[50]
    folded = vertices.copy()
    folded[face[0]] = folded[face[2]] + 0.6 * (folded[face[2]] - folded[face[0]])
    assert turned_over(folded, quads).any()
