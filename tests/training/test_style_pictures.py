"""The moments at which styles are shown: the widest mouth, and open eyes after the words."""

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np

from facetalk.clip import Clip
from facetalk.take import FrameBatch, TakeSettings
from facetalk.topology.template import FaceMesh
from tests.evaluation.bare_face import bare_face
from training.style_pictures import performed

RATE, FRAMES, WIDEST, OPEN = 50, 200, 60, 170
NAMES = ("inner_lip_upper", "inner_lip_lower", "mouth_corner_left", "mouth_corner_right")
LIDS = ("upper_lid_left", "lower_lid_left", "upper_lid_right", "lower_lid_right", "outer_eye_left", "outer_eye_right")
LANDMARKS = {name: place for place, name in enumerate((*NAMES, *LIDS))}


class Actor:
    """Opens the mouth widest in one frame, and the eyes in one of the last second; who feels is further right."""

    motion = SimpleNamespace(speech=SimpleNamespace(rate=RATE))

    def mesh(self, identity: str) -> FaceMesh:
        del identity
        return bare_face(LANDMARKS)

    def frames(self, clip: Clip, settings: TakeSettings) -> Iterator[FrameBatch]:
        del clip
        vertices = np.zeros((FRAMES, len(LANDMARKS), 3), np.float32)
        vertices[..., 0] = len(settings.style or "")
        vertices[:, LANDMARKS["outer_eye_left"], 0] += 1.0
        vertices[WIDEST, LANDMARKS["inner_lip_upper"], 2] = 0.3
        vertices[OPEN, LANDMARKS["upper_lid_left"], 2] = 0.1
        yield FrameBatch(0, vertices)


def test_styles_that_feel_are_shown_at_the_same_moments() -> None:
    sitting = performed(Actor(), Clip(np.zeros(16000, np.float32)))  # type: ignore[arg-type]
    captions = [shot.caption for shot in sitting.shots]
    assert captions[:2] == ["neutral", "neutral, after"]
    assert {"happy", "sad", "angry"} <= set(captions)
    assert "shouting" not in captions
    speaking, after = sitting.poses[::2], sitting.poses[1::2]
    assert (speaking[:, LANDMARKS["inner_lip_upper"], 2] > 0.2).all()
    assert (after[:, LANDMARKS["upper_lid_left"], 2] > 0.05).all()
    assert len({float(pose[0, 0]) for pose in speaking}) > 1
