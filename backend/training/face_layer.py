"""The corpus' third layer: the face that says the lines, as rig weights. Made again when articulation changes.

``faces/<voice>/`` holds, for every part of the second layer, ``00000-0.npy``, float16 ``[N, R]`` with columns as
`RIG_CONTROLS`, in step with the features, and ``00000-0.json``, written last: the version of the articulation, and
every line's speaking style.
"""

import ast
import hashlib
import logging
import zlib
from dataclasses import asdict
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.articulation import articulate
from training.emotion import Emotion
from training.feature_layer import finished_parts, listing, read_lines
from training.files import read_json, write_array, write_json
from training.lines import NO_SPEECH
from training.phone_prominence import prominent_phones
from training.postures import TABLE
from training.rig import RIG_CONTROLS
from training.speaking_style import SpeakingStyle
from training.voices import Alphabet, Segment

log = logging.getLogger(__name__)


def add_faces(features: Path, faces: Path, alphabet: Alphabet, seed: int) -> None:
    """Make the rig weights of every line of a voice's ``features`` that has none by today's articulation.

    Raises:
        UserError: a listing is damaged, or a symbol is not one of the alphabet.
    """
    for number, copy in finished_parts(features):
        if not is_current(faces, number, copy):
            _write_part(features, faces, number, copy, alphabet, seed)
            log.info("%s: faces of part %d-%d", faces.name, number, copy)


def is_current(faces: Path, number: int, copy: int) -> bool:
    """Whether a part's rig weights were made by today's articulation."""
    path = listing(faces, number, copy)
    return path.exists() and read_json(path)["articulation"] == articulation_version()


def face(line: dict[str, Any], alphabet: Alphabet, seed: int) -> tuple[NDArray[np.float16], SpeakingStyle]:
    """Rig weights ``[frames, R]`` of a line of the second layer, and the style they were drawn in."""
    rng = np.random.default_rng([seed, zlib.crc32(line["name"].encode())])
    segments = [Segment(symbol, start, end) for symbol, start, end, _ in line["segments"]]
    levels = [level for *_, level in line["segments"]]
    style = SpeakingStyle.draw(rng)
    if line["manner"] != NO_SPEECH:
        style = style.voiced(line["manner"])
    emotion = Emotion(line["emotion"], line["strength"])
    weights = articulate(prominent_phones(segments, levels, alphabet), line["frames"], style, rng, emotion)
    return weights.astype(np.float16), style


@cache
def articulation_version() -> str:
    """A hash of what turns segments into rig weights: the code, with all it imports of `training`, and its table."""
    digest = hashlib.sha256(TABLE.read_bytes())
    sources = {Path(__file__)}
    for module in ("training.articulation", "training.phone_prominence"):
        _sources(module, sources)
    for path in sorted(sources):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(module: str, found: set[Path]) -> set[Path]:
    """The source files of ``module`` and of what it imports from `training`, and from there on."""
    specification = find_spec(module)
    if specification is None or specification.origin is None or Path(specification.origin) in found:
        return found
    path = Path(specification.origin)
    found.add(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("training"):
            _sources(node.module, found)
            for name in node.names:
                candidate = f"{node.module}.{name.name}"
                if node.module == "training":
                    _sources(candidate, found)
    return found


def _write_part(features: Path, faces: Path, number: int, copy: int, alphabet: Alphabet, seed: int) -> None:
    made = [face(line, alphabet, seed) for line in read_lines(features, number, copy)]
    none = np.zeros((0, len(RIG_CONTROLS)), np.float16)
    write_array(faces / f"{number:05d}-{copy}.npy", np.concatenate([none, *(weights for weights, _ in made)]))
    styles = [asdict(style) for _, style in made]
    write_json(listing(faces, number, copy), {"articulation": articulation_version(), "styles": styles})
