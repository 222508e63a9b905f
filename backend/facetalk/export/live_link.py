"""Weights of ARKit's keys as the CSV file that Live Link Face records and that capture tools read.

Columns: ``Timecode`` (hours:minutes:seconds:frames), ``BlendShapeCount`` (61), the 52 keys in its order and spelling,
then yaw, pitch and roll of the head and of both eyes in radians: yaw turns to the subject's left, pitch down. The head
does not turn. Correctives and the tongue's further keys have no place in it.
"""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facetalk.head.eyes import GAZE_DEGREES
from facetalk.output_file import written_whole
from facetalk.topology.arkit_keys import ARKIT_KEYS
from facetalk.topology.named_rig import Weights

ROTATIONS = tuple(f"{part}{axis}" for part in ("Head", "LeftEye", "RightEye") for axis in ("Yaw", "Pitch", "Roll"))
TO_THE_LEFT = {"Left": 1.0, "Right": -1.0}  # the sign of looking out


def write_live_link_csv(path: Path, names: Sequence[str], weights: Weights, fps: float) -> None:
    """Write the file whole or not at all.

    Args:
        path: the .csv to write.
        names: of the columns of ``weights``; ARKit's must be among them.
        weights: ``[F, N]``, 0 to 1.
        fps: frames per second.
    """
    keys = weights[:, [list(names).index(name) for name in ARKIT_KEYS]]
    rows = np.concatenate([keys, _rotations(keys)], axis=1)
    titles = [name[0].upper() + name[1:] for name in ARKIT_KEYS]
    with written_whole(path) as staged, staged.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["Timecode", "BlendShapeCount", *titles, *ROTATIONS])
        for frame, row in enumerate(rows):
            writer.writerow([timecode(frame, fps), len(row), *(f"{value:.6f}" for value in row)])


def timecode(frame: int, fps: float) -> str:
    """``HH:MM:SS:FF.mmm`` of a frame: whole frames within the second, and thousandths of one."""
    seconds = frame / fps
    whole = math.floor(seconds + 1e-9)
    within = max(0.0, (seconds - whole) * fps)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{within:06.3f}"


def _rotations(keys: Weights) -> Weights:
    """Yaw, pitch and roll of head, left and right eye ``[F, 9]``, radians, of ARKit's weights ``[F, 52]``."""
    look = {name: keys[:, number] for number, name in enumerate(ARKIT_KEYS) if name.startswith("eyeLook")}
    turned = np.zeros((len(keys), len(ROTATIONS)))
    for side, sign in TO_THE_LEFT.items():
        yaw = sign * (look[f"eyeLookOut{side}"] - look[f"eyeLookIn{side}"])
        pitch = look[f"eyeLookDown{side}"] - look[f"eyeLookUp{side}"]
        turned[:, ROTATIONS.index(f"{side}EyeYaw")] = math.radians(GAZE_DEGREES) * yaw
        turned[:, ROTATIONS.index(f"{side}EyePitch")] = math.radians(GAZE_DEGREES) * pitch
    return turned
