"""Takes of known codes beside their sound, from a folder to a corpus."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from facetalk import presets
from facetalk.bundle import read_bundle
from facetalk.capture.captured_take import CapturedTake
from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from training.captured_corpus import LONGEST, loudness, main, recorded_lines, spans
from training.motion_corpus import MotionCorpus
from training.rig import RIG_CONTROLS

HEAD = presets.preset(presets.HEAD)


def rig_to_code() -> torch.Tensor:
    return read_bundle(HEAD, "head").tensor("rig_to_code", (len(RIG_CONTROLS), None)).float()


def sound(frames: int) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(0).normal(size=frames * 320)).astype(np.float32)


def write_take(folder: Path, name: str = "monday", frames: int = 500, head: str = HEAD.name) -> CapturedTake:
    """A jaw that opens and shuts, beside its sound."""
    weights = torch.zeros(frames, len(RIG_CONTROLS))
    weights[:, RIG_CONTROLS.index("jawOpen")] = 0.3 + 0.3 * torch.sin(torch.arange(frames) / 5)
    turns = np.tile(np.array([1.0, 0.0, 0.0, 0.0], np.float32), (frames, 1))
    take = CapturedTake(head, f"{name}.wav", weights @ rig_to_code(), turns, np.zeros(frames, bool))
    folder.mkdir(exist_ok=True)
    take.save(folder / f"{name}.safetensors")
    soundfile.write(folder / take.source, sound(frames), SAMPLE_RATE)
    return take


def test_the_command_makes_a_corpus_of_the_takes_codes(tmp_path: Path) -> None:
    take = write_take(tmp_path / "ada", frames=1300)
    told = [str(tmp_path / "ada"), "--output", str(tmp_path / "corpus"), "--attribution", "Ada, CC0"]
    assert main(told) == 0
    corpus = MotionCorpus.load(tmp_path / "corpus")
    assert corpus.sources == ("Ada, CC0",)
    assert {line.voice for line in corpus.utterances} == {"ada"}
    assert sum(line.frames for line in corpus.utterances) == 1300
    codes = torch.cat([corpus.read(line, 0, line.frames)[1] for line in corpus.utterances]) @ rig_to_code()
    assert (codes - take.codes).abs().max() < 0.01 * take.codes.abs().max()
    assert main(told) == 1


def test_the_end_of_a_recording_is_held_out(tmp_path: Path) -> None:
    samples = sound(700)
    samples[630 * 320 : 632 * 320] = 0.0
    write_take(tmp_path, frames=700)
    soundfile.write(tmp_path / "monday.wav", samples, SAMPLE_RATE)
    splits = [(line.entry["split"], len(line.weights)) for line in recorded_lines(tmp_path, HEAD, "ada", "en")]
    assert splits == [("train", 630), ("held_out", 70)]


def test_lines_end_where_no_face_is_seen_and_at_cuts(tmp_path: Path) -> None:
    take = write_take(tmp_path, frames=600)
    bridged = np.zeros(600, bool)
    bridged[100:103] = True  # the tracker's blink
    bridged[200:230] = True
    found = spans(replace(take, bridged=bridged, cuts=(300, 330, 550)), loudness(sound(500)), 400)
    # From 300 to 330 it is too short for a line; from 500 on there is no sound.
    assert found == [range(200), range(230, 300), range(330, 400), range(400, 500)]


def test_nothing_without_a_face_is_a_line(tmp_path: Path) -> None:
    take, bridged = write_take(tmp_path, frames=600), np.zeros(600, bool)
    bridged[200:400] = True
    assert spans(replace(take, bridged=bridged, cuts=(260,)), loudness(sound(600)), 330) == [
        range(200),
        range(400, 600),
    ]


def test_long_lines_are_cut_where_it_is_quiet(tmp_path: Path) -> None:
    take, samples = write_take(tmp_path, frames=2 * LONGEST), sound(2 * LONGEST)
    samples[(LONGEST - 40) * 320 : (LONGEST - 39) * 320] = 0.0
    first, *others = spans(take, loudness(samples), 2 * LONGEST)
    assert first == range(LONGEST - 40)
    assert [each.stop for each in (first, *others)][:-1] == [each.start for each in others]
    assert others[-1].stop == 2 * LONGEST
    assert all(len(each) <= LONGEST for each in others)


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    def refused(folder: Path, reason: str) -> None:
        with pytest.raises(UserError, match=reason):
            list(recorded_lines(folder, HEAD, "ada", "en"))

    refused(tmp_path, "holds no takes: run `facetalk fit VIDEO`")
    write_take(tmp_path / "other", head="another-head")
    refused(tmp_path / "other", "is a take of another-head, not of facetalk-head")
    write_take(tmp_path / "mute")
    (tmp_path / "mute/monday.wav").unlink()
    refused(tmp_path / "mute", r"was made of monday\.wav, which is not beside it")
