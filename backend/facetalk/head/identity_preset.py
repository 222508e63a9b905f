"""Identity presets: small readable files that name a face, embedded ones and the user's own."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from facetalk import presets
from facetalk.errors import UserError
from facetalk.output_file import require_writable, written_whole

FORMAT_VERSION = 1
SUFFIX = ".json"
FILE_LIMIT = 64 << 10  # bytes; the largest code, 2176 numbers, takes about 20,000
TEXT_LIMIT = 1000  # characters of a description
CODE_LIMIT = 10_000  # entries
NUMBER_LIMIT = 1e6  # no entry comes near; not a number does not either
DIGITS = 5  # of a code's entries; rounding moves a face by less than 0.001 mm
NAME = re.compile(r"[a-z0-9_-]{1,64}")

Color = tuple[float, float, float]
COLORS = ("skin", "hair", "eyes")


@dataclass(frozen=True)
class IdentityPreset:
    """A face by name.

    Attributes:
        name: of ``[a-z0-9_-]``; also its file's.
        head: name of the head bundle whose code it is.
        code: identity code, I entries; what they say of hair gives way to ``hair``.
        hair: name of a hair style of that head, or None for a bald one.
        colors: ``skin``, ``hair`` and ``eyes`` as linear RGB, 0 to 1; what is left out is the topology's.
        description: one line for people.
        source: where the face came from, such as the scan's file.
        residuals: millimetres by name, for a face that was fitted.
    """

    name: str
    head: str
    code: tuple[float, ...]
    hair: str | None = None
    colors: dict[str, Color] = field(default_factory=dict)
    description: str = ""
    source: str = ""
    residuals: dict[str, float] = field(default_factory=dict)

    def require_fit(self, head: str, identity_size: int, hair_styles: tuple[str, ...]) -> None:
        """Check that a head can wear the preset.

        Raises:
            UserError: it belongs to another head, has a code of another size, or a hair style the head does not have.
        """
        if self.head != head:
            raise UserError(f"The identity {self.name} was made for the head {self.head}, not {head}: fit it again.")
        if len(self.code) != identity_size:
            raise UserError(
                f"The identity {self.name} has a code of {len(self.code)} numbers where the head {head} takes "
                f"{identity_size}: fit it again."
            )
        if self.hair is not None and self.hair not in hair_styles:
            known = ", ".join(hair_styles) or "none"
            raise UserError(f"The identity {self.name} has the hair {self.hair!r}, the head {head} has {known}.")

    def fitted(self, code: Sequence[float], residuals: dict[str, float]) -> "IdentityPreset":
        """The same preset with the code and the residuals of a fit."""
        return replace(self, code=tuple(code), residuals=residuals)


def embedded_folder() -> Path:
    """Where the identities that come with FaceTalk are."""
    return presets.presets_folder() / "identities"


def own_folder() -> Path:
    """Where the user's own identities are: ``FACETALK_IDENTITIES`` if set, else ``~/.facetalk/identities``."""
    configured = os.environ.get("FACETALK_IDENTITIES")
    return Path(configured) if configured else Path.home() / ".facetalk/identities"


def identity_path(name: str) -> Path:
    """The file of a user's own identity; its folder is made if need be.

    Raises:
        UserError: the name cannot be one, or the folder cannot be made.
    """
    require_name(name)
    folder = own_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be made ({error.strerror}): say --output FILE.json.") from error
    return folder / (name + SUFFIX)


def list_identities() -> tuple[str, ...]:
    """Names of all identity presets, the embedded ones first, each kind by alphabet."""
    names: list[str] = []
    for folder in (embedded_folder(), own_folder()):
        found = sorted(path.stem for path in folder.glob("*" + SUFFIX) if NAME.fullmatch(path.stem))
        names += [name for name in found if name not in names]
    return tuple(names)


