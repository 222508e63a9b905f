"""The template lands on heads of which only a signed distance is known: our own in disguise, and what is no head."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from facetalk import presets
from facetalk.errors import UserError
from facetalk.evaluation.stranger_head import Disguise, StrangerHead
from facetalk.head import registration
from facetalk.head.head import MILLIMETRES, Head
from facetalk.head.meshing import TriangleMesh
from facetalk.head.parametric_head import PreparedPoints
from facetalk.head.published_checkpoints import import_published_head
from facetalk.head.published_head import PublishedHead
from facetalk.head.similarity import Similarity
from facetalk.topology import surface_landing
from facetalk.topology.borrowed_parts import harmonic
from facetalk.topology.face_model import REST_POSE, FaceModel, outer_skin
from facetalk.topology.face_registration import place_face
from facetalk.topology.mesh_shape import crossing_faces, turned_over
from facetalk.topology.surface_landing import LandedTemplate, land, landed_once
from facetalk.topology.template import Template
from facetalk.topology.tensor_cache import TensorCache
from facetalk.topology.wrap import wrap
from tests.head.tiny_published import tiny_model

CPU = torch.device("cpu")
NEAR = Similarity(Rotation.from_rotvec([0.05, -0.08, 0.04]).as_matrix(), 1.07, np.array([0.02, -0.03, 0.01]))


@pytest.fixture(scope="module")
def model() -> FaceModel:
    head = Head.load(presets.preset(presets.HEAD), CPU)
    return FaceModel.of(head, Template.load(presets.preset(presets.TOPOLOGY)))


def stranger(model: FaceModel, place: Similarity = NEAR, bend_mm: float = 0.0) -> StrangerHead:
    return StrangerHead(model.head, Disguise.drawn(model.head.expression_size, place, bend_mm, seed=3))


@pytest.fixture(scope="module")
def bent(model: FaceModel) -> tuple[StrangerHead, Tensor, LandedTemplate]:
    head = stranger(model, bend_mm=2.0)
    identity = head.identity("random-5")
    return head, identity, land(head, identity, model)


def test_the_outer_skin_ends_at_lips_and_lids(model: FaceModel) -> None:
    template = model.template
    assert np.isin(template.groups["feature_edges"], model.outer).all()
    assert (template.parts[model.outer] == 0).all()
    landmarks = [template.landmarks[name] for name in ("nose_tip", "chin", "outer_eye_left")]
    assert np.isin(landmarks, model.outer).all()
    lining = np.setdiff1d(np.flatnonzero(template.parts == 0), model.outer)
    assert 0.1 < len(lining) / len(model.outer) < 0.5
    # Sockets lie behind the lids, the lining of the mouth behind the lips.
    assert template.vertices[lining, 2].max() < template.vertices[template.landmarks["nose_tip"], 2]


def test_the_model_is_the_head_itself(model: FaceModel) -> None:
    shape = model.head.sample_identity(1)[: model.head.shape_size].double().numpy()
    canonical = wrap(model.head, model.identity(shape), model.template)
    none = np.zeros_like(REST_POSE)
    np.testing.assert_allclose(model.whole(shape, none), canonical, atol=1e-5)
    fields = model.pose_fields(shape)
    np.testing.assert_allclose(model.skin(shape, none, fields), canonical[model.outer], atol=1e-5)
    rest = model.whole(shape, REST_POSE)
    moves = model.template.mobility[model.outer] == 1.0
    np.testing.assert_allclose(model.skin(shape, REST_POSE, fields)[moves], rest[model.outer][moves], atol=1e-5)


def test_a_stranger_wears_the_template_where_it_belongs(
    model: FaceModel, bent: tuple[StrangerHead, Tensor, LandedTemplate]
) -> None:
    head, identity, landed = bent
    astray = np.linalg.norm(landed.vertices - head.truth(model.template, identity), axis=1) * MILLIMETRES
    groups = model.template.groups
    lips = np.concatenate([groups["lip_upper"], groups["lip_lower"]])
    # A bend of 2 mm slides skin along itself, which no surface shows.
    assert np.median(astray[model.outer]) < 2.0
    assert np.median(astray[lips]) < 2.0
    assert np.median(astray[groups["eyeballs"]]) < 3.0
    skin = model.template.quads[(model.template.parts[model.template.quads] == 0).all(axis=1)].astype(np.int64)
    assert not len(crossing_faces(landed.vertices, skin))
    assert turned_over(landed.vertices, skin).sum() <= 3


def test_what_settled_lies_on_the_surface(model: FaceModel, bent: tuple[StrangerHead, Tensor, LandedTemplate]) -> None:
    head, identity, landed = bent
    assert landed.settled[model.outer].mean() > 0.95
    assert not landed.settled[np.setdiff1d(np.arange(len(landed.settled)), model.outer)].any()
    distance = head.signed_distance(torch.from_numpy(landed.vertices[landed.settled]).float(), identity)
    assert float(distance.abs().max()) * MILLIMETRES < 0.05


def test_a_face_of_ours_is_found_as_it_is(model: FaceModel) -> None:
    head = stranger(model)
    identity = head.identity("random-6")
    landed = land(head, identity, model)
    astray = np.linalg.norm(landed.vertices - head.truth(model.template, identity), axis=1) * MILLIMETRES
    groups = model.template.groups
    assert np.median(astray[model.outer]) < 0.4
    assert np.median(astray[np.concatenate([groups["lip_upper"], groups["lip_lower"]])]) < 0.4
    assert astray[[model.template.landmarks[f"mouth_corner_{side}"] for side in ("left", "right")]].max() < 1.0
    assert astray[groups["upper_teeth"]].mean() < 1.5


def test_a_face_is_found_wherever_it_is_turned(model: FaceModel) -> None:
    lying = Similarity(Rotation.from_euler("xz", [85, 170], degrees=True).as_matrix(), 1.3, np.array([0.3, 0.1, -2.0]))
    mesh = _mesh_at(model, lying)
    found = place_face(model, mesh, np.random.default_rng(0), None).followed_by(lying)
    assert Rotation.from_matrix(found.rotation).magnitude() < 0.1
    assert abs(np.log(found.scale)) < 0.1


def test_landmarks_lead_to_the_face(model: FaceModel) -> None:
    lying = Similarity(Rotation.from_euler("y", 130, degrees=True).as_matrix(), 0.8, np.zeros(3))
    mesh, rest = _mesh_at(model, lying), model.whole(np.zeros(model.head.shape_size), REST_POSE)
    names = {"nose_tip": "nose_tip", "mouth_left": "mouth_corner_left", "mouth_right": "mouth_corner_right"}
    names["left_eye_outer"] = "outer_eye_left"
    marks = {name: lying.apply(rest[[model.template.landmarks[own]]])[0] for name, own in names.items()}
    found = place_face(model, mesh, np.random.default_rng(0), marks).followed_by(lying)
    assert Rotation.from_matrix(found.rotation).magnitude() < 0.1


@pytest.mark.parametrize("scale", [0.25, 4.0])
def test_a_head_in_other_units_is_refused(model: FaceModel, scale: float) -> None:
    with pytest.raises(UserError, match="times as large as a person's"):
        place_face(model, _mesh_at(model, Similarity(np.eye(3), scale, np.zeros(3))), np.random.default_rng(0), None)


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface_landing, "RESOLUTION", 40)
    monkeypatch.setattr(registration, "DENSE_ROTATIONS", 2)


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("family", ["nphm", "nphm-backward"])
def test_a_field_of_noise_has_no_face(model: FaceModel, family: str, tmp_path: Path) -> None:
    released = tiny_model(family).write(tmp_path / "files")
    import_published_head(released, tmp_path / "files/anchors.npy", tmp_path / "bundle")
    head = PublishedHead.load(tmp_path / "bundle", CPU)
    with pytest.raises(UserError, match=r"No face is found|has no surface"):
        land(head, head.identity("subject-1"), model)


def test_a_field_without_a_zero_has_no_surface(model: FaceModel) -> None:
    head = _Formula(lambda points: 1.0 + points.norm(dim=1))
    with pytest.raises(UserError, match="has no surface"):
        land(head, torch.zeros(1), model)


@pytest.mark.usefixtures("coarse")
def test_a_ball_has_no_face(model: FaceModel) -> None:
    head = _Formula(lambda points: (points - torch.tensor([0.0, 0.0, -0.1])).norm(dim=1) - 0.35)
    with pytest.raises(UserError, match="No face is found"):
        land(head, torch.zeros(1), model)


def test_it_lands_once(model: FaceModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    shape = np.arange(3.0)

    def counted(*arguments: object) -> LandedTemplate:
        calls.append("landed")
        vertices = np.full((5, 3), len(calls), np.float64)
        return LandedTemplate(vertices, vertices + 1, np.array([True, False] * 2 + [True]), shape, NEAR, 0.25)

    monkeypatch.setattr(surface_landing, "land", counted)
    cache, head = TensorCache(tmp_path), stranger(model)
    first, again = (landed_once(cache, ["a"], head, shape_code, model) for shape_code in [torch.zeros(3)] * 2)
    assert calls == ["landed"]
    for name, tensor in first.tensors().items():
        assert torch.equal(tensor, again.tensors()[name])
    landed_once(cache, ["b"], head, torch.zeros(3), model)
    landed_once(cache, ["a"], head, torch.ones(3), model)
    assert len(calls) == 3
    pointed = landed_once(cache, ["a"], head, torch.zeros(3), model, landmarks={})
    kept = landed_once(cache, ["a"], head, torch.zeros(3), model)
    assert len(calls) == 4
    np.testing.assert_array_equal(kept.vertices, pointed.vertices)


def test_linings_go_with_their_rims(model: FaceModel) -> None:
    rims = model.template.groups["feature_edges"].astype(np.int64)
    lining = np.setdiff1d(np.flatnonzero(model.template.parts == 0), outer_skin(model.template))
    shares = harmonic(model.template, lining, rims)
    assert shares.min() > -1e-9
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-4)


def _mesh_at(model: FaceModel, place: Similarity) -> TriangleMesh:
    """Our mean face at rest, elsewhere."""
    rest: NDArray[np.float64] = model.whole(np.zeros(model.head.shape_size), REST_POSE)[model.outer]
    triangles = np.concatenate([model.quads[:, [0, 1, 2]], model.quads[:, [0, 2, 3]]])
    return TriangleMesh(place.apply(rest), triangles)


class _Formula:
    """A head that is a formula."""

    device = CPU
    parts: tuple[str, ...] = ("skin",)
    box = torch.tensor([[-0.55, -0.50, -0.95], [0.55, 0.75, 0.40]])
    identity_size, expression_size = 1, 1

    def __init__(self, formula: Callable[[Tensor], Tensor]) -> None:
        self._formula = formula

    def anchors(self, identity: Tensor) -> Tensor:
        return torch.zeros(1, 3)

    def signed_distance(self, points: Tensor, identity: Tensor, wanted: Tensor | None = None) -> Tensor:
        return self._formula(points)[:, None]

    def distance_field(self, identity: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda points, wanted: self._formula(points)[:, None]

    def identity_prior(self, identity: Tensor) -> Tensor:
        return identity.square().mean()

    def prepare(
        self, points: Tensor, parts: Tensor, identity: Tensor, mobility: Tensor | None = None
    ) -> PreparedPoints:
        raise AssertionError("nothing is posed")
