"""A face's colours are its own, with the tones of blood and thin skin."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk import presets
from facetalk.topology.complexion import Color, complexion, tones
from facetalk.topology.template import Template

DARK, PALE = (0.09, 0.045, 0.03), (0.72, 0.46, 0.36)


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.load(presets.preset("topologies/light"))


def part(template: Template, material: str) -> NDArray[np.int32]:
    return np.asarray(
        np.unique(template.quads[template.material_index == template.materials.index(material)]), np.int32
    )


@pytest.mark.parametrize("skin", [DARK, PALE])
def test_most_of_the_skin_is_of_the_colour_that_is_asked_for(template: Template, skin: Color) -> None:
    shown = complexion(template, {"skin": skin})[part(template, "skin"), :3]
    np.testing.assert_allclose(np.median(shown, axis=0), skin, rtol=0.12)


def test_noses_and_ears_are_redder_than_the_skull(template: Template) -> None:
    skin = part(template, "skin")
    red = tones(template, template.vertices[skin])
    redness = red[:, 0] / red[:, 1]
    nose = np.flatnonzero(skin == template.landmarks["nose_tip"])[0]
    ear, skull = np.abs(template.vertices[skin, 0]).argmax(), template.vertices[skin, 2].argmin()
    assert redness[nose] > 1.15
    assert redness[ear] > 1.25
    assert redness[skull] == pytest.approx(1.0, abs=0.01)


def test_brows_and_their_roots_take_the_hairs_colour(template: Template) -> None:
    fair = complexion(template, {"skin": PALE, "hair": (0.5, 0.32, 0.12)})
    brown = complexion(template, {"skin": PALE, "hair": (0.05, 0.02, 0.01)})
    np.testing.assert_allclose(
        fair[part(template, "brows"), :3], np.tile((0.5, 0.32, 0.12), (len(part(template, "brows")), 1)), atol=1e-6
    )
    changed = part(template, "skin")[(np.abs(fair - brown).max(axis=1) > 1e-3)[part(template, "skin")]]
    assert len(changed)
    brows = template.vertices[part(template, "brows")]
    assert np.linalg.norm(template.vertices[changed][:, None] - brows, axis=2).min(axis=1).max() < 0.03


def test_nothing_but_its_irises_changes_with_the_colour_of_the_eyes(template: Template) -> None:
    plain, blue = complexion(template, {}), complexion(template, {"eyes": (0.1, 0.2, 0.5)})
    changed = np.flatnonzero((plain != blue).any(axis=1))
    assert set(changed) <= set(part(template, "iris"))
    assert len(changed)
