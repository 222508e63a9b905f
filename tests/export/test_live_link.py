"""The CSV file of ARKit weights, as Live Link Face spells it."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.export.live_link import timecode, write_live_link_csv
from facetalk.head.eyes import GAZE_DEGREES
from facetalk.topology.arkit_keys import ARKIT_KEYS, TONGUE_KEYS

NAMES = (*ARKIT_KEYS, *TONGUE_KEYS, "corrective_01")


def written(path: Path, weights: NDArray[np.float64], fps: float) -> list[dict[str, str]]:
    write_live_link_csv(path, NAMES, weights, fps)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_rows_hold_arkits_weights_and_turned_eyes(tmp_path: Path) -> None:
    weights = np.zeros((3, len(NAMES)))
    weights[1, NAMES.index("jawOpen")] = 0.25
    weights[2, [NAMES.index("eyeLookOutLeft"), NAMES.index("eyeLookInRight")]] = 0.5
    weights[2, NAMES.index("eyeLookUpRight")] = 1.0
    rows = written(tmp_path / "line.csv", weights, 25.0)
    assert len(rows) == 3
    columns = list(rows[0])
    assert columns[:3] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft"]
    assert columns[53:] == [
        *("TongueOut", "HeadYaw", "HeadPitch", "HeadRoll"),
        *("LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch", "RightEyeRoll"),
    ]
    assert rows[1]["BlendShapeCount"] == "61"
    assert float(rows[1]["JawOpen"]) == 0.25
    half = math.radians(GAZE_DEGREES / 2)
    assert float(rows[2]["LeftEyeYaw"]) == pytest.approx(half, abs=1e-5)
    assert float(rows[2]["RightEyeYaw"]) == pytest.approx(half, abs=1e-5)
    assert float(rows[2]["RightEyePitch"]) == pytest.approx(-2 * half, abs=1e-5)
    assert all(float(row["HeadYaw"]) == 0.0 for row in rows)


@pytest.mark.parametrize(
    ("frame", "fps", "expected"),
    [
        (0, 25.0, "00:00:00:00.000"),
        (26, 25.0, "00:00:01:01.000"),
        (24 * 3661, 24.0, "01:01:01:00.000"),
        (30, 30000 / 1001, "00:00:01:00.030"),
    ],
)
def test_timecodes_count_frames(frame: int, fps: float, expected: str) -> None:
    assert timecode(frame, fps) == expected


def test_timecodes_rise(tmp_path: Path) -> None:
    rows = written(tmp_path / "line.csv", np.zeros((100, len(NAMES))), 24000 / 1001)
    codes = [row["Timecode"] for row in rows]
    assert codes == sorted(codes)
    assert len(set(codes)) == 100
