"""Face landmarks of pictures, by MediaPipe Face Mesh with the models that come inside its package."""

import importlib.util
import logging
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from facetalk.capture.face_points import REQUIRED
from facetalk.capture.landmarks import TrackedLandmarks
from facetalk.errors import UserError

log = logging.getLogger(__name__)

MOST_FACES = 2
DETECTION, TRACKING = 0.5, 0.5  # MediaPipe's own confidences
MISSING_EXTRA = "Face tracking is not installed: install it with `pip install -r requirements-video.txt`."

Picture = NDArray[np.uint8]


def require_tracker() -> None:
    """Check before the work that there is a tracker to do it.

    Raises:
        UserError: MediaPipe is not installed.
    """
    if importlib.util.find_spec("mediapipe") is None:
        raise UserError(MISSING_EXTRA)


class FaceTracker:
    """Finds a face and follows it. A ``with`` block frees the models.

    Attributes:
        crowded: pictures so far in which there was more than one face.
    """

    def __init__(self, video: bool = True) -> None:
        """Load the models.

        Args:
            video: pictures follow each other, so that faces are followed; otherwise each is looked at afresh.

        Raises:
            UserError: MediaPipe is not installed.
        """
        require_tracker()
        from mediapipe.python.solutions.face_mesh import FaceMesh

        self._mesh: Any = FaceMesh(
            static_image_mode=not video,
            max_num_faces=MOST_FACES,
            refine_landmarks=True,
            min_detection_confidence=DETECTION,
            min_tracking_confidence=TRACKING,
        )
        self._last: NDArray[np.float32] | None = None
        self.crowded = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mesh.close()

    def face_in(self, picture: Picture) -> NDArray[np.float32] | None:
        """Landmarks ``[478, 3]`` of the face that is followed, at first the largest; None if there is no face.

        Args:
            picture: ``[H, W, 3]`` RGB.

        Returns:
            pixels: x to the right, y down, z away from the camera.
        """
        height, width = picture.shape[:2]
        found = self._mesh.process(picture).multi_face_landmarks or []
        faces = [
            np.array([(mark.x * width, mark.y * height, mark.z * width) for mark in each.landmark], np.float32)
            for each in found
        ]
        self.crowded += len(faces) > 1
        if faces:
            self._last = self._followed(faces)
            return self._last
        return None

    def _followed(self, faces: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        if (last := self._last) is None:
            return max(faces, key=_extent)
        return min(faces, key=lambda face: float(np.linalg.norm((face - last).mean(axis=0)[:2])))


def track_face(
    frames: Iterable[tuple[float, Picture]], name: str, progress: Callable[[float], None] | None = None
) -> TrackedLandmarks:
    """Follow one face through a video.

    Args:
        frames: time in seconds and picture of each frame.
        name: of the video, for messages.
        progress: told the time of every frame that is done; may raise to cancel.

    Raises:
        UserError: MediaPipe is not installed, or no frame shows a face.
    """
    times: list[float] = []
    points: list[NDArray[np.float32]] = []
    seen: list[bool] = []
    with FaceTracker() as tracker:
        for time, face in _tracked(tracker, frames):
            times.append(time)
            seen.append(face is not None)
            points.append(np.zeros((len(REQUIRED), 3), np.float32) if face is None else face[list(REQUIRED)])
            if progress is not None:
                progress(time)
    if not any(seen):
        raise UserError(f"{name} shows no face in any of its {len(times)} frames: one must be in view, from the front.")
    if tracker.crowded:
        log.warning("%s shows two faces in %d frames: one was followed, at first the larger.", name, tracker.crowded)
    return TrackedLandmarks(name, np.array(times), np.stack(points), np.array(seen), REQUIRED, tracker.crowded)


def _tracked(
    tracker: FaceTracker, frames: Iterable[tuple[float, Picture]]
) -> Iterator[tuple[float, NDArray[np.float32] | None]]:
    for time, picture in frames:
        yield time, tracker.face_in(picture)


def _extent(face: NDArray[np.float32]) -> float:
    return float(np.prod(np.ptp(face[:, :2], axis=0)))
