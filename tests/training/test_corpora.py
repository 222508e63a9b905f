"""A tiny corpus end to end, with a voice and an encoder made for the test."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facetalk.errors import UserError
from tests.training.fake_voices import SIZE, Babbler, LoudnessEncoder
from training import corpora, face_layer, lines, speech_layer
from training.corpus_assembly import assemble
from training.corpus_table import corpus_table
from training.files import read_json
from training.flite import FliteVoice
from training.motion_corpus import MotionCorpus
from training.rig import RIG_CONTROLS
from training.speech_layer import Share

Arrays = tuple[NDArray[np.float16], NDArray[np.float16], dict[str, Any]]


@pytest.fixture(autouse=True)
def _small_and_simple(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of few sentences; no vocoder, which not every machine has."""
    monkeypatch.setattr(speech_layer, "PART", 4)
    monkeypatch.setattr(lines, "VOICINGS", {"spoken": 1.0})
    monkeypatch.setattr(lines, "VOICE_CHANGED_SHARE", 0.0)


def shares(minutes: float = 0.3) -> list[Share]:
    return [Share(Babbler("ada"), minutes), Share(Babbler("bob"), minutes / 2, held_out_parts=1)]


def build(folder: Path, wanted: list[Share], encoder: LoudnessEncoder, copies: int = 1, seed: int = 3) -> None:
    corpora.build_corpus(folder, wanted, copies, seed, encoder.kind, lambda: encoder)


def contents(folder: Path) -> Arrays:
    features = np.load(folder / "features.npy", mmap_mode="r", allow_pickle=False)
    weights = np.load(folder / "rig_weights.npy", mmap_mode="r", allow_pickle=False)
    return features, weights, read_json(folder / "manifest.json")


def assert_same(first: Arrays, second: Arrays) -> None:
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert first[2] == second[2]


def test_corpus_has_the_documented_format(tmp_path: Path) -> None:
    build(tmp_path, shares(), LoudnessEncoder())
    features, weights, manifest = contents(tmp_path)
    assert manifest["controls"] == list(RIG_CONTROLS)
    assert any("MIT: nobody" in source for source in manifest["sources"])
    assert features.dtype == weights.dtype == np.float16
    assert features.shape == (len(weights), SIZE)
    assert weights.shape[1] == len(RIG_CONTROLS)
    assert 0.0 <= weights.min() < weights.max() <= 1.0
    end = 0
    for line in manifest["utterances"]:
        assert line["start"] == end
        end += line["frames"]
        assert line["treatment"]
        assert line["style"]["jaw"] > 0
        assert 0.0 <= line["strength"] <= 1.0
        assert line["split"] == "held_out" if line["voice"] == "bob" else True
    assert end == len(weights)
    assert {line["voice"] for line in manifest["utterances"]} == {"ada", "bob", "none"}
    assert not list(tmp_path.rglob("*.partial"))


def test_training_reads_it(tmp_path: Path) -> None:
    build(tmp_path, shares(), LoudnessEncoder())
    corpus = MotionCorpus.load(tmp_path)
    assert {line.held_out for line in corpus.utterances if line.voice == "bob"} == {True}
    assert {line.held_out for line in corpus.utterances if line.voice == "ada"} == {False}
    features, weights = corpus.read(corpus.utterances[0], 0, 10)
    assert features.shape == (10, SIZE)
    assert weights.shape == (10, len(RIG_CONTROLS))


def test_sound_and_face_are_in_step(tmp_path: Path) -> None:
    build(tmp_path, shares(1.0), LoudnessEncoder())
    features, weights, manifest = contents(tmp_path)
    jaw = weights[:, RIG_CONTROLS.index("jawOpen")].astype(np.float64)
    correlations = []
    for lag in range(-6, 7):
        each = []
        for line in manifest["utterances"]:
            if line["voice"] != "none":
                span = slice(line["start"], line["start"] + line["frames"])
                each.append(np.corrcoef(np.roll(features[span, 0].astype(np.float64), lag), jaw[span])[0, 1])
        correlations.append(np.median(each))
    assert abs(int(np.argmax(correlations)) - 6) <= 2
    assert max(correlations) > 0.5


