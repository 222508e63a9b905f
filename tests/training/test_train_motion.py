import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facetalk.bundle import read_bundle
from facetalk.motion.style import ANY_STYLE, Style
from facetalk.motion.takes import MotionModel
from tests.training.tiny_motion import CODES, FEATURES, FRAMES, LINES, tiny_recipe, write_corpus, write_head
from training.checkpoint import load_checkpoint, save_checkpoint
from training.data_parallel import Ranks
from training.motion_checkpoint import begin_from, resume, save
from training.motion_corpus import CodeSpace, MotionCorpus, TrainingFrames
from training.motion_export import export
from training.motion_training import MotionTraining, Phase, draw_known, learning_rate
from training.train_motion import main

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_head(tmp_path_factory.mktemp("heads") / "head")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpora"))


def prepared(corpus: Path, head: Path, expects: bool = False, gestures: bool = False) -> MotionTraining:
    space, recipe = CodeSpace.load(head), tiny_recipe(expects, gestures)
    return MotionTraining([MotionCorpus.load(corpus)], space, recipe, Ranks(CPU), torch.float32)


def test_the_command_trains_resumes_and_exports(corpus: Path, head: Path, tmp_path: Path) -> None:
    run, output = tmp_path / "run", tmp_path / "motion"
    command = [
        *("--corpus", str(corpus), "--head", str(head), "--output", str(output), "--run", str(run)),
        *("--width", "32", "--layers", "2", "--alignment", "1", "--batch", "4", "--device", "cpu"),
    ]
    assert main([*command, "--minutes", "0.03"]) == 0
    entries = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert entries[0]["step"] == 1
    assert entries[-1].keys() >= {"lip_height_correlation", "closure_recall", "mouth_width_correlation"}
    first = read_bundle(output, "motion")
    assert first.tensors["denoiser.enter.weight"].dtype is torch.float16
    assert json.loads((output / "manifest.json").read_text())["attributions"] == ["Made by this test, CC0."]

    assert main([*command, "--minutes", "0.15"]) == 0
    resumed = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()][len(entries) :]
    assert resumed[0]["step"] > entries[-1]["step"]
    assert resumed[-1]["seconds"] > entries[-1]["seconds"]

    before = read_bundle(output, "motion").tensors
    assert main([*command, "--export-only"]) == 0
    after = read_bundle(output, "motion").tensors
    assert all(torch.equal(before[name], after[name]) for name in before)
    model = MotionModel.load(output, CPU)
    assert model.sample(torch.randn(70, FEATURES, generator=torch.Generator().manual_seed(0)), seed=0).isfinite().all()


def steps(training: MotionTraining, count: int, seconds: float) -> list[float]:
    """The losses of so many steps that seem to take so many seconds."""
    losses = []
    for _ in range(count):
        losses.append(training.take_step())
        training.seconds += seconds / count
    return losses


def test_training_learns_to_follow_the_sound(corpus: Path, head: Path) -> None:
    training = prepared(corpus, head)
    training.start()
    losses = steps(training, 150, 60.0)
    assert np.mean(losses[-20:]) < np.mean(losses[:5]) / 2
    assert training.evaluate()["lip_height_correlation"] > 0.7


def test_the_expectation_is_learned_first_and_then_holds_still(corpus: Path, head: Path) -> None:
    training = prepared(corpus, head, expects=True)
    training.start()
    expectation = training.network.expectation
    assert expectation is not None
    decoder = [each.clone() for each in training.network.layers.parameters()]
    losses = steps(training, training.settings.expectation_steps, 0.0)
    assert np.mean(losses[-10:]) < np.mean(losses[:5]) / 2
    assert all(map(torch.equal, decoder, training.network.layers.parameters()))

    ears = [each.clone() for module in (training.network.audio, expectation) for each in module.parameters()]
    training.seconds = 30.0
    training.take_step()
    assert not all(map(torch.equal, decoder, training.network.layers.parameters()))
    after = [each for module in (training.network.audio, expectation) for each in module.parameters()]
    assert all(map(torch.equal, ears, after))


