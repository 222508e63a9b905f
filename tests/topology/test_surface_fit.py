import numpy as np

from facetalk.topology.surface_fit import Array, Indices, fit_to_surface, umbrella, warp


def flat_grid(side: int) -> tuple[Array, Indices]:
    u, v = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side), indexing="ij")
    index = np.arange(side * side).reshape(side, side)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    return np.stack([u.ravel(), v.ravel(), np.zeros(side * side)], axis=1), quads


def test_the_laplacian_of_a_constant_is_zero() -> None:
    _, quads = flat_grid(5)
    laplacian = umbrella(quads, 25)
    assert np.abs(laplacian @ np.ones(25)).max() < 1e-12


def test_a_sheet_lands_on_a_bowl_and_stays_even() -> None:
    start, quads = flat_grid(21)

    def bowl(vertices: Array) -> tuple[Array, Array]:
        target = vertices.copy()
        target[:, 2] = 0.2 * (vertices[:, :2] ** 2).sum(axis=1)
        return target, np.ones(len(vertices))

    landed = fit_to_surface(start, umbrella(quads, len(start)), bowl, [10.0, 1.0, 0.01])
    assert np.abs(landed[:, 2] - 0.2 * (landed[:, :2] ** 2).sum(axis=1)).max() < 0.005
    assert np.abs(landed[:, :2] - start[:, :2]).max() < 0.02


def test_vertices_without_a_target_follow_their_neighbours() -> None:
    start, quads = flat_grid(21)
    blind = np.linalg.norm(start[:, :2], axis=1) < 0.3

    def lifted(vertices: Array) -> tuple[Array, Array]:
        return vertices * [1, 1, 0] + [0, 0, 0.5], (~blind).astype(float)

    landed = fit_to_surface(start, umbrella(quads, len(start)), lifted, [1.0])
    assert np.abs(landed[blind, 2] - 0.5).max() < 1e-3


def test_pinned_vertices_go_where_they_are_told() -> None:
    start, quads = flat_grid(11)
    corner = np.array([0])
    place = np.array([[-1.0, -1.0, 0.3]])

    def nowhere(vertices: Array) -> tuple[Array, Array]:
        return vertices, np.zeros(len(vertices))

    landed = fit_to_surface(start, umbrella(quads, len(start)), nowhere, [0.1], (corner, place, 10.0))
    assert np.abs(landed[0] - place[0]).max() < 1e-3


def test_a_warp_takes_landmarks_to_their_places_and_is_affine_between_affine_ones() -> None:
    generator = np.random.default_rng(0)
    source = generator.normal(size=(30, 3))
    matrix = np.eye(3) + 0.1 * generator.normal(size=(3, 3))
    points = generator.normal(size=(50, 3))
    assert np.abs(warp(source, source, source @ matrix + 0.2) - (source @ matrix + 0.2)).max() < 1e-8
    assert np.abs(warp(points, source, source @ matrix + 0.2) - (points @ matrix + 0.2)).max() < 1e-6
