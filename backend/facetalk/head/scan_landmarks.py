"""Named points of a scan, and where they lie on the mean face."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetalk.errors import UserError
from facetalk.head.head import MILLIMETRES
from facetalk.head.similarity import Similarity, umeyama

Array = NDArray[np.float64]


# Where named points lie on the embedded mean face at rest, head units; "left" is the subject's left, at positive x.
# The NPHM family shares this space, so they serve every head; they only have to be right to a few millimetres.
LANDMARKS: dict[str, tuple[float, float, float]] = {
    "nose_tip": (0.0, -0.050, 0.283),
    "nose_bridge": (0.0, 0.084, 0.189),
    "nose_base": (0.0, -0.114, 0.223),
    "chin": (0.0, -0.367, 0.178),
    "left_eye_outer": (0.182, 0.071, 0.106),
    "left_eye_inner": (0.074, 0.064, 0.128),
    "right_eye_inner": (-0.074, 0.064, 0.128),
    "right_eye_outer": (-0.182, 0.071, 0.106),
    "mouth_left": (0.101, -0.206, 0.168),
    "mouth_right": (-0.101, -0.206, 0.168),
    "upper_lip": (0.0, -0.165, 0.234),
    "lower_lip": (0.0, -0.240, 0.223),
    "left_ear": (0.300, -0.033, -0.195),
    "right_ear": (-0.300, -0.033, -0.195),
    "crown": (0.0, 0.514, -0.239),
}
IBUG_NAMES = {
    **{"ibug_30": "nose_tip", "ibug_27": "nose_bridge", "ibug_33": "nose_base", "ibug_08": "chin"},
    **{"ibug_45": "left_eye_outer", "ibug_42": "left_eye_inner"},
    **{"ibug_36": "right_eye_outer", "ibug_39": "right_eye_inner"},
    **{"ibug_54": "mouth_left", "ibug_48": "mouth_right", "ibug_51": "upper_lip", "ibug_57": "lower_lip"},
}
LANDMARK_FILE_LIMIT = 64 << 10  # bytes
LANDMARK_ERROR = 20.0  # mm, root mean square: people differ from the mean face by 5 to 10


def read_landmarks(path: Path) -> dict[str, Array]:
    """Named points of a scan: JSON ``{"nose_tip": [x, y, z], ...}``, or lines ``nose_tip x y z``.

    Raises:
        UserError: the file cannot be read, or a name or a position is not one.
    """
    try:
        if path.stat().st_size > LANDMARK_FILE_LIMIT:
            raise UserError(f"{path} is too large for a few landmarks: give a file of names and positions.")
        text = path.read_text(encoding="utf-8")
        if text.lstrip().startswith("{"):
            entries = {str(name): list(position) for name, position in json.loads(text).items()}
        else:
            lines = [line.replace(",", " ").split() for line in text.splitlines() if line.strip()]
            entries = {name: list(position) for name, *position in lines}
        landmarks = {name: np.array([float(value) for value in position]) for name, position in entries.items()}
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}): check its name.") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(
            f"{path} is no list of landmarks: write one line per point, such as nose_tip 0 1.6 0.1."
        ) from error
    return _known_landmarks(path, landmarks)


def _known_landmarks(path: Path, landmarks: dict[str, Array]) -> dict[str, Array]:
    named = {IBUG_NAMES.get(name, name): position for name, position in landmarks.items()}
    for name, position in named.items():
        if name not in LANDMARKS:
            raise UserError(f"{path} names a landmark {name!r} that is not known: use {', '.join(LANDMARKS)}.")
        if position.shape != (3,) or not np.isfinite(position).all():
            raise UserError(f"{path}: the landmark {name} does not have three coordinates: give x, y and z.")
    if len(named) < 3:
        raise UserError(f"{path} has {len(named)} landmarks: give three or more that are not in one line.")
    return named


def from_landmarks(landmarks: dict[str, Array]) -> Similarity:
    """The similarity that brings a scan's landmarks, by name, to the mean face's.

    Raises:
        UserError: they lie on one line, or in an order that is no face's.
    """
    names = list(landmarks)
    source, target = np.stack([landmarks[name] for name in names]), np.array([LANDMARKS[name] for name in names])
    try:
        transform = umeyama(source, target)
    except ValueError as error:
        raise UserError("The landmarks lie on one line: add one beside it, such as an outer eye corner.") from error
    error_mm = np.linalg.norm(transform.apply(source) - target, axis=1) * MILLIMETRES
    if np.sqrt((error_mm**2).mean()) < LANDMARK_ERROR:
        return transform
    mirrored = umeyama(source, target * [-1.0, 1.0, 1.0]).apply(source)
    if np.linalg.norm(mirrored - target * [-1.0, 1.0, 1.0], axis=1).mean() * MILLIMETRES < 0.5 * error_mm.mean():
        raise UserError("The landmarks fit a mirrored face: swap left and right, which are the subject's own.")
    worst = names[int(error_mm.argmax())]
    raise UserError(
        f"The landmarks lie as on no head ({worst} is {error_mm.max():.0f} mm off): check their names and positions."
    )
