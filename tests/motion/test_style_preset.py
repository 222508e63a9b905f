"""The styles that come with FaceTalk, and files that are no styles."""

import json
from pathlib import Path

import pytest

from facetalk.errors import UserError
from facetalk.motion.style import Style
from facetalk.motion.style_preset import list_styles, load_style


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACETALK_PRESETS", str(tmp_path))
    styles = tmp_path / "styles"
    styles.mkdir()
    return styles


def test_every_embedded_style_can_be_asked_for() -> None:
    names = list_styles()
    assert set(names) == {"neutral", "lively", "whispering", "shouting", "happy", "sad", "angry", "song"}
    styles = [load_style(name).style for name in names]
    assert len(set(styles)) == len(styles)
    assert all(load_style(name).description for name in names)


def test_a_file_of_one_s_own_is_a_style(folder: Path) -> None:
    text = {"description": "Mumbles.", "style": {"lips": 0.5, "emotion": "sad", "strength": 1}}
    (folder / "mumbling.json").write_text(json.dumps(text))
    assert list_styles() == ("mumbling",)
    assert load_style("mumbling").style == Style(lips=0.5, emotion="sad", strength=1.0)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("no json", "is not a style"),
        ("[]", "is not a style"),
        ('{"style": {}}', "description"),
        ('{"description": "", "style": {"hips": 1}}', "style"),
        ('{"description": "", "style": {"lips": "wide"}}', "lips"),
        ('{"description": "", "style": {"lips": 9}}', "lips"),
        ('{"description": "", "style": {"lips": true}}', "lips"),
        ('{"description": "", "style": {"recorded": 1}}', "recorded"),
        ('{"description": "", "style": {"emotion": "hungry"}}', "hungry"),
        (" " * (1 << 15), "too large"),
    ],
)
def test_a_file_that_is_no_style_is_named(folder: Path, text: str, word: str) -> None:
    (folder / "odd.json").write_text(text)
    with pytest.raises(UserError, match=word) as caught:
        load_style("odd")
    assert "odd.json" in str(caught.value)


@pytest.mark.parametrize("name", ["gone", "../styles/neutral", ""])
def test_only_a_name_of_the_list_is_opened(name: str) -> None:
    with pytest.raises(UserError, match="There is no style named"):
        load_style(name)
