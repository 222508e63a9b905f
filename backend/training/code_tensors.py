"""What expression codes mean, as a head bundle tells it."""

import numpy as np
import torch
from torch import Tensor

from training.expression_samples import as_tensor
from training.head_layout import HeadLayout
from training.rig import RIG_CONTROLS
from training.training_heads import TrainingHeads, identity_code


def code_tensors(heads: TrainingHeads, layout: HeadLayout) -> dict[str, Tensor]:
    """Maps from expression codes to and from rig weights, and to the mean head's measuring points.

    Args:
        heads: the training heads.
        layout: of these; its ``rig_to_code`` is what codes mean.
    """
    average = identity_code(0)
    calibration = heads.calibrate(average)
    to_rig = np.linalg.pinv(layout.rig_to_code)
    moved = heads.linear_controls(average, calibration, layout.measuring_points)
    rest = heads.pose(average, calibration, np.zeros((1, len(RIG_CONTROLS))))[0]
    left, right = layout.outer_eyes
    return {
        "rig_to_code": as_tensor(layout.rig_to_code),
        "code_to_rig": as_tensor(to_rig),
        "code_to_points": as_tensor(np.tensordot(to_rig, moved, axes=1)),
        "points_rest": as_tensor(rest[layout.measuring_points]),
        "eye_distance": torch.tensor(float(np.linalg.norm(rest[left] - rest[right]))),
    }
