"""A tiny corpus end to end, with a synthesiser and an encoder made for the test."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from facetalk.speech.whisper_encoder import FEATURE_SIZE
from training import augmentation, corpora, flite
from training.articulation import PAUSE, Phone
from training.flite import Speech, phones_of_listing
from training.rig import RIG_CONTROLS
from training.sentences import draw_sentence


def babble(text: str, voice: str, stretch: float) -> Speech:
    """As many syllables as the text has words: a buzz for the vowel, silence for the lips' closure."""
    phones = [Phone(PAUSE, 0.0, 0.1)]
    for _ in text.split():
        start = phones[-1].end
        phones += [Phone("b", start, start + 0.08 * stretch)]
        phones += [Phone("aa", phones[-1].end, phones[-1].end + 0.12 * stretch)]
    times = np.arange(int(phones[-1].end * SAMPLE_RATE)) / SAMPLE_RATE
    sounding = np.zeros(len(times), np.float32)
    for phone in phones:
        if phone.name == "aa":
            sounding[(times >= phone.start) & (times < phone.end)] = 0.3
    return Speech((sounding * np.sign(np.sin(2 * np.pi * 120 * times))).astype(np.float32), tuple(phones))


class LoudnessEncoder:
    """Features that hold the loudness of each 20 ms; counts its calls and fails when told to."""

    def __init__(self, fail_at: int = -1) -> None:
        self.calls = 0
        self.fail_at = fail_at

    def encode(self, samples: NDArray[np.float32]) -> torch.Tensor:
        self.calls += 1
        if self.calls == self.fail_at:
            raise KeyboardInterrupt
        frames = -(-len(samples) // 320)
        padded = np.zeros(frames * 320, np.float32)
        padded[: len(samples)] = samples
        loudness = np.sqrt((padded.reshape(frames, 320) ** 2).mean(axis=1))
        return torch.from_numpy(np.repeat(loudness[:, None], FEATURE_SIZE, axis=1))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "UTTERANCES_PER_PART", 3)


def build(folder: Path, encoder: LoudnessEncoder, minutes: float = 0.7, seed: int = 3) -> None:
    corpora.build_corpus(folder, minutes, seed, babble, encoder)


def contents(folder: Path) -> tuple[NDArray[np.float16], NDArray[np.float16], dict[str, object]]:
    features = np.load(folder / "features.npy", mmap_mode="r", allow_pickle=False)
    weights = np.load(folder / "rig_weights.npy", mmap_mode="r", allow_pickle=False)
    return features, weights, json.loads((folder / "manifest.json").read_text())


def test_corpus_has_the_documented_format(tmp_path: Path) -> None:
    build(tmp_path, LoudnessEncoder())
    features, weights, manifest = contents(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "features.npy",
        "manifest.json",
        "rig_weights.npy",
    ]
    assert manifest["format"] == 1
    assert manifest["rate"] == 50
    assert manifest["controls"] == list(RIG_CONTROLS)
    assert manifest["sources"]
    utterances = manifest["utterances"]
    assert isinstance(utterances, list)
    assert features.dtype == weights.dtype == np.float16
    assert features.shape == (len(weights), FEATURE_SIZE)
    assert weights.shape[1] == len(RIG_CONTROLS)
    assert len(weights) >= 0.7 * 60 * 50
    end = 0
    for utterance in utterances:
        assert utterance["start"] == end
        end += utterance["frames"]
        assert utterance["split"] == ("held_out" if utterance["voice"] == "awb" else "train")
        assert utterance["source"]
        assert utterance["recording"]
    assert end == len(weights)


def test_sound_and_face_are_in_step(tmp_path: Path) -> None:
    build(tmp_path, LoudnessEncoder())
    features, weights, manifest = contents(tmp_path)
    utterances = manifest["utterances"]
    assert isinstance(utterances, list)
    jaw = weights[:, RIG_CONTROLS.index("jawOpen")].astype(np.float64)
    correlations = []
    for lag in range(-5, 6):
        each = []
        for utterance in utterances:
            if utterance["voice"] != "none":
                span = slice(utterance["start"], utterance["start"] + utterance["frames"])
                each.append(np.corrcoef(np.roll(features[span, 0].astype(np.float64), lag), jaw[span])[0, 1])
        correlations.append(np.median(each))
    assert abs(int(np.argmax(correlations)) - 5) <= 1
    assert max(correlations) > 0.6


