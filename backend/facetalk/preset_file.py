"""Presets that people write by hand: small JSON objects."""

import json
from pathlib import Path
from typing import Any

from facetalk.errors import UserError


def read_preset_file(path: Path, kind: str, limit: int) -> dict[str, Any]:
    """The entries of a preset.

    Args:
        path: the file.
        kind: what it is to hold, such as "a style".
        limit: bytes that no such file exceeds.

    Raises:
        UserError: it cannot be opened, is larger, or holds no JSON object.
    """
    try:
        if path.stat().st_size > limit:
            raise UserError(f"{path} is too large for {kind}: get it again.")
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}): check its name.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON, and so it is not {kind}: correct it, or get it again.") from error
    if not isinstance(entries, dict):
        raise UserError(f"{path} is not {kind}: correct it, or get it again.")
    return entries
