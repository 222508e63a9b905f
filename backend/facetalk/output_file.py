"""Files we write: checked before the work, and never half there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facetalk.errors import UserError


def require_writable(path: Path, suffix: str) -> None:
    """Check before the work that its result can be put there.

    Args:
        path: the file to be written.
        suffix: what its name must end with, such as ``.npz``.

    Raises:
        UserError: the name ends otherwise, its folder is missing or not writable, or a folder has that name.
    """
    if path.suffix.lower() != suffix:
        raise UserError(f"{path} does not end with {suffix}: give it a name that does.")
    if path.is_dir():
        raise UserError(f"{path} is a folder: give the name of the file to write.")
    if not path.parent.is_dir():
        raise UserError(f"The folder {path.parent} does not exist: create it first.")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"The folder {path.parent} is not writable: choose another.")


def require_room(folder: Path, size: int) -> None:
    """Check before the work that a large result has room.

    Args:
        folder: where it goes.
        size: bytes.

    Raises:
        UserError: less is free there.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(f"{size / 1e9:.1f} GB are needed in {folder}, and {free / 1e9:.1f} GB are free: make room.")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a place to write to; the file is moved to ``path`` if the block ends well, and is gone if not."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".facetalk-") as scratch:
        staged = Path(scratch) / path.name
        yield staged
        os.replace(staged, path)
