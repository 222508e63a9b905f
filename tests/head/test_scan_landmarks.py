"""Named points of a scan."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.errors import UserError
from facetalk.head.scan_landmarks import LANDMARK_FILE_LIMIT, LANDMARKS, from_landmarks, read_landmarks

MILLIMETRES = 250.0
NAMES = ("nose_tip", "chin", "left_eye_outer", "right_eye_outer", "mouth_left")


def scanned(names: tuple[str, ...] = NAMES) -> dict[str, NDArray[np.float64]]:
    """Landmarks of the mean face in a scan in millimetres with z up."""
    return {name: np.array(LANDMARKS[name])[[0, 2, 1]] * [1.0, -1.0, 1.0] * MILLIMETRES for name in names}


def test_text_and_json_say_the_same(tmp_path: Path) -> None:
    positions = {"nose_tip": [0.0, 1.5, 2.0], "chin": [0.0, -1.0, 1.0], "ibug_45": [1, 2, 3]}
    (tmp_path / "points.json").write_text(json.dumps(positions))
    (tmp_path / "points.txt").write_text("nose_tip 0 1.5 2\nchin, 0, -1, 1\n\nibug_45 1 2 3\n")
    for name in ("points.json", "points.txt"):
        read = read_landmarks(tmp_path / name)
        assert list(read) == ["nose_tip", "chin", "left_eye_outer"]
        assert np.array_equal(read["left_eye_outer"], [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nose_tip 1 2\nchin 0 0 0\nleft_ear 1 1 1", "three coordinates"),
        ("nose_tip 1 2 nan\nchin 0 0 0\nleft_ear 1 1 1", "three coordinates"),
        ("nose_tip 1 2 3\nchin 0 0 0", "2 landmarks"),
        ("tip_of_nose 1 2 3", "tip_of_nose"),
        ("nose_tip one two three", "no list"),
        ('{"nose_tip": 3}', "no list"),
        ('{"nose_tip": [1, 2,', "no list"),
        ("", "0 landmarks"),
        ("nose_tip 1 2 3\n" * LANDMARK_FILE_LIMIT, "too large"),
    ],
)
def test_what_is_no_list_of_landmarks_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "points.txt"
    path.write_text(text)
    with pytest.raises(UserError, match=said) as caught:
        read_landmarks(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        read_landmarks(tmp_path / "nowhere.txt")


def test_landmarks_bring_the_scan_to_the_mean_face() -> None:
    landmarks = scanned()
    transform = from_landmarks(landmarks)
    assert transform.scale == pytest.approx(1.0 / MILLIMETRES)
    for name, position in landmarks.items():
        assert np.allclose(transform.apply(position[None])[0], LANDMARKS[name], atol=1e-9)


def test_swapped_sides_are_said() -> None:
    landmarks = scanned()
    landmarks["left_eye_outer"], landmarks["right_eye_outer"] = (
        landmarks["right_eye_outer"],
        landmarks["left_eye_outer"],
    )
    landmarks["mouth_right"] = landmarks.pop("mouth_left")
    with pytest.raises(UserError, match="swap left and right"):
        from_landmarks(landmarks)


def test_a_misplaced_landmark_is_named() -> None:
    landmarks = scanned()
    landmarks["mouth_left"] = landmarks["mouth_left"] + [0.0, 0.0, 160.0]
    with pytest.raises(UserError, match="mouth_left is"):
        from_landmarks(landmarks)


def test_landmarks_on_a_line_are_refused() -> None:
    landmarks = {name: np.array([0.0, float(index), 0.0]) for index, name in enumerate(NAMES)}
    with pytest.raises(UserError, match="one line"):
        from_landmarks(landmarks)
