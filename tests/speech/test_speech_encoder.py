from pathlib import Path

import pytest
import torch

from facetalk.errors import UserError
from facetalk.presets import SPEECH_ENCODER, preset
from facetalk.speech.feature_kind import FeatureKind
from facetalk.speech.speech_encoder import encoder_for, feature_kind, load_encoder
from tests.speech.tiny_wav2vec2 import SIZE, write_wav2vec2

CPU = torch.device("cpu")
SOURCE = Path("manifest.json")


def test_the_embedded_encoder_is_found_by_its_kind() -> None:
    kind = feature_kind(preset(SPEECH_ENCODER))
    assert encoder_for(kind, CPU).kind == kind


def test_encoders_are_found_by_what_is_in_their_folder(tmp_path: Path) -> None:
    folder = write_wav2vec2(tmp_path / "mine")
    assert load_encoder(folder, CPU).kind == feature_kind(folder)
    assert feature_kind(folder).size == SIZE


def test_an_encoder_that_is_not_there_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACETALK_PRESETS", str(tmp_path))
    wanted = feature_kind(write_wav2vec2(tmp_path / "elsewhere" / "mine"))
    with pytest.raises(UserError, match=r"put its folder, with config.json and model.safetensors, at .*speech/mine"):
        encoder_for(wanted, CPU)
    write_wav2vec2(tmp_path / "speech" / "mine")
    assert encoder_for(wanted, CPU).kind == wanted
    write_wav2vec2(tmp_path / "speech" / "mine", seed=1)
    with pytest.raises(UserError, match="not the encoder that this motion model was trained with"):
        encoder_for(wanted, CPU)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "whisper",
        {"encoder": "ears"},
        {"encoder": "../ears", "rate": 50, "size": 3},
        {"encoder": "ears", "rate": 0, "size": 3},
    ],
)
def test_damaged_entries_are_refused(entry: object) -> None:
    with pytest.raises(UserError, match=r"manifest\.json does not say"):
        FeatureKind.read(entry, SOURCE)


@pytest.mark.parametrize(
    ("rate", "samples", "count"), [(50, 320, 1), (50, 321, 2), (24, 16000, 24), (24, 16001, 25), (24, 0, 0)]
)
def test_every_frame_begun_counts(rate: int, samples: int, count: int) -> None:
    assert FeatureKind("ears", rate, 3).count(samples) == count


def test_kinds_match_by_their_weights_where_these_are_known() -> None:
    kind = FeatureKind("ears", 50, 3, "hash")
    assert kind.matches(FeatureKind("other name", 50, 3, "hash"))
    assert kind.matches(FeatureKind("ears", 50, 3))
    for other in (FeatureKind("ears", 50, 3, "other"), FeatureKind("other name", 50, 3), FeatureKind("ears", 24, 3)):
        assert not kind.matches(other)
