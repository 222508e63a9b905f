"""Speech features: Whisper's log-mel spectrogram and first encoder blocks (Radford et al. 2022)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facetalk.bundle import Bundle, read_bundle, read_manifest
from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from facetalk.speech.feature_kind import FeatureKind, weights_digest
from facetalk.speech.overlapping_windows import encode_in_windows, keep

FEATURE_RATE = 50
SAMPLES_PER_FEATURE = SAMPLE_RATE // FEATURE_RATE

# Whisper hears 30 s at a time. Ten seconds hold all the context that speech sounds need, and a short line
# then costs a third; neighbouring windows overlap and are cross-faded, so that no seam shows in the features.
WINDOW = 500
OVERLAP = 100

# Beside a matrix of 8-bit numbers, under its name and this, lies what one of them is worth in every row.
SCALE = ".scale"

_FFT = 400
_MEL_HOP = 160
_MEL_PER_FEATURE = SAMPLES_PER_FEATURE // _MEL_HOP


class WhisperEncoder:
    """Speech features of a clip of any length, in bounded memory beyond clip and features.

    Attributes:
        kind: what kind of features.
    """

    def __init__(
        self, kind: FeatureKind, encoder: nn.Module, mel_filters: Tensor, listen_to: list[int], device: torch.device
    ) -> None:
        """Use ``load``.

        Args:
            kind: what kind of features.
            encoder: transformers' encoder for ``WINDOW`` positions, without final layer norm.
            mel_filters: ``[mel bands, 201]``.
            listen_to: the blocks whose outputs become the features, counted from 1.
            device: where to compute.
        """
        self.kind = kind
        self.device = device
        self._encoder = encoder.to(device).eval()
        self._mel_filters = mel_filters.to(device)
        self._fft_window = torch.hann_window(_FFT, device=device)
        self._listen_to = listen_to

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> "WhisperEncoder":
        """Load a speech bundle; no network is touched.

        Raises:
            UserError: the bundle is damaged or of another kind.
        """
        bundle = read_bundle(folder, "speech")
        return cls(
            whisper_kind(folder),
            _build_encoder(bundle),
            _mel_filters(bundle.config["mel_bands"]),
            bundle.config["listen_to"],
            device,
        )

    def encode(self, samples: NDArray[np.float32]) -> Tensor:
        """The features of a whole clip.

        Args:
            samples: ``[S]`` mono, 16 kHz, full scale 1.

        Returns:
            ``[ceil(S / 320), D]`` float32 on the encoder's device, 50 Hz.
        """
        return torch.cat(list(self.stream(samples)))

    @torch.no_grad()
    def stream(self, samples: NDArray[np.float32], let_go: Callable[[], None] = keep) -> Iterator[Tensor]:
        """The features of a clip in consecutive pieces ``[t, D]``, each as soon as it is encoded.

        ``let_go`` is called after every stretch of the samples that was read, for whoever maps them from a file.
        """
        peak = self._peak(samples, let_go)
        for piece in encode_in_windows(
            self.kind.count(len(samples)),
            WINDOW,
            OVERLAP,
            lambda start, stop: self._encode_window(samples, start, peak)[: stop - start],
        ):
            let_go()
            yield piece

    def _encode_window(self, samples: NDArray[np.float32], start: int, peak: float) -> Tensor:
        """``[WINDOW, D]`` of the window that starts at feature ``start``; silence beyond the clip's end."""
        mel = self._log_mel(samples, start * _MEL_PER_FEATURE, WINDOW * _MEL_PER_FEATURE)
        # Whisper's scaling: a floor 8 decades of power below the clip's loudest point, then roughly -1..1.
        scaled = (mel.clamp(min=peak - 8.0) + 4.0) / 4.0
        states = self._encoder(scaled[None], output_hidden_states=True).hidden_states
        return torch.cat([states[block][0] for block in self._listen_to], dim=-1)

    def _peak(self, samples: NDArray[np.float32], let_go: Callable[[], None]) -> float:
        """The largest log-mel value of the clip: Whisper's dynamic range hangs from it."""
        block = WINDOW * _MEL_PER_FEATURE
        frames = -(-len(samples) // _MEL_HOP)
        peak = -np.inf
        for start in range(0, max(frames, 1), block):
            peak = max(peak, float(self._log_mel(samples, start, block).max()))
            let_go()
        return peak

    def _log_mel(self, samples: NDArray[np.float32], first: int, count: int) -> Tensor:
        """Log10 mel spectrogram ``[mel bands, count]`` from frame ``first`` (100 Hz) on."""
        start = first * _MEL_HOP - _FFT // 2
        stop = start + (count - 1) * _MEL_HOP + _FFT
        piece = samples[max(start, 0) : stop]
        before = max(-start, 0)
        padded = np.zeros(stop - start, np.float32)
        padded[before : before + len(piece)] = piece
        # Whisper mirrors the clip at its start; beyond its end there is silence.
        padded[:before] = padded[2 * before : before : -1]
        spectrum = torch.stft(
            torch.from_numpy(padded).to(self.device),
            _FFT,
            _MEL_HOP,
            window=self._fft_window,
            center=False,
            return_complex=True,
        )
        return torch.log10((self._mel_filters @ spectrum.abs().square()).clamp(min=1e-10))


def whisper_kind(folder: Path) -> FeatureKind:
    """What kind of features a speech bundle gives.

    Raises:
        UserError: its manifest or its weights cannot be read.
    """
    config = read_manifest(folder)["config"]
    try:
        size = config["width"] * len(config["listen_to"])
        return FeatureKind(folder.resolve().name, FEATURE_RATE, size, weights_digest(folder / "weights.safetensors"))
    except (KeyError, TypeError) as error:
        raise UserError(f"{folder} is no speech encoder's bundle: get the bundle again.") from error
    except OSError as error:
        raise UserError(f"{folder} cannot be read ({error.strerror}): get the bundle again.") from error


def _build_encoder(bundle: Bundle) -> nn.Module:
    # transformers takes seconds to import; a command that only prints its help must not wait for it.
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder as TransformersEncoder
    from transformers.models.whisper.modeling_whisper import sinusoids

    width = bundle.config["width"]
    config = WhisperConfig(
        d_model=width,
        encoder_layers=bundle.config["blocks"],
        encoder_attention_heads=bundle.config["heads"],
        encoder_ffn_dim=bundle.config["feed_forward"],
        num_mel_bins=bundle.config["mel_bands"],
        max_source_positions=WINDOW,
    )
    encoder: nn.Module = TransformersEncoder(config)
    # transformers puts the final layer norm on the last block's output even among the hidden states; we want
    # what leaves the blocks.
    encoder.layer_norm = nn.Identity()
    weights = _unpacked(bundle.section("encoder"))
    weights["embed_positions.weight"] = sinusoids(WINDOW, width)
    encoder.load_state_dict(weights)
    return encoder


def _unpacked(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights as float32: matrices are stored as whole numbers, with a scale for every row."""
    weights = {name: tensor.float() for name, tensor in stored.items() if not name.endswith(SCALE)}
    for name in weights.keys() & {name.removesuffix(SCALE) for name in stored if name.endswith(SCALE)}:
        scale = stored[name + SCALE]
        weights[name] = weights[name] * scale.view(-1, *[1] * (weights[name].ndim - 1))
    return weights


def _mel_filters(bands: int) -> Tensor:
    from transformers.audio_utils import mel_filter_bank

    filters = mel_filter_bank(
        num_frequency_bins=_FFT // 2 + 1,
        num_mel_filters=bands,
        min_frequency=0.0,
        max_frequency=SAMPLE_RATE / 2,
        sampling_rate=SAMPLE_RATE,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(filters.T.astype(np.float32)).contiguous()