def test_gestures_are_learned_before_and_then_hold_still(corpus: Path, head: Path, tmp_path: Path) -> None:
    training = prepared(corpus, head, expects=True, gestures=True)
    training.start()
    gestures, expectation = training.network.gestures, training.network.expectation
    assert gestures is not None
    assert expectation is not None
    others = [each.clone() for each in expectation.parameters()]
    losses = steps(training, training.settings.gesture_steps, 0.0)
    assert np.mean(losses[-10:]) < np.mean(losses[:5]) * 0.8
    assert training.phase is Phase.EXPECTATION
    assert all(map(torch.equal, others, expectation.parameters()))

    ears = [each.clone() for each in gestures.parameters()]
    steps(training, 3, 0.0)
    assert not all(map(torch.equal, others, expectation.parameters()))
    assert all(map(torch.equal, ears, gestures.parameters()))
    save(training, tmp_path)
    expected = steps(training, 3, 0.0)
    resumed = prepared(corpus, head, expects=True, gestures=True)
    assert resume(resumed, tmp_path)
    assert steps(resumed, 3, 0.0) == expected


def test_a_run_with_an_expectation_begins_with_what_fits_of_one_without(
    corpus: Path, head: Path, tmp_path: Path
) -> None:
    earlier = prepared(corpus, head)
    earlier.start()
    for _ in range(3):
        earlier.take_step()
    save(earlier, tmp_path)
    later = prepared(corpus, head, expects=True)
    begin_from(later, tmp_path)
    for ours, theirs in zip(later.network.layers.parameters(), earlier.averaged.layers.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    # Its decoder said all of the motion: here its answer is a correction, of which there is none yet.
    assert not any(each.any() for each in later.network.leave[1].parameters())


def test_a_resumed_run_takes_the_steps_of_an_unbroken_one(corpus: Path, head: Path, tmp_path: Path) -> None:
    unbroken = prepared(corpus, head)
    unbroken.start()
    for _ in range(4):
        unbroken.take_step()
    save(unbroken, tmp_path)
    expected = [unbroken.take_step() for _ in range(3)]
    resumed = prepared(corpus, head)
    assert resume(resumed, tmp_path)
    assert [resumed.take_step() for _ in range(3)] == expected
    for ours, theirs in zip(resumed.averaged.parameters(), unbroken.averaged.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_run_begins_with_the_weights_of_another_and_its_own_clock(
    corpus: Path, head: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    earlier = prepared(corpus, head)
    earlier.start()
    for _ in range(3):
        earlier.take_step()
    earlier.seconds = 30.0
    save(earlier, tmp_path / "earlier")
    later = prepared(corpus, head)
    begin_from(later, tmp_path / "earlier")
    assert (later.step, later.seconds) == (0, 0.0)
    assert later.before == [{"steps": 3, "seconds": 30}]
    for ours, theirs in zip(later.network.parameters(), earlier.averaged.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(later.statistics.code_mean, earlier.statistics.code_mean)

    command = [*("--corpus", str(corpus), "--head", str(head), "--output", str(tmp_path / "motion"))]
    assert main([*command, "--run", str(tmp_path / "run"), "--begin-from", str(tmp_path / "nothing")]) == 1
    assert "neither a checkpoint nor a motion bundle" in caplog.text


def test_a_run_begins_with_the_weights_of_a_bundle(corpus: Path, head: Path, tmp_path: Path) -> None:
    earlier = prepared(corpus, head)
    earlier.start()
    for _ in range(3):
        earlier.take_step()
    earlier.before, earlier.seconds = [{"steps": 5, "seconds": 60}], 30.0
    export(earlier, tmp_path / "bundle", {})
    later = prepared(corpus, head)
    begin_from(later, tmp_path / "bundle")
    assert later.before == [{"steps": 5, "seconds": 60}, {"steps": 3, "seconds": 30}]
    for ours, theirs in zip(later.network.parameters(), earlier.averaged.parameters(), strict=True):
        assert torch.equal(ours, theirs.half().float())


def test_a_checkpoint_is_replaced_whole(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None
    for step in (1, 2):
        save_checkpoint(tmp_path, {"weight": torch.full((3,), float(step))}, {"step": step})
    tensors, state = load_checkpoint(tmp_path) or ({}, {})
    assert state["step"] == 2
    assert tensors["weight"].tolist() == [2, 2, 2]
    assert len(list(tmp_path.iterdir())) == 2


def test_the_mean_of_the_loss_counts_neither_padding_nor_known_frames(corpus: Path, head: Path) -> None:
    training = prepared(corpus, head)
    training.start()
    present, known = torch.zeros(2, 10, dtype=torch.bool), torch.zeros(2, 10, dtype=torch.bool)
    present[0, :6] = True
    known[0, :2] = True
    error = torch.randn(2, 10, CODES, generator=torch.Generator().manual_seed(0))
    changed = torch.where((present & ~known)[..., None], error, 100.0)
    assert torch.equal(training._error(error, present, known), training._error(changed, present, known))
    assert training._error(error, present, known) > training._error(error / 2, present, known)


def test_a_jump_from_what_is_known_costs(corpus: Path, head: Path) -> None:
    training = prepared(corpus, head)
    training.start()
    present, known = torch.ones(1, 10, dtype=torch.bool), torch.zeros(1, 10, dtype=torch.bool)
    shifted = torch.ones(1, 10, CODES)
    alone = training._error(shifted, present, known)
    known[0, 0] = True
    assert training._error(shifted, present, known) > alone


def test_a_crop_that_is_scaled_is_said_to_move_as_much_more(corpus: Path, head: Path) -> None:
    training = prepared(corpus, head)
    training.settings = replace(training.settings, style_dropout=0.0)
    styles = torch.stack([Style(lips=1.0, emotion="happy", strength=0.5).vector(), ANY_STYLE.vector()])
    told = training._style(styles, torch.tensor([[1.2], [1.2]]), torch.Generator().manual_seed(0))
    assert torch.allclose(told[0], Style(lips=1.2, emotion="happy", strength=0.5).vector())
    assert torch.equal(told[1], styles[1])


def test_corpora_have_the_shares_they_are_given(corpus: Path, head: Path) -> None:
    space, one, other = CodeSpace.load(head), MotionCorpus.load(corpus), MotionCorpus.load(corpus)
    frames = TrainingFrames([one, other], space, [3.0, 1.0])
    chance = sum(chance for chance, (owner, _) in zip(frames.chance, frames.lines, strict=True) if owner is one)
    assert chance == pytest.approx(0.75)
    assert frames.chance.sum() == pytest.approx(1.0)


def test_gestures_are_half_drawn_by_shares_and_half_by_languages(corpus: Path, head: Path) -> None:
    one, other = MotionCorpus.load(corpus), MotionCorpus.load(corpus)
    spoken = [
        replace(line, entry={**line.entry, "language": "en" if place % 2 else "de"})
        for place, line in enumerate(one.utterances)
    ]
    frames = TrainingFrames([replace(one, utterances=tuple(spoken)), other], CodeSpace.load(head), [1.0, 3.0])
    chance = sum(chance for chance, (owner, _) in zip(frames.evened, frames.lines, strict=True) if owner is other)
    assert chance == pytest.approx((3 / 4 + 1 / 3) / 2)
    assert frames.evened.sum() == pytest.approx(1.0)


def test_languages_are_drawn_by_a_power_of_their_frames(corpus: Path, head: Path) -> None:
    whole = MotionCorpus.load(corpus)
    spoken = [
        replace(line, entry={**line.entry, "language": "en" if place else "de"})
        for place, line in enumerate(whole.utterances)
    ]
    bilingual = replace(whole, utterances=tuple(spoken))
    for power, ratio in ((1.0, LINES - 2.0), (0.5, (LINES - 2.0) ** 0.5), (0.0, 1.0)):
        frames = TrainingFrames([bilingual], CodeSpace.load(head), language_power=power)
        english = sum(
            c for c, (_, line) in zip(frames.chance, frames.lines, strict=True) if line.entry["language"] == "en"
        )
        assert english / (1.0 - english) == pytest.approx(ratio)


def test_shares_that_do_not_fit_are_refused(
    corpus: Path, head: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = ["--corpus", corpus, "--head", head, "--output", tmp_path / "out", "--run", tmp_path / "run"]
    for shares in (["1", "2"], ["0"]):
        assert main([*map(str, told), "--shares", *shares]) == 1
        assert "as many --shares as corpora" in caplog.text
        caplog.clear()


def test_batches_come_from_training_lines_alone(corpus: Path, head: Path) -> None:
    held = MotionCorpus.load(corpus)
    frames = TrainingFrames([held], CodeSpace.load(head))
    assert len(frames.lines) == LINES - 1
    batch = frames.draw(16, 200, np.random.default_rng(0))
    assert batch.codes.shape == (16, 200, CODES)
    assert batch.present.sum(1).tolist() == [FRAMES] * 16
    assert not batch.codes[~batch.present].any()
    line = held.utterances[-1]
    features = torch.from_numpy(held.features[line.start : line.start + 5].astype(np.float32))
    assert not any(torch.equal(crop[:5], features) for crop in batch.features)


def test_statistics_normalise_the_training_codes(corpus: Path, head: Path) -> None:
    frames = TrainingFrames([MotionCorpus.load(corpus)], CodeSpace.load(head))
    statistics = frames.statistics()
    codes = torch.cat([c.read(line, 0, line.frames)[1] @ frames.space.rig_to_code for c, line in frames.lines])
    assert torch.allclose(statistics.code_mean, codes.mean(0), atol=1e-4)
    assert torch.allclose(statistics.code_deviation, codes.std(0), rtol=1e-2)


def test_known_frames_are_drawn_for_their_share_of_crops() -> None:
    known = draw_known(4000, 100, 0.5, torch.Generator().manual_seed(0))
    assert known.any(1).float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert known.float().mean(1).max() < 1
    assert not draw_known(50, 100, 0.0, torch.Generator().manual_seed(0)).any()


def test_the_rate_rises_and_falls() -> None:
    rates = [learning_rate(0.1, spent) for spent in (0.0, 0.05, 0.1)]
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(1.0, abs=0.03)
    assert learning_rate(0.1, 0.5) == pytest.approx(0.505)
    assert learning_rate(0.1, 1.0) == learning_rate(0.1, 1.2) == pytest.approx(0.01)


@pytest.mark.parametrize("fault", ["missing", "format", "controls", "length"])
def test_a_wrong_corpus_ends_in_one_sentence(
    fault: str, corpus: Path, head: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "corpus"
    if fault != "missing":
        folder.mkdir()
        manifest = json.loads((corpus / "manifest.json").read_text())
        manifest |= {"format": {"format": 9}, "controls": {"controls": ["jaw"]}}.get(fault, {})
        (folder / "manifest.json").write_text(json.dumps(manifest))
        for name in ("features.npy", "rig_weights.npy"):
            np.save(folder / name, np.load(corpus / name)[: 10 if fault == "length" else None])
    command = ["--corpus", str(folder), "--head", str(head), "--output", str(tmp_path / "out")]
    assert main([*command, "--run", str(tmp_path / "run")]) == 1
    assert str(folder) in caplog.text
    assert not (tmp_path / "out").exists()
