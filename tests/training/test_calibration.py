"""Calibration finds again the tables that curves were made with, and reports what it is."""

from pathlib import Path

import numpy as np
import pytest

from facetalk.errors import UserError
from training.aligned_recordings import AlignedSentence, with_loudness
from training.articulation import mouth_weights
from training.calibration import fit, write_table
from training.calibration_picture import draw_sentences
from training.calibration_report import kind, print_report, scores, speak
from training.lip_geometry import mouth_size
from training.phones import PAUSE, Phone
from training.postures import CHANNELS, calibrated, read_table
from training.speaking_style import SpeakingStyle

FPS = 25.0
FRAMES = 75
NAMES = ("p", "m", "f", "t", "n", "s", "w", "l", "i", "ɑ", "u", "ɛ", "ɔ")


def sentence(seed: int) -> AlignedSentence:
    """Random phones, and the curves that the calibrated model makes of them at the camera's rate, with noise."""
    rng = np.random.default_rng(seed)
    phones = [Phone(PAUSE, 0.0, 0.5)]
    while phones[-1].end < 2.3:
        phones.append(Phone(str(rng.choice(NAMES)), phones[-1].end, phones[-1].end + rng.uniform(0.06, 0.2)))
    phones.append(Phone(PAUSE, phones[-1].end, 3.0))
    weights = mouth_weights(phones, 150, SpeakingStyle(), rng)
    size = mouth_size({name: curve.astype(np.float64) for name, curve in weights.items()})
    curves = np.stack([size.height, size.width, 0.316 * weights["jawOpen"]], axis=-1)[::2]
    noise = rng.normal(0.0, 0.003, curves.shape)
    samples = (0.1 * rng.standard_normal(48000)).astype(np.float32)
    return AlignedSentence(f"line{seed}", samples, tuple(phones), curves + noise, FPS)


def test_a_fit_says_held_out_sentences_as_they_were(tmp_path: Path) -> None:
    training, held_out = [sentence(seed) for seed in range(48)], [sentence(seed) for seed in range(100, 108)]
    write_table(tmp_path / "table.json", fit(training, 150, 0), len(training))
    fitted = read_table(tmp_path / "table.json")
    assert set(fitted) == set(CHANNELS)
    rows = scores(held_out, fitted)
    assert min(rows["sentence (median)"]) > 0.9
    assert min(rows["shut lips: recall, precision"]) > 0.9
    untrained = scores(held_out, fit(training, 1, 0))
    assert untrained["sentence (median)"][0] < rows["sentence (median)"][0] - 0.1


def test_the_report_and_the_picture_are_of_the_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [sentence(seed) for seed in range(3)]
    assert speak(lines[0], calibrated()).shape == (FRAMES, 2)
    print_report(lines, None, calibrated())
    printed = capsys.readouterr().out
    assert "3 held-out sentences" in printed
    assert "bilabial" in printed
    draw_sentences(tmp_path / "curves.png", lines, calibrated())
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_kinds_of_phones() -> None:
    named = {name: kind(name) for name in (PAUSE, "b", "v", "ð", "ʃ", "k", "w", "u", "i", "a")}
    assert list(named.values()) == [
        *("pause", "bilabial", "labiodental", "dental", "postalveolar", "other consonant", "glide"),
        *("rounded vowel", "close vowel", "open vowel"),
    ]


def test_loudness_is_over_the_median_vowel() -> None:
    samples = np.concatenate([np.full(1600, level, np.float32) for level in (0.01, 0.1, 0.3, 0.1)])
    phones = [Phone(name, start, start + 0.1) for name, start in (("s", 0.0), ("a", 0.1), ("i", 0.2), ("u", 0.3))]
    loudness = [phone.loudness for phone in with_loudness(phones, samples)]
    assert loudness == pytest.approx([-20.0, 0.0, 9.0, 0.0], abs=0.1)


def test_damaged_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "table.json").write_text("{}")
    with pytest.raises(UserError, match=r"training\.calibration"):
        read_table(tmp_path / "table.json")
