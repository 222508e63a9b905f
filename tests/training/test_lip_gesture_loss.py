"""Gestures as they are read off codes are gestures as they were articulated."""

import numpy as np
import pytest
import torch
from torch import Tensor

from facetalk import presets
from training.lip_geometry import Contact, lip_weights
from training.lip_gesture_loss import gesture_loss, true_gestures
from training.motion_corpus import CodeSpace
from training.rig import RIG_CONTROLS

FRAMES = 20


@pytest.fixture(scope="module")
def space() -> CodeSpace:
    return CodeSpace.load(presets.preset(presets.HEAD))


def mouth(space: CodeSpace, height: float, width: float, seal: float, bite: float) -> Tensor:
    """Codes ``[1, FRAMES, E]`` of a mouth that is as high, as wide and in such contact, on jaws more and more open."""
    jaws = np.linspace(0.02, 0.25, FRAMES)
    ones = np.ones(FRAMES)
    articulated = lip_weights(height * ones, width * ones, jaws, Contact(seal * ones, bite * ones), {})
    weights = torch.zeros(1, FRAMES, len(RIG_CONTROLS))
    for column, name in enumerate(RIG_CONTROLS):
        control = name[:-2] if name.endswith(("_L", "_R")) else name
        if control in articulated:
            weights[0, :, column] = torch.from_numpy(np.clip(articulated[control] * ones, 0, 1))
    return weights @ space.rig_to_code


@pytest.mark.parametrize(
    ("height", "width", "seal", "bite", "expected"),
    [
        (0.1, 0.0, 0.0, 0.0, (0, 0, 0, 0)),
        (0.05, 0.0, 1.0, 0.0, (1, 0, 0, 0)),
        (0.05, 0.0, 0.0, 1.0, (0, 1, 0, 0)),
        (0.06, -0.06, 0.0, 0.0, (0, 0, 1, 0)),
        (0.06, -0.06, 1.0, 0.0, (1, 0, 0, 0)),
    ],
)
def test_gestures_are_read_as_articulated(
    space: CodeSpace, height: float, width: float, seal: float, bite: float, expected: tuple[int, int, int, int]
) -> None:
    found = true_gestures(mouth(space, height, width, seal, bite), space)
    assert torch.allclose(found, torch.tensor(expected).float().expand_as(found), atol=0.25), found


@pytest.mark.parametrize(("height", "seal", "expected"), [(0.035, 0.0, (0, 0, 0, 1)), (0.035, 1.0, (1, 0, 0, 0))])
def test_a_tongue_between_the_teeth_is_dental_unless_lips_are_shut(
    space: CodeSpace, height: float, seal: float, expected: tuple[int, int, int, int]
) -> None:
    tongue = torch.zeros(len(RIG_CONTROLS))
    tongue[RIG_CONTROLS.index("tongueBetweenTeeth")] = 1.0
    found = true_gestures(mouth(space, height, 0.0, seal, 0.0) + tongue @ space.rig_to_code, space)
    assert torch.allclose(found, torch.tensor(expected).float().expand_as(found), atol=0.25), found


def test_the_loss_counts_what_is_present(space: CodeSpace) -> None:
    codes, present = mouth(space, 0.05, 0.0, 1.0, 0.0), torch.ones(1, FRAMES, dtype=torch.bool)
    right, wrong = torch.tensor([8.0, -8.0, -8.0, -8.0]), torch.full((4,), -8.0)
    logits = right.expand(1, FRAMES, 4).clone()
    assert gesture_loss(logits, codes, present, space) < 0.01
    logits[:, : FRAMES // 2] = wrong
    assert gesture_loss(logits, codes, present, space) > 3.5
    present[:, : FRAMES // 2] = False
    assert gesture_loss(logits, codes, present, space) < 0.01
