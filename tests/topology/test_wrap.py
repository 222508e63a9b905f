"""The embedded template on the embedded head: does it land, and does it close?"""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facetalk import presets
from facetalk.evaluation.topology_bench import landing
from facetalk.head.head import Head
from facetalk.topology.mesh_shape import crossing_faces
from facetalk.topology.rigid_parts import make_rigid, rigid_parts
from facetalk.topology.template import Template
from facetalk.topology.wrap import wrap

MILLIMETRES = 250.0  # per head unit
IDENTITIES = ("average", "random-3")

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load(presets.preset(presets.HEAD), torch.device("cpu"))


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.load(presets.preset(presets.TOPOLOGY))


@pytest.fixture(scope="module", params=IDENTITIES)
def landed(request: pytest.FixtureRequest, head: Head, template: Template) -> tuple[torch.Tensor, Array]:
    code = head.identity(request.param)
    return code, wrap(head, code, template).astype(np.float64)


def posed(head: Head, template: Template, landed: tuple[torch.Tensor, Array], **weights: float) -> Array:
    code, vertices = landed
    parts, mobility = torch.from_numpy(template.parts).long(), torch.from_numpy(template.mobility)
    points = head.prepare(torch.from_numpy(vertices).float(), parts, code, mobility)
    controls = head.config["rig_controls"]
    rig = torch.zeros(len(controls))
    for name, value in weights.items():
        rig[controls.index(name)] = value
    moved = points.pose((rig @ head.rig_to_code())[None]).points
    return make_rigid(moved, rigid_parts(template, torch.from_numpy(vertices).float()))[0].double().numpy()


def gap(vertices: Array, template: Template, upper: str, lower: str) -> float:
    return float((vertices[template.landmarks[upper]] - vertices[template.landmarks[lower]])[1] * MILLIMETRES)


def test_the_template_is_whole(template: Template) -> None:
    assert set(np.unique(template.quads)) == set(range(len(template.vertices)))
    assert all(len(set(quad)) == 4 for quad in template.quads.tolist())
    assert template.uv.min() >= 0.0
    assert template.uv.max() <= 1.0
    assert {"skin", "sclera", "iris", "pupil", "teeth", "gums", "tongue", "brows"} == set(template.materials)
    assert {"lip_upper", "lip_lower", "jaw", "lid_upper_left", "brow_right"} <= set(template.groups)


def test_the_template_lies_on_the_neural_surface_without_a_fault(
    head: Head, template: Template, landed: tuple[torch.Tensor, Array]
) -> None:
    code, vertices = landed
    found = landing(head, code, template)
    assert found.distances.mean() < 0.05
    assert np.quantile(found.distances, 0.99) < 0.3
    assert found.turned == 0
    assert found.crossing == 0
    assert found.bad < 0.005 * len(template.quads)
    assert np.quantile(found.features, 0.99) < 0.5
    assert len(vertices) == len(found.distances)


@pytest.mark.parametrize(("name", "quads"), [("light", (1500, 3000)), ("fine", (20_000, 30_000))])
def test_other_details_land_as_well_and_have_the_same_groups_materials_and_hair(
    head: Head, template: Template, name: str, quads: tuple[int, int]
) -> None:
    other = Template.load(presets.preset(f"topologies/{name}"))
    assert quads[0] < len(other.quads) < quads[1]
    assert set(np.unique(other.quads)) == set(range(len(other.vertices)))
    assert other.groups.keys() == template.groups.keys()
    assert all(len(group) for group_name, group in other.groups.items() if not group_name.startswith("brow_"))
    assert other.materials == template.materials
    assert other.landmarks.keys() == template.landmarks.keys()
    assert other.hair.keys() == template.hair.keys()
    found = landing(head, head.identity("random-3"), other)
    assert found.distances.mean() < 0.06
    assert found.turned == 0
    assert found.crossing == 0
    assert found.bad < 0.005 * len(other.quads)
    assert found.features.mean() < 0.5


def test_at_rest_lips_touch_and_eyes_are_open(
    head: Head, template: Template, landed: tuple[torch.Tensor, Array]
) -> None:
    rest = posed(head, template, landed)
    assert abs(gap(rest, template, "inner_lip_upper", "inner_lip_lower")) < 1.5
    assert gap(rest, template, "upper_lid_left", "lower_lid_left") > 6.0


def test_a_labial_closes_and_an_open_vowel_opens(
    head: Head, template: Template, landed: tuple[torch.Tensor, Array]
) -> None:
    labial = posed(head, template, landed, jawOpen=0.12, mouthClose=0.11, mouthPress_L=0.3, mouthPress_R=0.3)
    vowel = posed(head, template, landed, jawOpen=0.3)
    assert abs(gap(labial, template, "inner_lip_upper", "inner_lip_lower")) < 1.5
    assert gap(vowel, template, "inner_lip_upper", "inner_lip_lower") > 6.0


