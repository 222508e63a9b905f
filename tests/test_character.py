"""A character of the user's own is performed by an animator, with its own face and hair or none."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facetalk import presets
from facetalk.animate import Pose, Progress
from facetalk.character import Character
from facetalk.clip import Clip
from facetalk.errors import UserError
from facetalk.head.head import Head
from facetalk.head.similarity import Similarity
from facetalk.take import FrameBatch, TakeSettings
from facetalk.topology.mesh_binding import MeshBinding
from facetalk.topology.own_template import OwnTemplate
from facetalk.topology.polygon_mesh import PolygonMesh
from facetalk.topology.template import Template

CLIP = Clip(np.zeros(16000, np.float32))


class StillAnimator:
    """Performs a single frame of no expression."""

    device = torch.device("cpu")
    models = ("ears", "motion", "head", "hm08")

    def __init__(self, head: Head) -> None:
        self.head = head
        self.template = Template.load(presets.preset(presets.TOPOLOGY))

    def frame_count(self, clip: Clip, fps: float) -> int:
        return 1

    def perform(
        self, pose: Pose, clip: Clip, settings: TakeSettings, progress: Progress | None = None
    ) -> Iterator[FrameBatch]:
        yield FrameBatch(0, pose(torch.zeros(1, self.head.expression_size)))


@pytest.fixture(scope="module")
def vertices() -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=(5, 3))


@pytest.fixture(scope="module")
def character(vertices: NDArray[np.float64]) -> Character:
    head = Head.load(presets.preset(presets.HEAD), torch.device("cpu"))
    one = np.zeros(1, np.int64)
    uv = np.zeros((5, 2), np.float32)
    mesh = PolygonMesh(vertices, np.array([5]), np.arange(5), uv, ("skin",), one)
    binding = MeshBinding(
        code=head.identity("average"),
        transform=Similarity(np.eye(3), 4.0, np.zeros(3)),
        moving=np.array([2]),
        canonical=np.array([[0.0, -0.2, 0.2]], np.float32),
        parts=one,
        mobility=np.ones(1, np.float32),
        body=one - 1,
        inside_out=False,
    )
    return Character(cast(Any, StillAnimator(head)), OwnTemplate("mine", "facetalk-head", mesh, binding))


def test_at_rest_it_is_the_mesh_itself(character: Character, vertices: NDArray[np.float64]) -> None:
    face = character.mesh("average")
    assert np.array_equal(face.vertices, vertices.astype(np.float32))
    assert (face.face_sizes.tolist(), face.corners.tolist()) == ([5], [0, 1, 2, 3, 4])
    (batch,) = character.frames(CLIP, TakeSettings())
    assert np.abs(batch.vertices[0] - vertices).max() < 1e-6
    assert tuple(character.models) == ("ears", "motion", "head", "mine")


def test_other_faces_and_hair_are_refused(character: Character) -> None:
    with pytest.raises(UserError, match="mine has a face of its own: leave the identity out"):
        character.mesh("ines")
    with pytest.raises(UserError, match="leave the hair out"):
        list(character.frames(CLIP, TakeSettings(hair="bob")))
    assert character.mesh("average", "bald").hair is None


def test_a_template_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACETALK_TEMPLATES", str(tmp_path))
    with pytest.raises(UserError, match="no template nobody: choose one of fine, hm08, light, or make one with"):
        Character.load(cast(Any, SimpleNamespace(head=None)), "nobody")
