"""Recorded prompts with their texts, as telephone systems ship them: speech that nobody here made, to measure by.

Debian's ``asterisk-core-sounds-en`` and ``-en-g722`` hold half an hour of one woman (Allison Smith, CC BY-SA 3.0). They
stay out of training, so that what is measured on them holds for voices that no model has met.
"""

import gzip
import logging
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from training.alignment import align
from training.voices import Speech, UnspeakableError

log = logging.getLogger(__name__)

SHORTEST_TEXT = 20  # characters; what is shorter is a word or a beep
_LINE = re.compile(r"^([\w/-]+): (.+)$")


def read_texts(path: Path) -> dict[str, str]:
    """The texts by their files' names without suffix, of lines ``name: text``; what is [described] is no speech.

    Raises:
        UserError: the file cannot be read, or holds no such line.
    """
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
            found = [_LINE.match(line.strip()) for line in file]
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read as texts: give the list of prompts, a line 'name: text' each."
        ) from error
    texts = {match[1]: match[2] for match in found if match and "[" not in match[2]}
    if not texts:
        raise UserError(f"{path} holds no line 'name: text': give the list of prompts that belongs to the sounds.")
    return texts


def aligned_prompts(folder: Path, texts: Path) -> Iterator[tuple[str, Speech]]:
    """Names and speech of the prompts that the aligner finds in their sound, in the order of their names.

    Args:
        folder: of the sounds, in any format that ffmpeg knows.
        texts: as for ``read_texts``.

    Raises:
        UserError: no prompt has both, or a sound cannot be read, or pocketsphinx is not installed.
    """
    spoken = {name: text for name, text in read_texts(texts).items() if len(text) >= SHORTEST_TEXT}
    sounds = {name: path for name in spoken for path in sorted(folder.glob(f"{name}.*"))}
    if not sounds:
        raise UserError(f"{folder} holds no sound that {texts} names: give the folder of the prompts' sounds.")
    for name in sorted(sounds):
        samples = _samples(sounds[name])
        try:
            yield name, Speech(samples, align(samples, spoken[name]))
        except UnspeakableError as error:
            log.info("%s: %s", name, error)


def _samples(path: Path) -> NDArray[np.float32]:
    command = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-i", f"file:{path}"]
    decoded = subprocess.run(
        [*command, "-ac", "1", "-ar", str(SAMPLE_RATE), "-f", "f32le", "pipe:1"], capture_output=True, check=False
    )
    if decoded.returncode:
        raise UserError(f"{path} cannot be read as sound: get the package of prompts again.")
    return np.frombuffer(decoded.stdout, np.float32)
