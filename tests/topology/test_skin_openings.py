"""Where quads of QuadriFlow end about mouth and eyes."""

import numpy as np
import pytest
import torch

from facetalk import presets
from facetalk.head.head import MILLIMETRES, Head
from facetalk.topology.mesh_shape import turned_over
from facetalk.topology.opening_rows import with_openings
from facetalk.topology.quad_relaxation import closest_on_curve
from facetalk.topology.skin_openings import SkinOpening, skin_openings
from facetalk.topology.template import Template
from facetalk.topology.template_rims import SKIN, border_loops


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.load(presets.preset(presets.TOPOLOGY))


@pytest.fixture(scope="module")
def openings(template: Template) -> list[SkinOpening]:
    return skin_openings(Head.load(presets.preset(presets.HEAD), torch.device("cpu")), template)


def test_quads_end_on_the_lips_and_before_the_lids(openings: list[SkinOpening]) -> None:
    mouth, *eyes = openings
    np.testing.assert_array_equal(mouth.border, mouth.line)
    for eye in eyes:
        border = torch.from_numpy(eye.border)
        away = (closest_on_curve(border, torch.from_numpy(eye.line))[0] - border).norm(dim=1) * MILLIMETRES
        assert 4.0 < away.min() < away.max() < 16.0
        edge = torch.from_numpy(eye.rings[eye.edge])
        off = (closest_on_curve(edge, torch.from_numpy(eye.line))[0] - edge).norm(dim=1) * MILLIMETRES
        assert off.max() < 0.1, "the edge's ring is on the line"


def test_eyes_are_each_others_mirror_image(openings: list[SkinOpening]) -> None:
    right, left = openings[1:]
    mirrored = torch.from_numpy(left.border * [-1.0, 1.0, 1.0])
    off = closest_on_curve(mirrored, torch.from_numpy(right.border))[0] - mirrored
    assert off.norm(dim=1).max() * MILLIMETRES < 0.3


def test_rows_lead_from_the_borders_back_to_the_template(template: Template, openings: list[SkinOpening]) -> None:
    kept = (template.parts[template.quads] == SKIN).all(axis=1)
    whole = int(kept.sum())
    kept[np.concatenate([opening.quads for opening in openings])] = False
    used, quads = np.unique(template.quads[kept], return_inverse=True)
    outer = template.vertices[used].astype(np.float64)
    vertices, quads, edges, behind = with_openings(outer, quads.reshape(-1, 4).astype(np.int64), openings)
    assert kept.sum() < len(quads) <= whole
    assert not np.isin(edges, behind).any()
    assert behind.min() >= len(outer)
    lines = [torch.from_numpy(opening.line) for opening in openings]
    points = torch.from_numpy(vertices[edges])
    off = torch.stack([(closest_on_curve(points, line)[0] - points).norm(dim=1) for line in lines]).amin(dim=0)
    assert off.max() * MILLIMETRES < 0.1
    assert turned_over(vertices, quads).mean() < 0.01
    assert len(border_loops(quads)) == len(openings) + 1, "inner ends, and the neck"
