"""The embedded head: what it promises to every later stage."""

import pytest
import torch

from facetalk import presets
from facetalk.errors import UserError
from facetalk.head.head import MEASURING_POINTS, MILLIMETRES, Head, to_blender
from facetalk.topology.template import Template


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load(presets.preset(presets.HEAD), torch.device("cpu"))


def test_blender_axes_are_metres_with_z_up_and_the_face_along_minus_y() -> None:
    nose = torch.tensor([0.4, 0.8, 1.2])  # left of the face, up, out of the face
    assert torch.allclose(to_blender(nose), torch.tensor([0.1, -0.3, 0.2]))


def test_identities_by_name_and_by_number(head: Head) -> None:
    assert torch.equal(head.identity("average"), torch.zeros(head.identity_size))
    assert torch.equal(head.identity("random-7"), head.sample_identity(7))
    assert not torch.equal(head.sample_identity(7), head.sample_identity(8))


@pytest.mark.parametrize("name", ["nobody", "random-", "random--1", "random-1.5", ""])
def test_an_unknown_identity_is_refused_with_the_known_ones(head: Head, name: str) -> None:
    with pytest.raises(UserError, match="average"):
        head.identity(name)


def test_landmarks_lie_on_the_skin_of_any_identity(head: Head) -> None:
    skin = head.parts.index("skin")
    names = [index for index, name in enumerate(head.landmark_names) if name.startswith("ibug")]
    for code in (head.identity("average"), head.sample_identity(1)):
        distance = head.signed_distance(head.landmarks(code)[names], code)[:, skin].abs() * 250.0
        assert distance.mean() < 1.0  # mm


def test_parts_are_where_they_belong(head: Head) -> None:
    code = head.identity("average")
    inside_eye = head.landmarks(code)[[head.landmark_names.index("ibug_45"), head.landmark_names.index("ibug_42")]]
    behind = inside_eye.mean(dim=0, keepdim=True) - torch.tensor([0.0, 0.0, 0.06])
    distances = head.signed_distance(behind, code)[0]
    assert distances[head.parts.index("eyeballs")] < 0.0
    crown = head.landmarks(code)[[head.landmark_names.index("crown")]]
    assert head.signed_distance(crown + torch.tensor([0.0, 0.1, 0.0]), code)[0].min() > 0.0


def test_codes_mean_what_the_bundle_says_at_the_measuring_points(head: Head) -> None:
    """``code_to_points`` is what motion is trained by: the field must move the same points the same way."""
    tensors = head._tensors
    points = tensors["points_rest"].float()
    assert points.shape == (len(MEASURING_POINTS), 3)
    controls = head.config["rig_controls"]
    jaw = head.rig_to_code()[controls.index("jawOpen")] * 0.3
    expected = torch.tensordot(jaw, tensors["code_to_points"].float(), dims=1)
    chin, lower_lip = MEASURING_POINTS.index("chin"), MEASURING_POINTS.index("inner_lip_lower")
    assert expected[chin, 1] < -0.01
    assert expected[lower_lip, 1] < -0.02
    assert abs(float(expected[MEASURING_POINTS.index("inner_lip_upper"), 1])) < 0.01


def test_some_points_are_posed_as_among_all(head: Head) -> None:
    """Rims pass through the points that are given: some of these must still meet where all did."""
    template = Template.load(presets.preset(presets.TOPOLOGY))
    points = head.prepare(
        torch.from_numpy(template.vertices), torch.from_numpy(template.parts), head.identity("average")
    )
    controls = head.config["rig_controls"]
    weights = torch.zeros(2, len(controls))
    weights[0, [controls.index(name) for name in ("mouthPucker", "mouthRollLower", "eyeLookUp_L")]] = 1.0
    weights[1, [controls.index(name) for name in ("eyeBlink_L", "eyeBlink_R", "mouthSmile_L")]] = 1.0
    codes = weights @ head.rig_to_code()
    some = torch.randperm(len(template.vertices), generator=torch.Generator().manual_seed(0))[:700]
    apart = (points.subset(some).pose(codes).points - points.pose(codes).points[:, some]).abs() * MILLIMETRES
    assert float(apart.max()) < 1e-3
