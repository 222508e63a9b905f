"""The named rig of the embedded head: ARKit's keys, weights that find known faces again, correctives for the rest."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facetalk import presets
from facetalk.errors import UserError
from facetalk.head.head import Head, to_blender
from facetalk.topology.arkit_keys import ARKIT_KEYS, controls_of
from facetalk.topology.face_metric import FaceMetric
from facetalk.topology.named_rig import NamedRig, decode_named_rig
from facetalk.topology.rig_correctives import find_correctives
from facetalk.topology.rig_solver import RigSolver
from facetalk.topology.rigid_parts import make_rigid, rigid_parts
from facetalk.topology.template import FaceMesh, Template
from facetalk.topology.wrap import wrap

Array = NDArray[np.float32]
CONTROLS = ("eyeBlink_L", "eyeBlink_R", "browInnerUp_L", "browInnerUp_R", "mouthLeft", "jawOpen")


class Face:
    """The mean face on the embedded template."""

    def __init__(self) -> None:
        self.head = Head.load(presets.preset(presets.HEAD), torch.device("cpu"))
        self.template = Template.load(presets.preset(presets.TOPOLOGY))
        code = self.head.identity("average")
        landed = torch.from_numpy(wrap(self.head, code, self.template))
        parts, mobility = torch.from_numpy(self.template.parts).long(), torch.from_numpy(self.template.mobility)
        self.points = self.head.prepare(landed, parts, code, mobility)
        self.bodies = rigid_parts(self.template, landed)
        self.controls: list[str] = list(self.head.config["rig_controls"])
        self.rig = decode_named_rig(self.pose, self.controls, self.head.rig_to_code())
        self.metric = FaceMetric.of(self.mesh)

    def pose(self, codes: torch.Tensor) -> Array:
        return to_blender(make_rigid(self.points.pose(codes).points, self.bodies)).numpy()

    def posed(self, *faces: dict[str, float]) -> Array:
        weights = torch.zeros(len(faces), len(self.controls))
        for row, face in zip(weights, faces, strict=True):
            for control, value in face.items():
                row[self.controls.index(control)] = value
        return self.pose(weights @ self.head.rig_to_code())

    @property
    def mesh(self) -> FaceMesh:
        template = self.template
        return FaceMesh(
            vertices=self.rig.neutral,
            quads=template.quads,
            uv=template.uv,
            materials=template.materials,
            material_index=template.material_index,
            colors=template.colors,
            groups=template.groups,
            landmarks=template.landmarks,
        )

    def height(self, vertices: Array) -> float:
        """Of the opening between the lips, millimetres."""
        upper, lower = (self.template.landmarks[f"inner_lip_{side}"] for side in ("upper", "lower"))
        return float(1000.0 * (vertices[upper, 2] - vertices[lower, 2]))


@pytest.fixture(scope="module")
def face() -> Face:
    return Face()


def millimetres(offsets: Array) -> NDArray[np.float64]:
    return 1000.0 * np.linalg.norm(offsets.astype(np.float64), axis=-1)


def weight(face: Face, weights: NDArray[np.float64], name: str) -> float:
    return float(weights[0, face.rig.names.index(name)])


def test_the_keys_are_arkits() -> None:
    assert len(set(ARKIT_KEYS)) == 52
    assert ARKIT_KEYS[0] == "eyeBlinkLeft"
    assert ARKIT_KEYS[7] == "eyeBlinkRight"
    assert ARKIT_KEYS[14:18] == ("jawForward", "jawRight", "jawLeft", "jawOpen")
    assert ARKIT_KEYS[-1] == "tongueOut"


@pytest.mark.parametrize(
    ("key", "controls"),
    [
        ("eyeBlinkLeft", ("eyeBlink_L",)),
        ("browInnerUp", ("browInnerUp_L", "browInnerUp_R")),
        ("mouthLeft", ("mouthLeft",)),
    ],
)
def test_keys_find_their_controls(key: str, controls: tuple[str, ...]) -> None:
    assert controls_of(key, CONTROLS) == controls


def test_a_head_without_the_control_is_refused() -> None:
    with pytest.raises(UserError, match="no rig control for the key cheekPuff"):
        controls_of("cheekPuff", CONTROLS)


def test_a_key_alone_is_the_heads_own_face(face: Face) -> None:
    for key, control in (("jawOpen", "jawOpen"), ("mouthSmileLeft", "mouthSmile_L"), ("eyeBlinkRight", "eyeBlink_R")):
        alone = np.zeros((1, len(face.rig.names)))
        alone[0, face.rig.names.index(key)] = 1.0
        assert millimetres(face.rig.pose(alone) - face.posed({control: 1.0})).max() < 0.02


def test_left_keys_move_the_subjects_left(face: Face) -> None:
    for name in ("eyeBlinkLeft", "mouthSmileLeft", "browDownLeft"):
        moved = millimetres(face.rig.offsets[face.rig.names.index(name)])
        assert (moved * face.rig.neutral[:, 0]).sum() / moved.sum() > 0.01  # metres: +x is the subject's left


def test_mouth_close_shuts_the_lips_of_an_open_jaw(face: Face) -> None:
    both = np.zeros((1, len(face.rig.names)))
    both[0, [face.rig.names.index("jawOpen"), face.rig.names.index("mouthClose")]] = 1.0
    assert face.height(face.posed({"jawOpen": 1.0})[0]) > 20.0
    shut = face.rig.pose(both)
    assert millimetres(shut - face.posed({"jawOpen": 1.0, "mouthClose": 1.0})).max() < 0.03
    assert face.height(shut[0]) < 1.5  # below 0 one lip is before the other


def test_a_known_face_is_found_again(face: Face) -> None:
    wanted = {"jawOpen": 0.4, "mouthPucker": 0.5, "browInnerUp": 0.6, "eyeBlinkLeft": 0.8}
    known = np.zeros((1, len(face.rig.names)))
    for name, value in wanted.items():
        known[0, face.rig.names.index(name)] = value
    solver = RigSolver(face.rig, face.metric)
    found = solver.solve(face.rig.pose(known))
    for name, value in wanted.items():
        assert weight(face, found, name) == pytest.approx(value, abs=0.03)
    others = [number for number, name in enumerate(face.rig.names) if name not in wanted]
    assert found[0, others].max() < 0.03
    assert millimetres(solver.residual(face.rig.pose(known), found)).mean() < 0.02


def test_weights_stay_within_their_bounds_and_opposites_apart(face: Face) -> None:
    frames = face.posed({"mouthPucker": 1.5, "mouthLeft": 0.6}, {"mouthRollLower": 0.7, "mouthPucker": 0.5})
    found = RigSolver(face.rig, face.metric).solve(frames)
    assert found.min() >= 0.0
    assert found.max() <= 1.0
    left, right = (found[:, face.rig.names.index(name)] for name in ("mouthLeft", "mouthRight"))
    assert left[0] > 0.3
    assert np.minimum(left, right).max() < 0.1


def test_frames_do_not_depend_on_their_company(face: Face) -> None:
    frames = face.posed(*({"jawOpen": value, "mouthFunnel": 0.5 - value / 2} for value in (0.1, 0.4, 0.7)))
    solver = RigSolver(face.rig, face.metric)
    alone = np.concatenate([solver.solve(frame[None]) for frame in frames])
    assert np.abs(solver.solve(frames) - alone).max() < 0.01


def test_correctives_take_what_named_keys_leave(face: Face) -> None:
    generator = np.random.default_rng(0)
    names = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthRollLower", "mouthUpperUp_L", "mouthUpperUp_R")
    frames = face.posed(*({name: generator.uniform(0.0, 0.6) for name in names} for _ in range(12)))
    plain = RigSolver(face.rig, face.metric)
    before = plain.solve(frames)
    left = plain.residual(frames, before)
    rig = face.rig.with_correctives(find_correctives(left, face.metric, enough=0.0))
    solver = RigSolver(rig, face.metric)
    after = solver.solve(frames)
    assert rig.key_names[-1] == f"corrective_{len(rig.correctives):02d}"
    np.testing.assert_allclose(after[:, : len(rig.names)], before, atol=1e-9)
    assert np.abs(after[:, len(rig.names) :]).max() < 1.01
    assert millimetres(left).max() > 1.0
    assert millimetres(solver.residual(frames, after)).max() < 0.1


def test_no_more_correctives_than_needed(face: Face) -> None:
    solver = RigSolver(face.rig, face.metric)
    frames = face.posed({"mouthRollLower": 0.6, "jawOpen": 0.3})
    left = solver.residual(frames, solver.solve(frames))
    assert len(find_correctives(left, face.metric)) == 1
    assert len(find_correctives(np.zeros_like(left), face.metric)) == 0
    assert len(find_correctives(left, face.metric, most=0)) == 0


def test_frames_that_are_no_numbers_are_refused(face: Face) -> None:
    frames = face.rig.neutral[None].copy()
    frames[0, 7, 1] = np.nan
    with pytest.raises(UserError, match="not finite"):
        RigSolver(face.rig, face.metric).solve(frames)


def test_a_mesh_without_groups_can_be_weighed(face: Face) -> None:
    bare = replace(face.mesh, groups={})
    metric = FaceMetric.of(bare)
    assert len(metric.facing) == 0
    assert float((metric.roots**2).sum()) == pytest.approx(1.0, abs=1e-4)
    found = RigSolver(face.rig, metric).solve(face.posed({"jawOpen": 0.5}))
    assert weight(face, found, "jawOpen") == pytest.approx(0.5, abs=0.05)


def test_a_rig_adds_up_as_blender_does() -> None:
    offsets = np.array([[[1.0, 0.0, 0.0]], [[0.0, 2.0, 0.0]]], np.float32)
    rig = NamedRig(np.zeros((1, 3), np.float32), ("a", "b"), offsets, np.full((1, 1, 3), 4.0, np.float32))
    np.testing.assert_allclose(rig.pose(np.array([[0.5, 0.25, -1.0]])), [[[-3.5, -3.5, -4.0]]])
