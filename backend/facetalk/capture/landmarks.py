"""Landmarks of a face over time: from a tracker, or from a file of landmarks tracked elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from facetalk.capture.face_points import REQUIRED
from facetalk.errors import UserError

LARGEST_FILE = 4 << 30  # bytes
LARGEST_ARRAY = 2 << 30  # bytes, unpacked
HIGHEST_FPS = 1000.0


@dataclass(frozen=True)
class TrackedLandmarks:
    """The landmarks of one face in consecutive frames of one camera.

    Attributes:
        name: of the recording.
        times: ``[T]`` seconds, rising.
        points: ``[T, N, 3]`` pixels: x to the picture's right, y down, z away from the camera.
        seen: ``[T]``: a face was found; points of other frames mean nothing.
        index: the Face Mesh number of each of the N points.
        crowded: frames with more than one face.
    """

    name: str
    times: NDArray[np.float64]
    points: NDArray[np.float32]
    seen: NDArray[np.bool_]
    index: tuple[int, ...]
    crowded: int = 0

    def select(self, numbers: tuple[int, ...]) -> NDArray[np.float32]:
        """Points ``[T, len(numbers), 3]`` by Face Mesh numbers."""
        column = {number: place for place, number in enumerate(self.index)}
        return self.points[:, [column[number] for number in numbers]]


def read_landmarks(path: Path) -> list[TrackedLandmarks]:
    """Read an ``.npz`` of landmarks tracked elsewhere.

    Its arrays: ``landmarks`` int16 ``[clips, frames, points, 3]``, pixels after multiplication by ``scale``; ``index``
    ``[points]``, Face Mesh numbers; ``fps``; ``missing``, the value that marks points of frames without a face;
    ``names`` ``[clips]``.

    Returns:
        The clips; some may show no face.

    Raises:
        UserError: it cannot be read, lacks an array or a landmark, or shows no face at all.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist or is no file: check the name.")
    if path.stat().st_size > LARGEST_FILE:
        raise UserError(f"{path} is larger than {LARGEST_FILE >> 30} GB: cut it into parts.")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("landmarks", "scale", "index", "fps", "missing", "names")}
    except (OSError, ValueError, EOFError, BadZipFile, KeyError) as error:
        raise UserError(f"{path} is no file of landmarks that can be read ({error}): see docs/capture.md.") from error
    _require_landmarks(path, arrays)
    marked = arrays["landmarks"]
    seen = (marked != arrays["missing"]).all(axis=(2, 3))
    times = np.arange(marked.shape[1]) / float(arrays["fps"])
    index = tuple(int(number) for number in arrays["index"])
    if not seen.any():
        raise UserError(f"{path} shows no face in any of its frames: track it again.")
    return [
        TrackedLandmarks(str(name), times, marked[clip] * np.float32(arrays["scale"]), seen[clip], index)
        for clip, name in enumerate(arrays["names"])
    ]


def _require_landmarks(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    landmarks, index = arrays["landmarks"], arrays["index"]
    if landmarks.ndim != 4 or landmarks.shape[2:] != (len(index), 3) or landmarks.dtype != np.int16:
        raise UserError(f"{path}: landmarks are {landmarks.dtype} {landmarks.shape}, not int16 [clips, frames, N, 3].")
    if landmarks.nbytes > LARGEST_ARRAY or len(arrays["names"]) != len(landmarks):
        raise UserError(f"{path}: there are {len(arrays['names'])} names for {len(landmarks)} clips: write it again.")
    if not 1.0 <= float(arrays["fps"]) <= HIGHEST_FPS:
        raise UserError(f"{path}: {float(arrays['fps']):g} frames per second cannot be: write it again.")
    lacking = sorted(set(REQUIRED) - {int(number) for number in index})
    if lacking:
        raise UserError(f"{path} lacks {len(lacking)} landmarks that are needed, such as Face Mesh {lacking[0]}.")
