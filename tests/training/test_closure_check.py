"""Whether lips meet on p, b and m, asked of curves that are known."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from training import prompt_recordings
from training.closure_check import Met, lowest_in_bilabials, lowest_in_open_phones, main
from training.prompt_recordings import aligned_prompts, read_texts
from training.voices import Segment, Speech, UnspeakableError


def test_lips_are_looked_at_from_forty_milliseconds_before_to_after() -> None:
    height = np.full(50, 0.1, np.float32)
    height[[18, 31, 44]] = 0.0  # 0.36, 0.62 and 0.88 s
    spoken = [("pau", 0.0), ("aa", 0.1), ("b", 0.4), ("iy", 0.46), ("m", 0.5), ("ah", 0.57), ("s", 0.85), ("p", 0.93)]
    ends = [start for _, start in spoken[1:]] + [1.0]
    segments = tuple(Segment(symbol, start, end) for (symbol, start), end in zip(spoken, ends, strict=True))
    lowest = lowest_in_bilabials(height, Speech(np.zeros(SAMPLE_RATE, np.float32), segments), "arpabet")
    assert lowest == pytest.approx([0.0, 0.1, 0.1])
    assert Met(np.array(lowest), np.zeros(0), 0.06).share == pytest.approx(1 / 3)


def test_phones_made_without_lips_stay_open() -> None:
    height = np.full(50, 0.1, np.float32)
    height[[18, 27, 42]] = 0.0  # 0.36, 0.54 and 0.84 s
    symbols = ("pau", "s", "n", "ih", "n", "uw", "t", "iy", "k", "pau")
    segments = tuple(Segment(symbol, 0.1 * at, 0.1 * at + 0.1) for at, symbol in enumerate(symbols))
    speech = Speech(np.zeros(SAMPLE_RATE, np.float32), segments)
    lowest = lowest_in_open_phones(height, speech, "arpabet")
    # n, ih and iy: not s and k, beside pauses, nor uw and what is beside it
    assert lowest == pytest.approx([0.1, 0.0, 0.1])
    assert Met(np.ones(1), np.array(lowest), 0.06).wrong == pytest.approx(1 / 3)
    assert Met(np.ones(1), np.zeros(0), 0.06).wrong == 0.0


def test_bilabials_of_other_alphabets_are_known() -> None:
    speech = Speech(np.zeros(SAMPLE_RATE, np.float32), tuple(Segment(s, 0.2, 0.4) for s in ("pʰ", "bː", "β", "n")))
    assert len(lowest_in_bilabials(np.zeros(50, np.float32), speech, "espeak")) == 2


def test_texts_are_read_with_their_names_and_without_what_is_no_speech(tmp_path: Path) -> None:
    lines = "; a comment\n\nhello: Hello.\nletters/a: Ay.\nbeep: [a beep]\n"
    (tmp_path / "texts.txt").write_text(lines)
    with gzip.open(tmp_path / "texts.txt.gz", "wt") as file:
        file.write(lines)
    for name in ("texts.txt", "texts.txt.gz"):
        assert read_texts(tmp_path / name) == {"hello": "Hello.", "letters/a": "Ay."}


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"nothing to see"])
def test_texts_that_are_none_are_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "texts.txt").write_bytes(content)
    with pytest.raises(UserError, match="texts"):
        read_texts(tmp_path / "texts.txt")


def test_prompts_that_cannot_be_aligned_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, SAMPLE_RATE // 2)
    for name in ("one", "two", "short"):
        soundfile.write(tmp_path / f"{name}.wav", sound, SAMPLE_RATE)
    (tmp_path / "texts").write_text("one: Please hold the line now.\ntwo: Qwxz is no word at all.\nshort: Hi.\n")

    def align(samples: NDArray[np.float32], text: str) -> tuple[Segment, ...]:
        if "Qwxz" in text:
            raise UnspeakableError("no")
        return (Segment("p", 0.0, len(samples) / SAMPLE_RATE),)

    monkeypatch.setattr(prompt_recordings, "align", align)
    ((name, speech),) = aligned_prompts(tmp_path, tmp_path / "texts")
    assert name == "one"
    np.testing.assert_allclose(speech.samples, sound, atol=1e-4)


def test_wrong_folders_end_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "texts").write_text("one: Please hold the line now.\n")
    assert main(["--prompts", str(tmp_path), str(tmp_path / "texts")]) == 1
    assert "holds no sound that" in capsys.readouterr().err
