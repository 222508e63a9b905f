"""Lips and lids of the default template, and the rings behind them."""

import numpy as np
import pytest

from facetalk import presets
from facetalk.topology.template import Template
from facetalk.topology.template_rims import SKIN, border_loops, template_rims


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.load(presets.preset(presets.TOPOLOGY))


def test_a_face_has_a_mouth_and_two_eyes(template: Template) -> None:
    mouth, right, left = template_rims(template)
    middles = [template.vertices[rim.loop].mean(axis=0) for rim in (mouth, right, left)]
    assert abs(middles[0][0]) < 0.002
    assert middles[1][0] < -0.05 < 0.05 < middles[2][0]
    assert middles[0][1] < min(middles[1][1], middles[2][1])
    assert set(mouth.loop) & set(template.groups["lip_upper"])
    assert set(left.loop) & set(template.groups["lid_upper_left"])


def test_rings_lead_into_the_openings(template: Template) -> None:
    mouth, right, left = template_rims(template)
    rings = mouth.rings(template)
    assert len(rings) > 5
    assert len({len(ring) for ring in rings}) == 1
    depths = [template.vertices[ring, 2].mean() for ring in rings]
    assert depths[-1] < depths[0] - 0.1, "the bag goes back by centimetres"
    assert [len(rim.rings(template)) for rim in (right, left)] == [2, 2]
    every = np.concatenate(rings)
    assert len(np.unique(every)) == len(every)


def test_loops_bound_what_lies_behind(template: Template) -> None:
    for rim in template_rims(template):
        assert (template.parts[template.quads[rim.quads]] == SKIN).all()
        loops = border_loops(template.quads[rim.quads].astype(np.int64))
        assert any(set(loop.tolist()) == set(rim.loop.tolist()) for loop in loops)


def test_borders_run_with_the_faces() -> None:
    quads = np.array([[0, 1, 4, 3], [1, 2, 5, 4]])
    (loop,) = border_loops(quads)
    start = loop.tolist().index(0)
    assert np.roll(loop, -start).tolist() == [0, 1, 2, 5, 4, 3]


def test_borders_that_touch_are_refused() -> None:
    with pytest.raises(ValueError, match="touch"):
        border_loops(np.array([[0, 1, 2, 3], [0, 4, 5, 6]]))
