"""The option with which every command that makes a corpus chooses its ears."""

import argparse
from pathlib import Path

import torch

from facetalk import presets
from facetalk.speech.speech_encoder import SpeechEncoder, load_encoder


def add_speech_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--speech``, the folder of a speech encoder; ``None`` stands for the embedded one."""
    parser.add_argument(
        "--speech", type=Path, metavar="FOLDER", help="speech encoder, such as wav2vec2's (default: the embedded one)"
    )


def speech_folder(chosen: Path | None) -> Path:
    """The folder that was chosen, or the embedded encoder's."""
    return chosen or presets.preset(presets.SPEECH_ENCODER)


def chosen_encoder(chosen: Path | None) -> SpeechEncoder:
    """The encoder, on the CPU.

    Raises:
        UserError: the folder holds none.
    """
    return load_encoder(speech_folder(chosen), torch.device("cpu"))
