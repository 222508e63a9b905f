from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facetalk.capture.face_points import REQUIRED
from facetalk.capture.landmarks import read_landmarks
from facetalk.errors import UserError

MISSING = -16384


def arrays() -> dict[str, Any]:
    landmarks = np.random.default_rng(0).integers(0, 3000, (2, 5, len(REQUIRED), 3)).astype(np.int16)
    landmarks[0, 2] = MISSING
    return {
        "landmarks": landmarks,
        "scale": np.float32(1 / 16),
        "index": np.array(REQUIRED, np.int16),
        "fps": np.float32(25),
        "missing": np.int16(MISSING),
        "names": np.array(["one", "two"]),
    }


def test_clips_are_read_with_times_and_gaps(tmp_path: Path) -> None:
    np.savez(tmp_path / "tracked.npz", **arrays())
    one, two = read_landmarks(tmp_path / "tracked.npz")
    assert (one.name, two.name) == ("one", "two")
    assert one.seen.tolist() == [True, True, False, True, True]
    np.testing.assert_allclose(one.times, [0.0, 0.04, 0.08, 0.12, 0.16])
    np.testing.assert_allclose(two.points, arrays()["landmarks"][1] / 16)
    np.testing.assert_array_equal(two.select((13, 14)), two.points[:, [REQUIRED.index(13), REQUIRED.index(14)]])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"landmarks": np.zeros((2, 5, 3), np.int16)}, "not int16"),
        ({"index": np.array((*REQUIRED[:-1], 400))}, "lacks 1 landmarks"),
        ({"fps": np.float32(0)}, "frames per second cannot be"),
        ({"names": np.array(["one"])}, "1 names for 2 clips"),
        ({"landmarks": np.full((2, 5, len(REQUIRED), 3), MISSING, np.int16)}, "shows no face"),
        ({"names": np.array([{}], object)}, "can be read"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    np.savez(tmp_path / "tracked.npz", **(arrays() | change))
    with pytest.raises(UserError, match=reason):
        read_landmarks(tmp_path / "tracked.npz")


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "tracked.npz").write_text("no arrays")
    with pytest.raises(UserError, match="can be read"):
        read_landmarks(tmp_path / "tracked.npz")
    with pytest.raises(UserError, match="does not exist"):
        read_landmarks(tmp_path / "none.npz")