def test_an_interrupted_run_continues_to_the_same_corpus(tmp_path: Path) -> None:
    build(tmp_path / "whole", LoudnessEncoder())
    interrupted = LoudnessEncoder(fail_at=5)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "resumed", interrupted)
    assert not (tmp_path / "resumed" / "manifest.json").exists()
    resumed = LoudnessEncoder()
    build(tmp_path / "resumed", resumed)
    whole = contents(tmp_path / "whole")
    again = contents(tmp_path / "resumed")
    utterances = whole[2]["utterances"]
    assert isinstance(utterances, list)
    assert resumed.calls == len(utterances) - 3
    for first, second in zip(whole[:2], again[:2], strict=True):
        np.testing.assert_array_equal(first, second)
    assert whole[2] == again[2]


def test_a_finished_corpus_is_kept_and_another_is_refused(tmp_path: Path) -> None:
    build(tmp_path, LoudnessEncoder())
    idle = LoudnessEncoder()
    build(tmp_path, idle)
    assert idle.calls == 0
    with pytest.raises(UserError, match="already holds another corpus"):
        build(tmp_path, LoudnessEncoder(), seed=4)


def test_a_corpus_without_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="positive"):
        build(tmp_path, LoudnessEncoder(), minutes=0.0)


def test_the_face_rests_while_nobody_speaks() -> None:
    quiet = [u for u in (corpora.compose(index, 0, babble) for index in range(40)) if u.voice == "none"]
    assert len({utterance.source for utterance in quiet}) > 1
    for utterance in quiet:
        weights = corpora._face(utterance, 150, np.random.default_rng(0))
        assert weights[:, RIG_CONTROLS.index("jawOpen")].max() < 0.05


def test_recording_changes_the_sound_but_not_its_times() -> None:
    clean = babble("one two three four", "slt", 1.0).samples
    clean = np.concatenate([np.zeros(8000, np.float32), clean, np.zeros(8000, np.float32)])
    energy = np.sqrt((clean[: len(clean) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1))
    for seed in range(20):
        heard, done = augmentation.record(clean, np.random.default_rng(seed))
        assert heard.shape == clean.shape
        assert np.isfinite(heard).all()
        assert np.abs(heard).max() <= 1.0
        assert "level_db" in done
        other = np.sqrt((heard[: len(energy) * 160].reshape(-1, 160) ** 2).mean(axis=1))
        lags = [np.corrcoef(np.roll(energy, lag), other)[0, 1] for lag in range(-5, 6)]
        # Reverberation lengthens sounds; nothing may move them by more than 20 ms.
        assert abs(int(np.argmax(lags)) - 5) <= 2


def test_vocal_tract_scales_times_exactly() -> None:
    speech = babble("one two three", "slt", 1.0)
    shifted = corpora._with_vocal_tract(speech, 1.25)
    assert shifted.seconds == pytest.approx(speech.seconds / 1.25, abs=1e-3)
    assert shifted.phones[-1].end == pytest.approx(speech.phones[-1].end / 1.25)


def test_a_listing_of_several_sentences_becomes_one_timeline() -> None:
    phones = phones_of_listing("pau:0.100 b:0.200 aa:0.400\npau:0.100 m:0.250", 0.9)
    assert [phone.name for phone in phones] == ["pau", "b", "aa", "pau", "m", "pau"]
    assert [phone.end for phone in phones] == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.65, 0.9])


def test_a_missing_synthesiser_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="install the system package flite"):
        flite.speak("Hello.", "slt", 1.0)


def test_sentences_are_many_and_fully_filled() -> None:
    rng = np.random.default_rng(0)
    sentences = [draw_sentence(rng) for _ in range(500)]
    assert len(set(sentences)) > 350
    assert not any(
        word.strip("s.,!?").isupper() and len(word.strip("s.,!?")) > 1 for s in sentences for word in s.split()
    )
