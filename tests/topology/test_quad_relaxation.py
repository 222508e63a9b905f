"""Quads that settle on balls, whose surface is known."""

import numpy as np
import torch
from torch import Tensor

from facetalk.topology.mesh_shape import bad_quads, turned_over
from facetalk.topology.quad_relaxation import Guide, closest_on_curve, project, relax
from training.quad_parts import box_sphere

RADIUS = 0.1


def ball(points: Tensor) -> tuple[Tensor, Tensor]:
    length = points.norm(dim=1)
    return length - RADIUS, points / length[:, None]


def test_quads_land_on_the_surface() -> None:
    directions, quads = box_sphere(8)
    generator = np.random.default_rng(0)
    start = RADIUS * directions * (1.0 + 0.02 * generator.normal(size=(len(directions), 1)))
    landed = relax(start, quads, ball)
    assert np.abs(np.linalg.norm(landed, axis=1) - RADIUS).max() < 1e-5
    assert not bad_quads(landed, quads).any()


def test_a_fold_is_opened() -> None:
    directions, quads = box_sphere(8)
    start = RADIUS * directions
    start[quads[100, 0]] += 1.2 * (start[quads[100, 2]] - start[quads[100, 0]])
    assert turned_over(start, quads).any()
    landed = relax(start, quads, ball)
    assert not turned_over(landed, quads).any()
    assert not bad_quads(landed, quads).any()


def test_guided_vertices_come_to_lie_on_their_curve_and_others_about_where_they_were() -> None:
    directions, quads = box_sphere(8)
    start = RADIUS * directions
    equator = np.flatnonzero(np.abs(directions[:, 1]) < 1e-6)
    angle = np.linspace(0.0, 2.0 * np.pi, 200)
    height = 0.03 * RADIUS
    ring = np.sqrt(RADIUS**2 - height**2)
    curve = np.stack([ring * np.cos(angle), np.full(200, height), ring * np.sin(angle)], axis=1)
    landed = relax(start, quads, ball, [Guide(equator, curve)])
    assert np.abs(landed[equator, 1] - height).max() < 0.1 * height
    assert np.linalg.norm(landed - start, axis=1).max() < 2.0 * height


def test_held_vertices_stay_at_the_point_nearest_to_their_start() -> None:
    directions, quads = box_sphere(8)
    start = RADIUS * directions
    equator = np.flatnonzero(np.abs(directions[:, 1]) < 1e-6)
    angle = np.linspace(0.0, 2.0 * np.pi, 2000)
    curve = RADIUS * np.stack([np.cos(angle), np.zeros(2000), np.sin(angle)], axis=1)
    start[equator[0]] += 0.3 * (start[equator[1]] - start[equator[0]])
    slid, held = (relax(start, quads, ball, [Guide(equator, curve, slides)]) for slides in (True, False))
    moved = [np.linalg.norm(landed[equator] - start[equator], axis=1) for landed in (slid, held)]
    assert moved[1].max() < 0.02 * RADIUS
    # Those that were on the curve already give way to the one that was not, unless they are held.
    assert moved[1][1:].max() < 0.1 * moved[0][1:].max()


def test_a_sheet_that_faces_inwards_stays_so_if_the_start_says_which_side_is_out() -> None:
    directions, quads = box_sphere(8)
    inward = quads[:, ::-1]
    landed = relax(1.01 * RADIUS * directions, inward, ball, two_sided=True)
    assert np.abs(np.linalg.norm(landed, axis=1) - RADIUS).max() < 1e-5
    assert np.linalg.norm(landed - RADIUS * directions, axis=1).max() < 0.05 * RADIUS


def test_projection_stops_on_the_surface() -> None:
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    near = points / points.norm(dim=1, keepdim=True) * (RADIUS + 0.01)
    assert (project(near, ball).norm(dim=1) - RADIUS).abs().max() < 1e-6


def test_the_closest_point_of_a_polyline() -> None:
    corner = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    places, tangents = closest_on_curve(torch.tensor([[0.4, 0.2, 0.0], [1.3, 0.5, 0.1]]), corner)
    assert torch.allclose(places, torch.tensor([[0.4, 0.0, 0.0], [1.0, 0.5, 0.0]]))
    assert torch.allclose(tangents, torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
