"""A mesh of the user's own moves as the head does that it was bound to."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facetalk import presets
from facetalk.errors import UserError
from facetalk.head.head import Head
from facetalk.head.similarity import Similarity
from facetalk.topology import mesh_binding
from facetalk.topology.carried_groups import carried_groups
from facetalk.topology.mesh_binding import BoundMesh, bind_mesh
from facetalk.topology.own_template import OwnTemplate, placement, read_own_template, write_own_template
from facetalk.topology.polygon_mesh import PolygonMesh
from facetalk.topology.rigid_parts import make_rigid, rigid_parts
from facetalk.topology.template import Template
from facetalk.topology.wrap import wrap

Array = NDArray[np.float64]

# Centimetres, turned and shifted: what a file may have.
TURN = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
PLACED = Similarity(TURN, 0.04, np.array([0.1, -0.3, 0.2]))
POSES = {
    "rest": {},
    "open": {"jawOpen": 0.4},
    "labial": {"jawOpen": 0.12, "mouthClose": 0.11, "mouthPress_L": 0.3, "mouthPress_R": 0.3},
    "look": {"eyeLookOut_L": 0.8, "eyeLookIn_R": 0.8},
}


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load(presets.preset(presets.HEAD), torch.device("cpu"))


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.load(presets.preset(presets.TOPOLOGY))


def codes(head: Head) -> torch.Tensor:
    controls = head.config["rig_controls"]
    rig = torch.zeros(len(POSES), len(controls))
    for row, pose in enumerate(POSES.values()):
        for name, value in pose.items():
            rig[row, controls.index(name)] = value
    return rig @ head.rig_to_code()


@pytest.fixture(scope="module")
def posed(head: Head, template: Template) -> Array:
    """The template itself on the mean head, in every pose, head units."""
    code = head.identity("average")
    landed = torch.from_numpy(wrap(head, code, template))
    points = head.prepare(landed, torch.from_numpy(template.parts).long(), code, torch.from_numpy(template.mobility))
    return make_rigid(points.pose(codes(head)).points, rigid_parts(template, landed)).double().numpy()


@pytest.fixture(scope="module")
def mesh(template: Template, posed: Array) -> PolygonMesh:
    """The template at rest as somebody's own mesh: other units and axes, some quads as triangles."""
    # Skin and eyeballs, the first of the head's parts and of the template's vertices.
    quads = template.quads[template.parts[template.quads[:, 0]] < 2].astype(np.int64)
    split = quads[:1000]
    triangles = np.concatenate([split[:, [0, 1, 2]], split[:, [0, 2, 3]]])
    corners = np.concatenate([triangles.ravel(), quads[1000:].ravel()])
    sizes = np.concatenate([np.full(len(triangles), 3), np.full(len(quads) - 1000, 4)])
    used = corners.max() + 1
    return PolygonMesh(
        PLACED.apply_inverse(posed[0, :used]),
        sizes,
        corners,
        np.zeros((len(corners), 2), np.float32),
        ("skin",),
        np.zeros(len(sizes), np.int64),
    )


def gap(vertices: Array, template: Template) -> float:
    upper, lower = template.landmarks["inner_lip_upper"], template.landmarks["inner_lip_lower"]
    return float((vertices[upper] - vertices[lower])[1] * 250.0)


def placed(head: Head) -> tuple[torch.Tensor, Similarity]:
    return head.identity("average"), PLACED


def turned(mesh: PolygonMesh, faces: NDArray[np.bool_]) -> PolygonMesh:
    """A mesh with some of its faces ``[P]`` turned round, about their first corners."""
    pieces = np.split(mesh.corners, np.cumsum(mesh.face_sizes)[:-1])
    return replace(
        mesh,
        corners=np.concatenate(
            [np.roll(face[::-1], 1) if flip else face for face, flip in zip(pieces, faces, strict=True)]
        ),
    )


def test_the_mesh_speaks_as_the_template_does_in_its_own_units(
    head: Head, template: Template, mesh: PolygonMesh, posed: Array
) -> None:
    binding = bind_mesh(head, template, mesh, head.identity("average"), PLACED)
    moved = BoundMesh(head, mesh.vertices, binding).pose(codes(head))
    assert moved.shape == (len(POSES), len(mesh.vertices), 3)
    assert np.abs(moved[0] - mesh.vertices).max() < 1e-4
    for row, name in enumerate(POSES):
        in_head = PLACED.apply(moved[row].astype(np.float64))
        off = np.linalg.norm(in_head - posed[row, : len(in_head)], axis=1) * 250.0
        assert np.quantile(off, 0.99) < 0.4, name
        assert off.mean() < 0.05, name
    shut, wide = (PLACED.apply(moved[row].astype(np.float64)) for row in (2, 1))
    assert abs(gap(shut, template)) < 1.0
    assert gap(wide, template) > 8.0


def test_groups_of_the_template_are_found_on_the_mesh(head: Head, template: Template, mesh: PolygonMesh) -> None:
    binding = bind_mesh(head, template, mesh, head.identity("average"), PLACED)
    groups = carried_groups(head, template, binding)
    for name in ("lip_upper", "lip_lower", "lid_upper_left", "lid_lower_right", "eyeballs"):
        own = template.groups[name][template.groups[name] < len(mesh.vertices)]
        found = np.isin(own, groups[name])
        assert found.mean() > 0.95, name
        assert len(groups[name]) < 1.05 * len(own), name
    assert "tongue" not in groups
    assert "feature_edges" not in groups


