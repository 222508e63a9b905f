"""Imported heads that are on offer by name: bundles in one folder of the user's."""

import os
import re
from pathlib import Path

from facetalk.errors import UserError

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
MANIFEST = "manifest.json"


def heads_folder() -> Path:
    """Where imported heads are: ``FACETALK_HEADS`` if set, else ``~/.facetalk/heads``."""
    configured = os.environ.get("FACETALK_HEADS")
    return Path(configured) if configured else Path.home() / ".facetalk/heads"


def list_own_heads() -> tuple[str, ...]:
    """Names of the imported heads on offer, by alphabet."""
    found = (path.parent.name for path in heads_folder().glob(f"*/{MANIFEST}"))
    return tuple(sorted(name for name in found if NAME.fullmatch(name)))


def find_head(wanted: str) -> Path:
    """The bundle that was meant: a folder that is there, or the name of an imported head on offer.

    Raises:
        UserError: a name, and there is no such head.
    """
    folder = Path(wanted)
    return folder if folder.is_dir() or not NAME.fullmatch(wanted) else require_own_head(wanted)


def require_own_head(name: str) -> Path:
    """The bundle of an imported head, by its name.

    Raises:
        UserError: there is none.
    """
    known = list_own_heads()
    if name not in known:
        choice = f"choose one of {', '.join(known)}" if known else f"put its bundle in {heads_folder()}"
        raise UserError(f"There is no imported head {name}: {choice}.")
    return heads_folder() / name
