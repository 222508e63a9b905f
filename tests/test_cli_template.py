"""What ``facetalk template`` refuses before it loads anything."""

import pytest

from facetalk import cli


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ([], 2, "say what to make a template of"),
        (["hero.obj", "--quads", "6000"], 2, "leave out MESH"),
        (["--quads", "6000", "--units", "cm"], 2, "leave out MESH"),
        (["--quads", "100"], 1, "100 quads cannot cover a face well: ask for 2500 to 60000."),
        (["--quads", "6000", "--name", "light"], 1, "light already: choose another name"),
        (["nothing.obj"], 1, "nothing.obj"),
    ],
)
def test_bad_wishes_are_said(
    arguments: list[str], status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["template", *arguments])
    assert ended.value.code == status
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert sentence in said


def test_without_blender_there_are_no_quads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        cli.main(["template", "--quads", "6000"])
    assert ended.value.code == 1
    assert "pip install bpy" in capsys.readouterr().err