def test_faces_follow_an_encoder_of_another_rate(tmp_path: Path) -> None:
    build(tmp_path / "50", shares(), LoudnessEncoder())
    build(tmp_path / "24", shares(), LoudnessEncoder(rate=24))
    fast, slow = (MotionCorpus.load(tmp_path / name) for name in ("50", "24"))
    assert (fast.speech.rate, slow.speech.rate) == (50, 24)
    for line, other in zip(fast.utterances, slow.utterances, strict=True):
        assert line.name == other.name
        assert other.frames == pytest.approx(line.frames * 24 / 50, abs=1)
        weights, resampled = (
            each[0].read_weights(each[1], 0, each[1].frames) for each in ((fast, line), (slow, other))
        )
        # Every 12th frame of the one is a 25th of the other.
        together = min(len(weights[::25]), len(resampled[::12]))
        torch.testing.assert_close(resampled[::12][:together], weights[::25][:together])
    assert "| spoken |" in corpus_table(tmp_path / "24")


def test_a_corpus_has_one_encoder(tmp_path: Path) -> None:
    build(tmp_path, shares(), LoudnessEncoder())
    with pytest.raises(UserError, match="features of loudness at 50 per second, not of loudness at 24"):
        build(tmp_path, shares(), LoudnessEncoder(rate=24))


def test_a_corpus_that_does_not_say_what_it_is_heard_with_is_refused(tmp_path: Path) -> None:
    build(tmp_path, shares(), LoudnessEncoder())
    (tmp_path / "features/speech.json").unlink()
    with pytest.raises(UserError, match=r"speech\.json does not say which speech features"):
        assemble(tmp_path, 3)


def test_the_face_rests_while_nobody_speaks(tmp_path: Path) -> None:
    build(tmp_path, shares(), LoudnessEncoder())
    _, weights, manifest = contents(tmp_path)
    silent = [line for line in manifest["utterances"] if line["manner"] == lines.NO_SPEECH]
    assert silent
    for line in silent:
        jaw = weights[line["start"] : line["start"] + line["frames"], RIG_CONTROLS.index("jawOpen")]
        assert jaw.max() < 0.12


def test_an_interrupted_run_goes_on_to_the_same_corpus(tmp_path: Path) -> None:
    build(tmp_path / "whole", shares(), LoudnessEncoder())
    speaker = Babbler("ada", interrupted_at=7)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "resumed", [Share(speaker, 0.3), shares()[1]], LoudnessEncoder())
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "resumed", shares(), LoudnessEncoder(interrupted_at=6))
    assert not (tmp_path / "resumed" / "manifest.json").exists()
    build(tmp_path / "resumed", shares(), LoudnessEncoder())
    assert_same(contents(tmp_path / "whole"), contents(tmp_path / "resumed"))


def test_what_is_finished_is_not_made_again(tmp_path: Path) -> None:
    build(tmp_path, shares(), LoudnessEncoder())
    first = contents(tmp_path)
    again, idle = shares(), LoudnessEncoder()
    build(tmp_path, again, idle)
    assert idle.calls == 0
    assert all(not share.voice.said for share in again if isinstance(share.voice, Babbler))
    assert_same(first, contents(tmp_path))


def test_more_minutes_add_and_keep_what_is_there(tmp_path: Path) -> None:
    build(tmp_path, shares(0.2), LoudnessEncoder())
    names = {line["name"] for line in contents(tmp_path)[2]["utterances"]}
    build(tmp_path, shares(0.6), LoudnessEncoder())
    more = {line["name"] for line in contents(tmp_path)[2]["utterances"]}
    assert names < more


def test_fewer_minutes_encode_only_the_first_of_the_speech(tmp_path: Path) -> None:
    speech_only = shares(0.6)
    corpora.build_corpus(tmp_path, speech_only, 1, 3, LoudnessEncoder().kind, LoudnessEncoder, ["speech"])
    assert not (tmp_path / "features").exists()
    build(tmp_path, shares(0.2), LoudnessEncoder())
    few = len(contents(tmp_path)[0])
    build(tmp_path, shares(0.6), LoudnessEncoder())
    assert few < len(contents(tmp_path)[0]) / 1.5


def test_a_second_copy_says_the_same_in_another_way(tmp_path: Path) -> None:
    build(tmp_path, shares(), LoudnessEncoder(), copies=2)
    spoken = [line for line in contents(tmp_path)[2]["utterances"] if line["voice"] == "ada"]
    texts = [" ".join(line["text"] for line in spoken if line["copy"] == copy) for copy in (0, 1)]
    assert texts[0] == texts[1]
    levels = [[line["treatment"]["level_db"] for line in spoken if line["copy"] == copy] for copy in (0, 1)]
    assert levels[0] != levels[1]


