"""The tracker on a portrait (Eileen Collins, NASA, public domain), moved about as a camera would."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facetalk.capture.face_points import REQUIRED
from facetalk.capture.face_tracking import FaceTracker, require_tracker, track_face
from facetalk.errors import UserError

PORTRAIT = Path(__file__).with_name("portrait.jpg")

Picture = NDArray[np.uint8]


def portrait(width: int = 320) -> Picture:
    image = Image.open(PORTRAIT).convert("RGB")
    return np.asarray(image.resize((width, width * image.height // image.width)))


def scene(*faces: tuple[Picture, int, int]) -> Picture:
    picture = np.full((480, 640, 3), 90, np.uint8)
    for face, x, y in faces:
        picture[y : y + face.shape[0], x : x + face.shape[1]] = face
    return picture


def test_a_face_is_followed_and_its_absence_noticed() -> None:
    def frames() -> Iterator[tuple[float, Picture]]:
        for frame in range(12):
            yield frame / 25, scene() if 4 <= frame < 8 else scene((portrait(), 100 + 3 * frame, 40))

    times: list[float] = []
    tracked = track_face(frames(), "clip", times.append)
    assert tracked.index == REQUIRED
    assert tracked.seen.tolist() == [True] * 4 + [False] * 4 + [True] * 4
    assert len(times) == 12
    moved = tracked.select((1,))[[3, 11], 0, 0]
    assert moved[1] - moved[0] == pytest.approx(24.0, abs=4.0)


def test_of_two_faces_the_larger_is_followed() -> None:
    both = scene((portrait(160), 20, 100), (portrait(), 300, 40))
    with FaceTracker() as tracker:
        found = [tracker.face_in(both) for _ in range(3)]
        assert tracker.crowded > 0
    assert all(face is not None and face[1, 0] > 300 for face in found)


def test_a_video_without_a_face_is_an_error() -> None:
    with pytest.raises(UserError, match="shows no face in any of its 2 frames"):
        track_face(iter([(0.0, scene()), (0.04, scene())]), "clip.mp4")


def test_without_the_extra_one_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"install it with `pip install -r requirements-video\.txt`"):
        require_tracker()
