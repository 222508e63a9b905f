"""Speech encoders: from a folder, or as a motion model needs them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.errors import UserError
from facetalk.presets import presets_folder
from facetalk.speech.feature_kind import FeatureKind
from facetalk.speech.overlapping_windows import keep
from facetalk.speech.wav2vec2_encoder import Wav2Vec2Encoder, wav2vec2_kind
from facetalk.speech.whisper_encoder import WhisperEncoder, whisper_kind


class SpeechEncoder(Protocol):
    """What turns sound into speech features, in bounded memory beyond clip and features."""

    @property
    def kind(self) -> FeatureKind:
        """What kind of features."""

    def encode(self, samples: NDArray[np.float32]) -> Tensor:
        """Features ``[kind.count(S), D]`` of samples ``[S]``, mono, 16 kHz."""

    def stream(self, samples: NDArray[np.float32], let_go: Callable[[], None] = keep) -> Iterator[Tensor]:
        """The same in consecutive pieces ``[t, D]``, each as soon as it is encoded.

        ``let_go`` is called after every stretch of the samples that was read, for whoever maps them from a file.
        """


def feature_kind(folder: Path) -> FeatureKind:
    """What kind of features the encoder of a folder gives; it is not loaded.

    Raises:
        UserError: the folder holds no encoder that can be used.
    """
    return whisper_kind(folder) if _is_bundle(folder) else wav2vec2_kind(folder)


def load_encoder(folder: Path, device: torch.device) -> SpeechEncoder:
    """Load a speech bundle, or a wav2vec2 folder; no network is touched, nothing is unpickled.

    Raises:
        UserError: the folder holds no encoder that can be used.
    """
    return WhisperEncoder.load(folder, device) if _is_bundle(folder) else Wav2Vec2Encoder.load(folder, device)


def require_encoder(kind: FeatureKind) -> Path:
    """The folder in ``presets/speech`` of the encoder that a motion model was trained with.

    Raises:
        UserError: it is not there, or another of the same name is.
    """
    folder = presets_folder() / "speech" / kind.encoder
    if not folder.is_dir():
        raise UserError(
            f"This motion model hears with {kind.encoder}, which does not come with FaceTalk: put its folder, with "
            f"config.json and model.safetensors, at {folder}."
        )
    found = feature_kind(folder)
    if not found.matches(kind):
        raise UserError(
            f"{folder} is not the encoder that this motion model was trained with ({kind}): put that one there."
        )
    return folder


def encoder_for(kind: FeatureKind, device: torch.device) -> SpeechEncoder:
    """The encoder of a motion model, from ``presets/speech``.

    Raises:
        UserError: it is not there, another of the same name is, or it is damaged.
    """
    return load_encoder(require_encoder(kind), device)


def _is_bundle(folder: Path) -> bool:
    return (folder / "manifest.json").is_file()