@pytest.mark.parametrize(
    "weights",
    [
        {"jawOpen": 0.05, "tongueTipUp": 1.0},
        {"jawOpen": 0.2, "tongueBetweenTeeth": 1.0},
        {"jawOpen": 0.4, "tongueOut": 1.0},
    ],
)
def test_the_tongue_reaches_its_places_through_neither_gums_nor_palate(
    head: Head, template: Template, landed: tuple[torch.Tensor, Array], weights: dict[str, float]
) -> None:
    rest = posed(head, template, landed, jawOpen=weights["jawOpen"])
    reaching = posed(head, template, landed, **weights)
    tongue = template.groups["tongue"]
    assert np.linalg.norm(reaching - rest, axis=1)[tongue].max() * MILLIMETRES > 10.0
    mouth = template.quads[(template.parts == head.parts.index("mouth"))[template.quads].all(axis=1)]
    assert not len(crossing_faces(reaching, mouth.astype(np.int64)))


def test_a_blink_closes_both_eyes_and_moves_nothing_else(
    head: Head, template: Template, landed: tuple[torch.Tensor, Array]
) -> None:
    rest, blink = posed(head, template, landed), posed(head, template, landed, eyeBlink_L=1.0, eyeBlink_R=1.0)
    for side in ("left", "right"):
        assert gap(blink, template, f"upper_lid_{side}", f"lower_lid_{side}") < 1.5
    moved = np.linalg.norm(blink - rest, axis=1) * MILLIMETRES
    assert moved[template.groups["lip_lower"]].max() < 1.0
    assert moved[template.groups["eyeballs"]].max() < 1.0


def test_eyeballs_turn_with_gaze_and_stay_balls(
    head: Head, template: Template, landed: tuple[torch.Tensor, Array]
) -> None:
    rest, look = posed(head, template, landed), posed(head, template, landed, eyeLookOut_L=0.8, eyeLookIn_R=0.8)
    balls = template.groups["eyeballs"]
    left = balls[rest[balls, 0] > 0]
    assert np.linalg.norm(look[left] - rest[left], axis=1).max() * MILLIMETRES > 2.0
    between = [np.linalg.norm(ball[:, None] - ball[None], axis=-1) for ball in (rest[left], look[left])]
    assert np.abs(between[0] - between[1]).max() * MILLIMETRES < 0.01


def test_pupils_widen_on_the_ball(head: Head, template: Template, landed: tuple[torch.Tensor, Array]) -> None:
    rest, wide = posed(head, template, landed), posed(head, template, landed, PupilDilate_L=1.0, PupilDilate_R=1.0)
    pupil = np.unique(template.quads[template.material_index == template.materials.index("pupil")])
    left = pupil[rest[pupil, 0] > 0]
    small, large = (np.linalg.norm(eye[left] - eye[left].mean(axis=0), axis=1).max() for eye in (rest, wide))
    assert 1.3 < large / small < 1.9


def test_hair_of_every_style_is_whole_and_sits_on_the_head(head: Head, template: Template) -> None:
    assert set(template.hair) == set(head.hair_styles)
    for style, hair in template.hair.items():
        assert set(np.unique(hair.quads)) == set(range(len(hair.vertices)))
        code = head.with_hair(head.identity("average"), style)
        distance = head.signed_distance(torch.from_numpy(hair.vertices[::7]), code)[:, -1].abs() * MILLIMETRES
        assert distance.mean() < 0.5
        assert hair.vertices[:, 1].max() > head.landmarks(code)[head.landmark_names.index("crown"), 1]


def test_the_skull_holds_still_and_the_face_does_not(
    head: Head, template: Template, landed: tuple[torch.Tensor, Array]
) -> None:
    rest, open_wide = posed(head, template, landed), posed(head, template, landed, jawOpen=0.4, browInnerUp_L=1.0)
    moved = np.linalg.norm(open_wide - rest, axis=1) * MILLIMETRES
    skull = (rest[:, 1] > 0.0) & (rest[:, 2] < -0.3)  # above the ears' middle and behind them: no jaw, no throat
    assert skull.sum() > 50
    assert moved[skull].max() < 0.5
    assert moved[template.groups["jaw"]].mean() > 3.0


def test_teeth_of_the_upper_jaw_hold_still_while_the_lower_follow_the_chin(
    head: Head, template: Template, landed: tuple[torch.Tensor, Array]
) -> None:
    rest, open_wide = posed(head, template, landed), posed(head, template, landed, jawOpen=0.4)
    moved = np.linalg.norm(open_wide - rest, axis=1) * MILLIMETRES
    assert moved[template.groups["upper_teeth"]].max() < 1.0
    assert moved[template.groups["lower_teeth"]].mean() > 6.0
