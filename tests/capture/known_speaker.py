"""A speaker whose every movement is known: our own head, posed by known rig weights, turned, and seen by a camera."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from facetalk import presets
from facetalk.capture.face_points import REQUIRED
from facetalk.capture.fitted_head import FittedHead
from facetalk.capture.landmarks import TrackedLandmarks
from facetalk.capture.performance import MAPPED
from facetalk.head.head import Head
from facetalk.topology.template import Template

FPS, SECONDS, SCALE = 25.0, 4.0, 300.0  # SCALE: pixels per head unit

Array = NDArray[np.float64]


@cache
def head() -> FittedHead:
    model = Head.load(presets.preset(presets.HEAD), torch.device("cpu"))
    template = Template.load(presets.preset(presets.TOPOLOGY))
    return FittedHead(model, template, model.identity("average"), MAPPED)


def known_weights(times: Array) -> Array:
    """Syllables with shut lips between them, a smile that comes, two blinks, a glance to the left, brows that rise."""
    weights = np.zeros((len(times), len(head().controls)))

    def move(control: str, curve: Array) -> None:
        weights[:, head().controls.index(control)] = np.clip(curve, 0.0, 1.0)

    spoken = (times > 0.4) & (times < 3.6)
    move("jawOpen", 0.35 * np.sin(np.pi * 2.5 * (times - 0.4)) ** 2 * spoken)
    for side in "LR":
        blink = sum(np.exp(-(((times - at) / 0.07) ** 2)) for at in (1.0, 2.9))
        move(f"eyeBlink_{side}", np.asarray(blink))
        move(f"mouthSmile_{side}", 0.4 * np.clip(times - 2.0, 0.0, 1.0))
        move(f"browInnerUp_{side}", 0.5 * np.exp(-(((times - 2.2) / 0.3) ** 2)))
        move(f"browOuterUp_{side}", 0.5 * np.exp(-(((times - 2.2) / 0.3) ** 2)))
    glance = 0.6 * ((times > 1.4) & (times < 2.0))
    move("eyeLookOut_L", glance)
    move("eyeLookIn_R", glance)
    return weights


def head_turns(times: Array) -> Rotation:
    """In the head's axes: x right, y up, z to the viewer."""
    angles = np.stack([10.0 * np.sin(1.7 * times), 4.0 * np.sin(2.3 * times)], axis=1)
    return Rotation.from_euler("yx", angles, degrees=True)


def seen_by_camera(times: Array, noise: float = 0.3) -> TrackedLandmarks:
    """The speaker's landmarks, with tracking noise in pixels."""
    posed = head().pose(known_weights(times))
    placed = {number: posed[:, place] for place, number in enumerate(MAPPED)}
    draw = np.random.default_rng(0)
    for number in set(REQUIRED) - set(MAPPED):  # of the forehead and temples: anywhere, but fixed to the skull
        placed[number] = np.repeat(draw.uniform((-0.2, 0.1, 0.0), (0.2, 0.3, 0.15))[None], len(times), axis=0)
    points = np.stack([placed[number] for number in REQUIRED], axis=1)
    turned = np.einsum("fij,fnj->fni", head_turns(times).as_matrix(), points)
    pixels = turned * (SCALE, -SCALE, -SCALE) + (320.0, 240.0, 0.0) + noise * draw.normal(size=turned.shape)
    return TrackedLandmarks("known", times, pixels.astype(np.float32), np.ones(len(times), bool), REQUIRED)


def camera_times(fps: float = FPS, seconds: float = SECONDS) -> Array:
    return np.arange(round(fps * seconds)) / fps
