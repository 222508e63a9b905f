"""The features against transformers' own, and over clips of any length."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from facetalk.errors import UserError
from facetalk.speech.wav2vec2_encoder import FRAME_RATE, OVERLAP_SECONDS, WINDOW_SECONDS, Wav2Vec2Encoder
from tests.speech.tiny_wav2vec2 import SIZE, write_wav2vec2

CPU = torch.device("cpu")
Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav2vec2(tmp_path_factory.mktemp("speech") / "tiny-wav2vec2")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Wav2Vec2Encoder:
    return Wav2Vec2Encoder.load(folder, CPU)


def noise(samples: int) -> Samples:
    """Noise that swells, with an offset."""
    swell = 1.0 + np.sin(np.arange(samples) / 2000.0)
    return (0.02 + 0.1 * swell * np.random.default_rng(0).normal(0, 1, samples)).astype(np.float32)


@torch.no_grad()
def by_transformers(folder: Path, samples: Samples, frames: int) -> torch.Tensor:
    """What transformers' model makes of a clip, its convolutions stretched to so many frames as FaceFormer does it."""
    untyped: Any = transformers
    model = untyped.Wav2Vec2Model.from_pretrained(folder).eval()
    heard = untyped.Wav2Vec2FeatureExtractor()(samples, sampling_rate=16000, return_tensors="pt").input_values
    stretched = torch.nn.functional.interpolate(
        model.feature_extractor(heard), size=frames, align_corners=True, mode="linear"
    )
    return torch.as_tensor(model.encoder(model.feature_projection(stretched.mT)[0]).last_hidden_state[0])


@torch.no_grad()
def test_hears_what_transformers_hears(encoder: Wav2Vec2Encoder, folder: Path) -> None:
    untyped: Any = transformers
    at_50 = Wav2Vec2Encoder(encoder._model, replace(encoder.kind, rate=50), CPU)
    samples = noise(320 * 75)
    heard = untyped.Wav2Vec2FeatureExtractor()(samples, sampling_rate=16000, return_tensors="pt").input_values
    # The last convolution hears 80 samples beyond the clip.
    heard = torch.nn.functional.pad(heard, (0, 80))
    expected = untyped.Wav2Vec2Model.from_pretrained(folder).eval()(heard).last_hidden_state[0]
    torch.testing.assert_close(at_50.encode(samples), expected, atol=1e-5, rtol=1e-4)


def test_interpolates_the_convolutions_as_faceformer_does(encoder: Wav2Vec2Encoder, folder: Path) -> None:
    # Of this length, the first and the last convolution lie on frames, as FaceFormer's stretching has it always.
    samples = noise(400 + 320 * 50)
    features = encoder.encode(samples)
    assert features.shape == (25, SIZE)
    torch.testing.assert_close(features, by_transformers(folder, samples, 25), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("samples", [1, 399, 666, 667, 16_000, 160_000, 160_001, 288_000, 288_001, 500_000])
def test_gives_one_feature_for_every_frame_begun(encoder: Wav2Vec2Encoder, samples: int) -> None:
    features = encoder.encode(noise(samples))
    assert features.shape == (-(-samples * FRAME_RATE // 16000), SIZE)
    assert features.dtype == torch.float32
    assert bool(features.isfinite().all())


def test_streams_what_it_encodes_in_pieces_of_bounded_size(encoder: Wav2Vec2Encoder) -> None:
    samples = noise(16000 * 30)
    pieces = list(encoder.stream(samples))
    hop = (WINDOW_SECONDS - OVERLAP_SECONDS) * FRAME_RATE
    assert [len(piece) for piece in pieces] == [hop, hop, hop, 30 * FRAME_RATE - 3 * hop]
    assert torch.equal(torch.cat(pieces), encoder.encode(samples))


def test_windows_join_without_a_seam(encoder: Wav2Vec2Encoder) -> None:
    features = encoder.encode(noise(16000 * 40))
    steps = features.diff(dim=0).norm(dim=1)
    hop, overlap = (WINDOW_SECONDS - OVERLAP_SECONDS) * FRAME_RATE, OVERLAP_SECONDS * FRAME_RATE
    joints = torch.cat([steps[joint - 2 : joint + overlap + 2] for joint in (hop, 2 * hop, 3 * hop)])
    assert joints.median() < 1.15 * steps.median()
    assert joints.max() <= 1.15 * steps.max()


def test_loudness_and_offset_do_not_matter(encoder: Wav2Vec2Encoder) -> None:
    samples = noise(16000)
    torch.testing.assert_close(encoder.encode(samples), encoder.encode(0.3 * samples + 0.1), atol=1e-3, rtol=1e-3)


def test_silence_gives_finite_features(encoder: Wav2Vec2Encoder) -> None:
    assert bool(encoder.encode(np.zeros(16000, np.float32)).isfinite().all())


def test_its_kind_names_folder_and_weights(encoder: Wav2Vec2Encoder, tmp_path: Path) -> None:
    assert (encoder.kind.encoder, encoder.kind.rate, encoder.kind.size) == ("tiny-wav2vec2", 24, SIZE)
    other = Wav2Vec2Encoder.load(write_wav2vec2(tmp_path / "tiny-wav2vec2", seed=1), CPU)
    assert other.kind.weights != encoder.kind.weights
    assert not other.kind.matches(encoder.kind)


def damage(folder: Path, how: str) -> None:
    weights, config = folder / "model.safetensors", folder / "config.json"
    if how in ("missing", "pickled"):
        weights.unlink()
    if how == "pickled":
        (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    if how == "truncated":
        weights.write_bytes(weights.read_bytes()[:2000])
    if how == "incomplete":
        tensors = load_file(weights)
        del tensors["wav2vec2.feature_projection.projection.weight"]
        save_file(tensors, weights, {"format": "pt"})
    if how == "another size":
        config.write_text(config.read_text().replace('"hidden_size": 16', '"hidden_size": 32'))
    if how == "another model":
        config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": "hubert"}))
    if how == "no config":
        config.unlink()
    if how == "damaged config":
        config.write_text("{")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("missing", "model.safetensors does not exist"),
        ("pickled", "pytorch_model.bin would have to be unpickled"),
        ("truncated", "does not fit its config"),
        ("incomplete", "lacks feature_projection.projection.weight"),
        ("another size", "does not fit its config"),
        ("another model", "of another model"),
        ("no config", "config.json is missing"),
        ("damaged config", "config.json is damaged"),
    ],
)
def test_a_bad_folder_is_refused_in_one_sentence(tmp_path: Path, how: str, reason: str) -> None:
    folder = write_wav2vec2(tmp_path / "wav2vec2")
    damage(folder, how)
    with pytest.raises(UserError, match=reason):
        Wav2Vec2Encoder.load(folder, CPU)