def load_identity(name: str) -> IdentityPreset:
    """The identity preset of a name; the user's own goes before an embedded one of the same name.

    Raises:
        UserError: there is none of that name, or its file is not whole.
    """
    require_name(name)
    for folder in (own_folder(), embedded_folder()):
        path = folder / (name + SUFFIX)
        if path.is_file():
            return read_identity(path)
    known = ", ".join(list_identities()) or "none yet"
    raise UserError(f"There is no identity named {name!r}: choose one of {known}.")


def require_name(name: str) -> None:
    """Check a name for a preset; it becomes a file's name, so a path can not be one.

    Raises:
        UserError: it has other characters than ``[a-z0-9_-]``, none, or too many.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"{name!r} cannot name an identity: use up to 64 of a to z, 0 to 9, _ and -.")


def write_identity(path: Path, preset: IdentityPreset) -> None:
    """Write a preset, whole or not at all, replacing an older one.

    Raises:
        UserError: the name or the place cannot be used, or a number is not finite.
    """
    require_name(preset.name)
    require_writable(path, SUFFIX)
    entries = {"format_version": FORMAT_VERSION, **asdict(preset)}
    entries["residuals"] = {name: round(value, 3) for name, value in preset.residuals.items()}
    entries["code"] = [round(value, DIGITS) for value in preset.code]
    _preset(path, entries)
    # The code on one line, and last: a thousand lines of numbers are no readable file.
    code = json.dumps(entries.pop("code"))
    text = json.dumps(entries, indent=2).removesuffix("\n}") + f',\n  "code": {code}\n}}'
    with written_whole(path) as staged:
        staged.write_text(text + "\n", encoding="utf-8")


def read_identity(path: Path) -> IdentityPreset:
    """Read a preset.

    Raises:
        UserError: the file is missing, too large, of another version, or has an entry that cannot be.
    """
    try:
        size = path.stat().st_size
        if size > FILE_LIMIT:
            raise UserError(f"{path} has {size} bytes, too many for an identity: get it again.")
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}): check its name.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not an identity preset: get it again.") from error
    if not isinstance(entries, dict) or "format_version" not in entries:
        raise UserError(f"{path} is not an identity preset: get it again.")
    if entries["format_version"] != FORMAT_VERSION:
        raise UserError(
            f"{path} has identity format {entries['format_version']}, this program reads {FORMAT_VERSION}: "
            "use the version of FaceTalk that belongs to it."
        )
    return _preset(path, entries)


def _preset(path: Path, entries: dict[str, Any]) -> IdentityPreset:
    """A preset from a file's entries, every one of them checked."""
    texts = {}
    for key in ("name", "head", "description", "source"):
        value = entries.get(key, "")
        _require(path, key, isinstance(value, str) and len(value) <= TEXT_LIMIT)
        texts[key] = value
    _require(path, "name", NAME.fullmatch(texts["name"]) is not None)
    hair = entries.get("hair")
    _require(path, "hair", hair is None or (isinstance(hair, str) and len(hair) <= TEXT_LIMIT))
    code = entries.get("code")
    _require(path, "code", isinstance(code, list) and 0 < len(code) <= CODE_LIMIT and all(map(_is_number, code)))
    colors = entries.get("colors", {})
    _require(path, "colors", isinstance(colors, dict) and all(map(_is_color, colors.items())))
    residuals = entries.get("residuals", {})
    _require(path, "residuals", isinstance(residuals, dict) and all(map(_is_number, residuals.values())))
    return IdentityPreset(
        **texts,
        code=tuple(float(value) for value in code or ()),
        hair=hair,
        colors={name: (float(r), float(g), float(b)) for name, (r, g, b) in colors.items()},
        residuals={name: float(value) for name, value in residuals.items()},
    )


def _require(path: Path, key: str, holds: bool) -> None:
    if not holds:
        raise UserError(f"{path} has an entry {key!r} that cannot be used: correct it, or make the identity again.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= NUMBER_LIMIT


def _is_color(item: tuple[str, object]) -> bool:
    name, value = item
    right = isinstance(value, list | tuple) and len(value) == 3
    return name in COLORS and right and all(_is_number(part) and 0.0 <= part <= 1.0 for part in value)  # type: ignore[attr-defined]
