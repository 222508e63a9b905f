"""Meshing a head, or some of its parts."""

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from facetalk.head.head_surface import head_surface, parts_field
from facetalk.head.meshing import marching_cubes
from tests.head.toy_head import ToyHead

HEAD, CODE = ToyHead(), torch.tensor([0.5, -0.5, 0.3, 1.0, 0.0])


@pytest.mark.parametrize("parts", [None, [0], [1], [1, 0]])
def test_the_chosen_parts_are_meshed(parts: list[int] | None) -> None:
    chosen = [0, 1] if parts is None else parts
    mesh = head_surface(HEAD, CODE, parts, 64)
    expected = marching_cubes(lambda points: HEAD.signed_distance(points, CODE)[:, chosen].amin(dim=1), HEAD.box, 64)
    assert len(mesh.triangles) == len(expected.triangles) > 0
    assert cKDTree(expected.vertices).query(mesh.vertices)[0].max() < 1e-6
    assert np.isfinite(mesh.vertices).all()


def test_only_the_chosen_parts_are_asked_for() -> None:
    points = torch.rand(5, 3)
    found = parts_field(HEAD, CODE, [1])(points, torch.ones(5, 1, dtype=torch.bool))
    assert torch.equal(found[:, 0], HEAD.signed_distance(points, CODE)[:, 1])