def test_another_articulation_makes_only_the_faces_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path, shares(), LoudnessEncoder())
    features, weights, _ = (np.array(each) for each in contents(tmp_path))

    def still(_phones: object, frames: int, *_: object) -> NDArray[np.float32]:
        return np.zeros((frames, len(RIG_CONTROLS)), np.float32)

    monkeypatch.setattr(face_layer, "articulate", still)
    monkeypatch.setattr(face_layer, "articulation_version", lambda: "still")
    idle = LoudnessEncoder()
    build(tmp_path, shares(), idle)
    assert idle.calls == 0
    assert weights.any()
    assert not contents(tmp_path)[1].any()
    np.testing.assert_array_equal(features, contents(tmp_path)[0])


def test_a_recorded_voice_ends_with_its_prompts(tmp_path: Path) -> None:
    prompts = tuple(f"prompt number {word}" for word in ("one", "two", "three", "four", "five"))
    build(tmp_path, [Share(Babbler("tape", prompts), 60.0, held_out_parts=2)], LoudnessEncoder())
    spoken = [line for line in contents(tmp_path)[2]["utterances"] if line["voice"] == "tape"]
    assert " ".join(line["text"] for line in spoken) == " ".join(prompts)
    assert {line["split"] for line in spoken} == {"train", "held_out"}


def test_another_seed_is_refused(tmp_path: Path) -> None:
    build(tmp_path, shares(), LoudnessEncoder())
    with pytest.raises(UserError, match="another version or seed"):
        build(tmp_path, shares(), LoudnessEncoder(), seed=4)


@pytest.mark.parametrize(("minutes", "copies"), [(0.0, 1), (float("nan"), 1), (1.0, 0)])
def test_an_empty_corpus_is_refused(tmp_path: Path, minutes: float, copies: int) -> None:
    with pytest.raises(UserError, match="would be empty"):
        build(tmp_path, shares(minutes), LoudnessEncoder(), copies)
    assert not list(tmp_path.iterdir())


def test_a_voice_that_cannot_speak_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"ada failed at \d+ texts"):
        build(tmp_path, [Share(Babbler("ada", mute=True), 0.3)], LoudnessEncoder())


def test_an_unreadable_prompt_is_left_out(tmp_path: Path) -> None:
    build(tmp_path, [Share(Babbler("tape", ("one", "two"), mute=True), 1.0)], LoudnessEncoder())
    assert [line["voice"] for line in contents(tmp_path)[2]["utterances"]] == ["none"]


@pytest.mark.parametrize("layer", ["speech", "features", "faces"])
def test_a_damaged_part_is_named(tmp_path: Path, layer: str) -> None:
    build(tmp_path, shares(), LoudnessEncoder())
    damaged = sorted((tmp_path / layer / "ada").glob("*.npy"))[0]
    damaged.write_bytes(b"not an array")
    if layer == "speech":
        shutil.rmtree(tmp_path / "features" / "ada")
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(UserError, match=rf"{damaged.name} cannot be read"):
        build(tmp_path, shares(), LoudnessEncoder())


def test_nothing_to_assemble_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no part with"):
        assemble(tmp_path, 0)


def test_the_table_adds_up(tmp_path: Path) -> None:
    build(tmp_path, shares(0.8), LoudnessEncoder(), copies=2)
    features, _, manifest = contents(tmp_path)
    table = corpus_table(tmp_path)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    engine = next(row for row in rows if row[0] == "babbler 1")
    assert engine[1:3] == ["en", "ada, *bob*"]
    assert ["babbler 1", "MIT: nobody", "exact"] in rows
    spoken = sum(line["frames"] for line in manifest["utterances"] if line["voice"] != "none") / 50 / 3600
    assert float(engine[4]) == pytest.approx(spoken, abs=0.006)
    assert float(engine[3]) < float(engine[4])
    hours = {row[0]: float(row[1]) for row in rows if len(row) == 2 and row[0] in ("for training", "held out")}
    assert sum(hours.values()) == pytest.approx(len(features) / 50 / 3600, abs=0.011)


def test_a_table_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"manifest.json cannot be read"):
        corpora.main([str(tmp_path), "--table"])


def test_an_unknown_voice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "CATALOGUE", tuple(shares()))
    assert [share.voice.description.name for share in corpora.chosen_shares(["ad"], 5.0)] == ["ada"]
    assert len(corpora.chosen_shares([], None)) == 2
    with pytest.raises(UserError, match="No voice is called 'zoe': choose from ada, bob"):
        corpora.chosen_shares(["zoe"], None)


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_flite_speaks_a_corpus(tmp_path: Path) -> None:
    build(tmp_path, [Share(FliteVoice("slt"), 0.05)], LoudnessEncoder())
    manifest = contents(tmp_path)[2]
    assert manifest["voices"]["flite-slt"]["engine"].startswith("flite ")
    assert sum(line["frames"] for line in manifest["utterances"] if line["voice"] == "flite-slt") > 0.05 * 60 * 50
