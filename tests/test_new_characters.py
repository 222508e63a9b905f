"""A mesh becomes a character that is kept, found again, and replaced by a later one of its name."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from facetalk import cast as cast_module
from facetalk import presets
from facetalk.cast import Cast
from facetalk.character import HEAD_NAME, Character, MadeTemplate
from facetalk.errors import Cancelled, UserError
from facetalk.head.head import Head
from facetalk.head.similarity import Similarity
from facetalk.take import TakeSettings
from facetalk.topology.mesh_binding import MeshBinding
from facetalk.topology.own_template import OwnTemplate
from facetalk.topology.polygon_mesh import PolygonMesh
from facetalk.topology.template import Template

FITTED = SimpleNamespace(face=SimpleNamespace(mean=0.8), remarks=lambda: ["Its back is far off."])


def pentagon(offset: float = 0.0) -> PolygonMesh:
    vertices = np.random.default_rng(0).normal(size=(5, 3)) + offset
    uv = np.zeros((5, 2), np.float32)
    return PolygonMesh(vertices, np.array([5]), np.arange(5), uv, ("skin",), np.zeros(1, np.int64))


@pytest.fixture
def everybody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cast:
    """A cast whose characters are made at once: a single vertex hangs on the lips of the mean head."""
    monkeypatch.setenv("FACETALK_TEMPLATES", str(tmp_path))

    def make_at_once(
        head: Head,
        template: Template,
        mesh: PolygonMesh,
        name: str,
        landmarks: object,
        progress: Callable[[str, float], None],
    ) -> MadeTemplate:
        progress("fit", 0.5)
        one = np.zeros(1, np.int64)
        binding = MeshBinding(
            code=head.identity("average"),
            transform=Similarity(np.eye(3), 4.0, np.zeros(3)),
            moving=np.array([2]),
            canonical=np.array([[0.0, -0.2, 0.2]], np.float32),
            parts=one,
            mobility=np.ones(1, np.float32),
            body=one - 1,
            inside_out=True,
        )
        return MadeTemplate(OwnTemplate(name, HEAD_NAME, mesh, binding), cast(Any, FITTED), "a head of human size")

    monkeypatch.setattr(cast_module, "make_template", make_at_once)
    head = Head.load(presets.preset(presets.HEAD), torch.device("cpu"))
    template = Template.load(presets.preset(presets.TOPOLOGY))
    return Cast(cast(Any, SimpleNamespace(head=head, template=template, models=("head", "hm08"))))


def test_a_new_character_performs(everybody: Cast) -> None:
    assert list(everybody.characters()) == []
    made = everybody.add_character(pentagon(), "hero", None, lambda stage, fraction: None)
    assert made.summary() == (
        "1 of 5 vertices move; the face is followed to 0.80 mm; 0 pieces move as one body; "
        "the mesh shows a head of human size."
    )
    assert any("point inwards" in remark for remark in made.remarks())
    assert "Its back is far off." in made.remarks()
    assert list(everybody.characters()) == ["hero"]
    hero = everybody.performer("hero")
    assert isinstance(hero, Character)
    assert everybody.performer("hero") is hero
    np.testing.assert_allclose(hero.mesh(TakeSettings().identity).vertices, pentagon().vertices, rtol=1e-6)


def test_a_later_one_of_its_name_replaces_it(everybody: Cast) -> None:
    for offset in (0.0, 1.0):
        everybody.add_character(pentagon(offset), "hero", None, lambda stage, fraction: None)
        shown = everybody.performer("hero").mesh(TakeSettings().identity).vertices
        np.testing.assert_allclose(shown, pentagon(offset).vertices, rtol=1e-6)


def test_cancelling_and_bad_names_leave_nothing(everybody: Cast) -> None:
    def cancel(stage: str, fraction: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        everybody.add_character(pentagon(), "hero", None, cancel)
    with pytest.raises(UserError, match="cannot be named"):
        everybody.add_character(pentagon(), "../hero", None, lambda stage, fraction: None)
    assert list(everybody.characters()) == []
