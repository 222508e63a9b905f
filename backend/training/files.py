"""Files that are there whole or not at all."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from facetalk.errors import UserError


def write_whole(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let ``write`` fill a file beside ``path``, then put it in its place in one step.

    Two processes may do so at once: the last to finish wins, and nobody sees half a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with temporary.open("wb") as file:
        write(file)
    temporary.replace(path)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write a ``.npy`` file whole."""
    write_whole(path, lambda file: np.save(file, array, allow_pickle=False))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file whole."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_whole(path, lambda file: _write(file, text.encode()))


def read_json(path: Path) -> dict[str, Any]:
    """What a JSON file holds.

    Raises:
        UserError: it is missing or no JSON object.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise UserError(f"{path} cannot be read: delete its folder and build the corpus again.") from None


def _write(file: BinaryIO, content: bytes) -> None:
    file.write(content)
