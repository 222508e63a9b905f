"""Style presets: small readable files that name a way to perform, one JSON object each in ``presets/styles``."""

from dataclasses import dataclass, fields
from pathlib import Path

from facetalk import presets
from facetalk.errors import UserError
from facetalk.motion.style import Style
from facetalk.preset_file import read_preset_file

SUFFIX = ".json"
FILE_LIMIT = 16 << 10  # bytes
TEXT_LIMIT = 1000  # characters of a description


@dataclass(frozen=True)
class StylePreset:
    """A way to perform by name.

    Attributes:
        name: also its file's.
        description: one line for people.
        style: what it asks for.
    """

    name: str
    description: str
    style: Style


def styles_folder() -> Path:
    """Where the styles are; a file that is put there is a style more."""
    return presets.presets_folder() / "styles"


def list_styles() -> tuple[str, ...]:
    """Names of all styles, by alphabet."""
    return tuple(sorted(path.stem for path in styles_folder().glob("*" + SUFFIX)))


def load_style(name: str) -> StylePreset:
    """The style of a name.

    Raises:
        UserError: there is none of that name, or its file is not whole.
    """
    if name not in list_styles():
        raise UserError(f"There is no style named {name!r}: choose one of {', '.join(list_styles()) or 'none yet'}.")
    path = styles_folder() / (name + SUFFIX)
    entries = read_preset_file(path, "a style", FILE_LIMIT)
    known = {field.name for field in fields(Style)}
    description, asked = entries.get("description"), entries.get("style")
    _require(path, "description", isinstance(description, str) and len(description) <= TEXT_LIMIT)
    _require(path, "style", isinstance(asked, dict) and set(asked) <= known)
    for key, value in (asked or {}).items():
        _require(path, key, _fits(key, value))
    style = Style(**(asked or {}))
    try:
        style.require_sensible()
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return StylePreset(name, str(description), style)


def _fits(key: str, value: object) -> bool:
    """Whether a value has the kind of its field; what is left to the model is left out of the file."""
    if key == "emotion":
        return isinstance(value, str)
    if key == "recorded":
        return isinstance(value, bool)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require(path: Path, key: str, holds: bool) -> None:
    if not holds:
        raise UserError(f"{path} has an entry {key!r} that cannot be used: correct it.")
