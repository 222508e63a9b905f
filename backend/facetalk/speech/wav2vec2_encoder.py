"""Speech features of wav2vec 2.0 (Baevski et al. 2020) at the rate of a film, as FaceTalk and FaceFormer use them.

The convolutions' output is interpolated from 50 Hz to the motion's rate before the transformer hears it (FaceFormer,
Fan et al. 2022), so that every frame has one feature. The weights do not come with FaceTalk: a user brings the folder.
"""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from facetalk.speech.feature_kind import FeatureKind, weights_digest
from facetalk.speech.overlapping_windows import encode_in_windows, keep

FRAME_RATE = 24  # the paper's
WINDOW_SECONDS, OVERLAP_SECONDS = 10, 2  # whole seconds: there the rates of convolutions and frames meet

WEIGHTS = "model.safetensors"
CONFIG_LIMIT, WEIGHTS_LIMIT = 1 << 20, 1 << 32  # bytes
# Only masks of training read it, and many files lack it.
UNUSED = {"masked_spec_embed"}

_CONVOLUTION_RATE = 50
_HOP = SAMPLE_RATE // _CONVOLUTION_RATE
_SPAN = 400  # samples that one output of the convolutions hears
_CHUNK = 1 << 20  # samples


class Wav2Vec2Encoder:
    """Speech features of a clip of any length, in bounded memory beyond clip and features.

    Attributes:
        kind: what kind of features.
    """

    def __init__(self, model: nn.Module, kind: FeatureKind, device: torch.device) -> None:
        """Use ``load``; ``model`` is transformers' ``Wav2Vec2Model``."""
        self.kind = kind
        self.device = device
        self._model: Any = model.to(device).eval()

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> Self:
        """Load a folder of ``config.json`` and ``model.safetensors``; nothing is downloaded or unpickled.

        Raises:
            UserError: a file is missing, damaged, or of another model.
        """
        kind = wav2vec2_kind(folder)
        # transformers takes seconds to import; a command that only prints its help must not wait for it.
        import transformers

        # It would report every tensor that it leaves out, such as those of the letters that nobody asks for.
        untyped: Any = transformers
        before = untyped.logging.get_verbosity()
        untyped.logging.set_verbosity_error()
        try:
            model, report = untyped.Wav2Vec2Model.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True, dtype=torch.float32
            )
        except Exception as error:  # whatever transformers, safetensors and torch raise over a bad file
            logging.getLogger(__name__).debug("%s", folder, exc_info=error)
            raise UserError(f"{folder / WEIGHTS} does not fit its config.json: get the folder again.") from error
        finally:
            untyped.logging.set_verbosity(before)
        missing = set(report["missing_keys"]) - UNUSED
        if missing:
            raise UserError(f"{folder / WEIGHTS} lacks {min(missing)}: get the folder of a wav2vec2 model again.")
        return cls(model, kind, device)

    def encode(self, samples: NDArray[np.float32]) -> Tensor:
        """The features of a whole clip.

        Args:
            samples: ``[S]`` mono, 16 kHz, full scale 1.

        Returns:
            ``[kind.count(S), D]`` float32 on the encoder's device.
        """
        return torch.cat(list(self.stream(samples)))

    @torch.no_grad()
    def stream(self, samples: NDArray[np.float32], let_go: Callable[[], None] = keep) -> Iterator[Tensor]:
        """The features of a clip in consecutive pieces ``[t, D]``, each as soon as it is encoded.

        ``let_go`` is called after every stretch of the samples that was read, for whoever maps them from a file.
        """
        rate, loudness = self.kind.rate, _loudness(samples, let_go)
        for piece in encode_in_windows(
            self.kind.count(len(samples)),
            WINDOW_SECONDS * rate,
            OVERLAP_SECONDS * rate,
            lambda start, stop: self._encode_window(self._cut(samples, start, stop, *loudness), stop - start),
        ):
            let_go()
            yield piece

    def _cut(
        self, samples: NDArray[np.float32], start: int, stop: int, mean: np.float32, deviation: np.float32
    ) -> NDArray[np.float32]:
        """What is heard of frames ``start`` to ``stop``, at mean 0 and deviation 1; silence beyond the clip's end."""
        convolved = -(-(stop - start - 1) * _CONVOLUTION_RATE // self.kind.rate) + 1
        first, count = start * SAMPLE_RATE // self.kind.rate, _SPAN + _HOP * (convolved - 1)
        piece = (samples[first : first + count] - mean) / deviation
        return np.pad(piece, (0, count - len(piece)))

    def _encode_window(self, samples: NDArray[np.float32], frames: int) -> Tensor:
        """``[frames, D]``; frame i hears what the convolutions give at ``i / rate`` seconds."""
        sound = torch.from_numpy(samples)[None].to(self.device)
        convolved = self._model.feature_extractor(sound)[0].T
        # FaceFormer stretches a clip's ends onto each other, which shifts times by up to 40 ms in clips of 2 s.
        place = torch.arange(frames, device=self.device, dtype=torch.float64) * (_CONVOLUTION_RATE / self.kind.rate)
        below = place.long()
        share = (place - below).float()[:, None]
        above = (below + 1).clamp(max=len(convolved) - 1)
        hidden, _ = self._model.feature_projection(torch.lerp(convolved[below], convolved[above], share)[None])
        features: Tensor = self._model.encoder(hidden).last_hidden_state[0]
        return features.clone()


def wav2vec2_kind(folder: Path) -> FeatureKind:
    """What kind of features a wav2vec2 folder gives.

    Raises:
        UserError: a file is missing, too large, or of another model.
    """
    config, weights = folder / "config.json", folder / WEIGHTS
    if not weights.is_file():
        found = next((path.name for path in sorted(folder.glob("*.bin")) if path.is_file()), None)
        why = "does not exist" if found is None else f"is missing, and {found} would have to be unpickled"
        raise UserError(f"{weights} {why}: get the model's folder with its weights as safetensors.")
    if not config.is_file() or config.stat().st_size > CONFIG_LIMIT or weights.stat().st_size > WEIGHTS_LIMIT:
        raise UserError(f"{folder} is no folder of a wav2vec2 model: config.json is missing, or a file is too large.")
    try:
        sizes = json.loads(config.read_text(encoding="utf-8"))
        model, size, strides = sizes["model_type"], int(sizes["hidden_size"]), sizes["conv_stride"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{config} is damaged: get the model's folder again.") from error
    if model != "wav2vec2" or int(np.prod(strides)) != _HOP:
        raise UserError(f"{config} is of another model ({model}): give the folder of a wav2vec2 model of 50 Hz.")
    return FeatureKind(folder.resolve().name, FRAME_RATE, size, weights_digest(weights))


def _loudness(samples: NDArray[np.float32], let_go: Callable[[], None]) -> tuple[np.float32, np.float32]:
    """Mean and deviation of a clip: wav2vec2 was trained on sound of mean 0 and deviation 1."""
    total = squares = 0.0
    for start in range(0, len(samples), _CHUNK):
        chunk = samples[start : start + _CHUNK].astype(np.float64)
        total, squares = total + chunk.sum(), squares + np.square(chunk).sum()
        let_go()
    mean = total / max(len(samples), 1)
    variance = max(squares / max(len(samples), 1) - mean**2, 0.0)
    return np.float32(mean), np.float32(np.sqrt(variance + 1e-7))
