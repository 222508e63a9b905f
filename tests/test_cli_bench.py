"""What ``facetalk bench`` refuses before it loads anything."""

from pathlib import Path

import pytest

from facetalk import cli

SPEECH = Path(__file__).parents[1] / "presets/samples/librivox_sense_and_sensibility.flac"


@pytest.mark.parametrize("arguments", [[], [str(SPEECH), "--head", "somewhere"]])
def test_decoding_is_measured_of_one_head(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["bench", "decoding", *arguments])
    assert ended.value.code == 2
    assert "either SPEECH" in capsys.readouterr().err


def test_a_folder_that_is_no_head_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["bench", "decoding", "--head", str(tmp_path)])
    assert ended.value.code == 1
    assert "manifest.json does not exist" in " ".join(capsys.readouterr().err.split())
