"""Templates that come along are worn by the animator, and their names are taken."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from facetalk import presets
from facetalk.cast import Cast
from facetalk.errors import UserError
from facetalk.topology.own_template import has_own_face, require_template, template_folder
from facetalk.topology.template import Template
from facetalk.topology.template_file import write_template


def test_a_template_that_comes_along_is_worn() -> None:
    worn: list[Template] = []
    performer = Cast(cast(Any, SimpleNamespace(wearing=worn.append))).performer("light")
    assert performer is None
    assert [template.name for template in worn] == ["light"]


def test_none_is_the_default_one() -> None:
    animator = cast(Any, SimpleNamespace())
    assert Cast(animator).performer(None) is animator


def test_names_of_both_kinds_are_known_and_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACETALK_TEMPLATES", str(tmp_path))
    (tmp_path / "hero").mkdir()
    (tmp_path / "hero/manifest.json").write_text("{}")
    for name in (*presets.shipped_templates(), "hero"):
        require_template(name)
    with pytest.raises(UserError, match="no template villain: choose one of fine, hm08, light, hero, or make one"):
        require_template("villain")


def test_own_templates_are_worn_or_have_faces_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACETALK_TEMPLATES", str(tmp_path))
    (tmp_path / "hero").mkdir()
    (tmp_path / "hero/manifest.json").write_text('{"kind": "mesh"}')
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn/manifest.json").write_text("{")
    write_template(tmp_path / "even", Template.load(presets.preset(presets.TOPOLOGY)), "facetalk template --quads 9")
    worn: list[Template] = []
    crew = Cast(cast(Any, SimpleNamespace(wearing=worn.append, template=SimpleNamespace(name="hm08"))))
    assert crew.templates() == ["fine", "light", "even"]
    assert crew.characters() == ["hero", "torn"]
    crew.performer("even")
    assert [len(template.quads) for template in worn] == [len(Template.load(tmp_path / "even").quads)]
    assert [has_own_face(name) for name in ("hero", "even", "light")] == [True, False, False]


def test_a_mesh_of_ones_own_cannot_take_the_name_of_one_that_comes_along() -> None:
    with pytest.raises(UserError, match="light already: choose another name"):
        template_folder("light")


def test_only_those_that_come_along_can_be_measured() -> None:
    with pytest.raises(UserError, match="choose one of fine, hm08, light"):
        presets.preset_of_template("../hm08")
