"""The speech features against the original weights, and over clips of any length."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from facetalk.errors import UserError
from facetalk.presets import SPEECH_ENCODER, preset, presets_folder
from facetalk.speech.whisper_encoder import (
    OVERLAP,
    SAMPLES_PER_FEATURE,
    WINDOW,
    WhisperEncoder,
)
from training.convert_whisper import read_ctranslate2

# Made by tests/speech/make_golden.py from the original weights.
GOLDEN = Path(__file__).with_name("golden_whisper.npz")

CPU = torch.device("cpu")
HOP = WINDOW - OVERLAP


@pytest.fixture(scope="module")
def encoder() -> WhisperEncoder:
    return WhisperEncoder.load(preset(SPEECH_ENCODER), CPU)


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    path = presets_folder() / "samples" / "librivox_sense_and_sensibility.flac"
    return np.asarray(soundfile.read(path, dtype="float32")[0])


def test_hears_what_the_original_weights_hear(encoder: WhisperEncoder, speech: NDArray[np.float32]) -> None:
    with np.load(GOLDEN, allow_pickle=False) as golden:
        expected = golden["features"]
    features = encoder.encode(speech[: 4 * 16000])[::4].numpy()
    # Matrices are rounded to 8 bits: that costs 0.03 of a channel's deviation, and 0.19 where it costs most.
    error = (features - expected) / expected.std(axis=0)
    assert np.sqrt((error**2).mean()) < 0.04
    assert np.abs(error).max() < 0.25


@pytest.mark.parametrize("samples", [1, 3, 319, 320, 321, 160_000, 160_001, 288_000, 288_001, 500_000])
def test_gives_one_feature_for_every_20_ms(encoder: WhisperEncoder, samples: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    features = encoder.encode(noise)
    assert features.shape == (-(-samples // SAMPLES_PER_FEATURE), encoder.kind.size)
    assert features.dtype == torch.float32
    assert bool(features.isfinite().all())


def test_same_samples_give_the_same_features(encoder: WhisperEncoder, speech: NDArray[np.float32]) -> None:
    assert torch.equal(encoder.encode(speech), encoder.encode(speech.copy()))


def test_silence_gives_finite_features(encoder: WhisperEncoder) -> None:
    assert bool(encoder.encode(np.zeros(16000, np.float32)).isfinite().all())


def test_streams_what_it_encodes(encoder: WhisperEncoder, speech: NDArray[np.float32]) -> None:
    pieces = list(encoder.stream(speech))
    assert [len(piece) for piece in pieces] == [HOP, -(-len(speech) // SAMPLES_PER_FEATURE) - HOP]
    assert torch.equal(torch.cat(pieces), encoder.encode(speech))


def test_lets_go_of_whatever_it_has_read(encoder: WhisperEncoder, speech: NDArray[np.float32]) -> None:
    samples = np.tile(speech, 3)
    windows = -(-len(samples) // (WINDOW * SAMPLES_PER_FEATURE))
    let_go: list[int] = []
    gone = [len(let_go) for _ in encoder.stream(samples, lambda: let_go.append(0))]
    assert windows > 1
    assert gone == [windows + 1 + piece for piece in range(len(gone))]  # all of it once before, to know how loud it is


def test_windows_join_without_a_seam(encoder: WhisperEncoder, speech: NDArray[np.float32]) -> None:
    features = encoder.encode(np.tile(speech, 3))
    steps = (features[1:] - features[:-1]).norm(dim=1)
    joints = torch.cat([steps[joint - 2 : joint + OVERLAP + 2] for joint in range(HOP, len(steps) - WINDOW, HOP)])
    assert joints.median() < 1.15 * steps.median()
    assert joints.max() <= 1.15 * steps.max()


def test_the_first_window_knows_nothing_of_later_ones(encoder: WhisperEncoder, speech: NDArray[np.float32]) -> None:
    longer = np.tile(speech, 2)
    torch.testing.assert_close(encoder.encode(longer)[:HOP], encoder.encode(speech)[:HOP])


def test_a_damaged_bundle_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(preset(SPEECH_ENCODER), folder)
    weights = bytearray((folder / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(weights)
    with pytest.raises(UserError, match=r"weights\.safetensors is damaged"):
        WhisperEncoder.load(folder, CPU)


def test_the_bundle_carries_its_licence() -> None:
    folder = preset(SPEECH_ENCODER)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["licence"] == "MIT"
    assert "Copyright (c) 2022 OpenAI" in (folder / "LICENSE.txt").read_text()


def test_another_wheel_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    wheel.write_bytes(b"no archive")
    with pytest.raises(UserError, match="download it again"):
        read_ctranslate2([wheel, wheel])