def test_eyeballs_turn_as_bodies(head: Head, template: Template, mesh: PolygonMesh) -> None:
    binding = bind_mesh(head, template, mesh, head.identity("average"), PLACED)
    assert int(binding.body.max()) == 1
    moved = BoundMesh(head, mesh.vertices, binding).pose(codes(head))
    ball = binding.moving[binding.body == 0]
    rest, look = (moved[row][ball].astype(np.float64) for row in (0, 3))
    between = [np.linalg.norm(each[:50, None] - each[None, :50], axis=-1) for each in (rest, look)]
    assert np.abs(between[0] - between[1]).max() < 1e-3
    assert np.linalg.norm(look - rest, axis=1).max() > 0.2


def test_faces_that_point_inwards_are_found_and_move_all_the_same(
    head: Head, template: Template, mesh: PolygonMesh, posed: Array
) -> None:
    binding = bind_mesh(head, template, turned(mesh, np.ones(len(mesh.face_sizes), bool)), *placed(head))
    assert binding.inside_out
    moved = BoundMesh(head, mesh.vertices, binding).pose(codes(head))
    assert gap(PLACED.apply(moved[1].astype(np.float64)), template) > 8.0


@pytest.mark.parametrize("share", [0.1, 0.45, 0.8])
def test_faces_turned_against_their_neighbours_move_all_the_same(
    head: Head, template: Template, mesh: PolygonMesh, share: float
) -> None:
    some = np.random.default_rng(0).random(len(mesh.face_sizes)) < share
    mixed = turned(mesh, some)
    assert any("turned against their neighbours" in remark for remark in mixed.remarks())
    assert not any("turned against" in remark for remark in mesh.remarks())
    found = bind_mesh(head, template, mixed, *placed(head))
    wanted = bind_mesh(head, template, mesh, *placed(head))
    assert found.inside_out == (share > 0.5)
    np.testing.assert_array_equal(found.moving, wanted.moving)
    off = np.linalg.norm(found.canonical - wanted.canonical, axis=1) * 250.0
    assert np.quantile(off, 0.999) < 0.01


def test_what_is_far_from_the_head_stays(head: Head, template: Template, mesh: PolygonMesh) -> None:
    far = PLACED.apply_inverse(np.array([[0.0, -3.0, 0.0], [0.2, -3.0, 0.0], [0.0, -3.2, 0.0]]))
    count = len(mesh.vertices)
    body = replace(
        mesh,
        vertices=np.concatenate([mesh.vertices, far]),
        face_sizes=np.append(mesh.face_sizes, 3),
        corners=np.concatenate([mesh.corners, [count, count + 1, count + 2]]),
        corner_uv=np.zeros((len(mesh.corners) + 3, 2), np.float32),
        material_index=np.append(mesh.material_index, 0),
    )
    binding = bind_mesh(head, template, body, head.identity("average"), PLACED)
    assert not set(binding.moving.tolist()) & {count, count + 1, count + 2}
    moved = BoundMesh(head, body.vertices, binding).pose(codes(head))
    assert np.abs(moved[:, count:] - far).max() < 1e-4


def test_meshes_that_are_elsewhere_or_too_fine_are_refused(
    head: Head, template: Template, mesh: PolygonMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Similarity(TURN, 0.04, np.array([5.0, 0.0, 0.0]))
    with pytest.raises(UserError, match="Nothing of the mesh lies near"):
        bind_mesh(head, template, mesh, head.identity("average"), away)
    monkeypatch.setattr(mesh_binding, "MOVING_LIMIT", 100)
    with pytest.raises(UserError, match="more than 100: decimate"):
        bind_mesh(head, template, mesh, head.identity("average"), PLACED)


def test_a_template_is_read_as_it_was_written(
    tmp_path: Path, head: Head, template: Template, mesh: PolygonMesh
) -> None:
    made = OwnTemplate("mine", "a-head", mesh, bind_mesh(head, template, mesh, head.identity("average"), PLACED))
    write_own_template(tmp_path / "mine", made, "mine.obj")
    read = read_own_template(tmp_path / "mine", "a-head", head.identity_size, len(head.parts))
    assert np.array_equal(read.mesh.vertices, mesh.vertices)
    assert np.array_equal(read.mesh.corners, mesh.corners)
    one, other = (BoundMesh(head, mesh.vertices, each.binding).pose(codes(head)) for each in (made, read))
    assert np.array_equal(one, other)
    with pytest.raises(UserError, match="made for the head a-head, not another"):
        read_own_template(tmp_path / "mine", "another", head.identity_size, len(head.parts))


def test_the_placement_takes_the_mesh_to_blenders_metres(mesh: PolygonMesh, posed: Array) -> None:
    matrix = placement(PLACED)
    placed = mesh.vertices @ matrix[:3, :3].T + matrix[:3, 3]
    x, y, z = posed[0, : len(placed)].T / 4.0
    assert np.allclose(placed, np.stack([x, -z, y], axis=1), atol=1e-9)
