"""Where the embedded model bundles live."""

import os
from pathlib import Path

from facetalk.errors import UserError

SPEECH_ENCODER = "speech/whisper-base"
HEAD = "heads/facetalk-head"
MOTION = "motions/facetalk-speech"
TOPOLOGY = "topologies/hm08"


def presets_folder() -> Path:
    """The folder of embedded bundles: ``FACETALK_PRESETS`` if set, else ``presets/`` of the checkout."""
    configured = os.environ.get("FACETALK_PRESETS")
    return Path(configured) if configured else Path(__file__).resolve().parents[2] / "presets"


def shipped_templates() -> tuple[str, ...]:
    """Names of the embedded topologies, by alphabet."""
    folder = presets_folder() / Path(TOPOLOGY).parent
    return tuple(sorted(path.parent.name for path in folder.glob("*/manifest.json")))


def preset_of_template(name: str) -> Path:
    """The folder of an embedded topology.

    Raises:
        UserError: there is none of that name.
    """
    if name not in (known := shipped_templates()):
        raise UserError(f"No template that comes along is named {name}: choose one of {', '.join(known)}.")
    return preset((Path(TOPOLOGY).parent / name).as_posix())


def preset(name: str) -> Path:
    """The folder of one embedded bundle, such as ``presets.HEAD``.

    Raises:
        UserError: the bundle is not there.
    """
    folder = presets_folder() / name
    if not (folder / "manifest.json").is_file():
        raise UserError(f"The model bundle {name} is missing from {presets_folder()}: restore the presets folder.")
    return folder
