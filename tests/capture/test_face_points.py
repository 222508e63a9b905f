"""Landmarks belong to the vertices of one mesh."""

from dataclasses import replace

import pytest

from facetalk import presets
from facetalk.capture.face_points import INNER_UPPER_LIP, IRISES, mesh_fingerprint, tied_vertices
from facetalk.errors import UserError
from facetalk.topology.template import Template


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.load(presets.preset(presets.TOPOLOGY))


def test_landmarks_are_tied_to_the_shipped_template(template: Template) -> None:
    vertices = tied_vertices(template, (*INNER_UPPER_LIP, *IRISES[0]))
    assert (template.parts[vertices] <= 1).all()  # skin, or an eyeball's iris


def test_a_template_built_anew_asks_for_landmarks_of_its_own(template: Template) -> None:
    vertices = template.vertices.copy()
    vertices[0, 0] += 1e-3
    other = replace(template, vertices=vertices)
    assert mesh_fingerprint(other) != mesh_fingerprint(template)
    with pytest.raises(UserError, match=r"measure_face_points"):
        tied_vertices(other, INNER_UPPER_LIP)
