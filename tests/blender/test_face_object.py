"""The mesh Blender gets is the mesh that was sent."""

from dataclasses import replace

import bpy
import numpy as np
from numpy.typing import NDArray

from blender_addon.face_materials import COLOR_ATTRIBUTE, EYE_ATTRIBUTE, WET_ATTRIBUTE
from blender_addon.face_object import create_face
from blender_addon.face_paint import LASH_LINE, LID_WETNESS
from blender_addon.records import Topology

SKIN_COLOR = (0.6, 0.35, 0.25, 1.0)
EYE_COLOR = (0.1, 0.2, 0.3, 1.0)
QUADS = np.array([[0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6]], np.int32)


def _strip_of_quads() -> Topology:
    """Three quads in a row: skin, iris, and a part nobody knows."""
    x = np.arange(4, dtype=np.float32) * 0.1
    vertices = np.concatenate([np.stack([x, 0 * x, 0 * x], 1), np.stack([x, 0 * x, 0 * x + 0.1], 1)])
    colors = np.full((8, 4), SKIN_COLOR, np.float32)
    colors[[1, 2, 6]] = EYE_COLOR  # the iris, but for one corner that it shares
    return Topology(
        vertices=vertices,
        face_sizes=np.full(3, 4, np.int32),
        corners=QUADS.ravel(),
        uv=np.random.default_rng(0).random((12, 2)).astype(np.float32),
        materials=("skin", "iris", "antenna"),
        material_index=np.array([0, 1, 2], np.int32),
        colors=colors,
        groups={"lips": np.array([0, 5], np.int32), "nobody": np.zeros(0, np.int32)},
    )


def _corner_colors(mesh: bpy.types.Mesh) -> NDArray[np.float32]:
    colors = np.empty(4 * len(mesh.loops), np.float32)
    mesh.color_attributes[COLOR_ATTRIBUTE].data.foreach_get("color", colors)
    return colors.reshape(-1, 4, 4)


def test_geometry_is_what_was_sent() -> None:
    topology = _strip_of_quads()
    mesh = create_face("Face", topology).data
    np.testing.assert_array_equal(np.array([v.co for v in mesh.vertices], np.float32), topology.vertices)
    np.testing.assert_array_equal([list(p.vertices) for p in mesh.polygons], QUADS)
    np.testing.assert_array_equal([p.material_index for p in mesh.polygons], topology.material_index)
    np.testing.assert_array_equal(np.array([uv.vector for uv in mesh.uv_layers.active.uv], np.float32), topology.uv)
    assert all(polygon.use_smooth for polygon in mesh.polygons)
    assert not mesh.validate(), "Blender found something to repair"


def test_vertex_groups_hold_their_vertices() -> None:
    face = create_face("Face", _strip_of_quads())
    lips = face.vertex_groups["lips"].index
    members = [v.index for v in face.data.vertices if any(g.group == lips for g in v.groups)]
    assert members == [0, 5]
    assert "nobody" in face.vertex_groups


def test_painted_skin_and_sharp_rims() -> None:
    topology = _strip_of_quads()
    colors = _corner_colors(create_face("Face", topology).data)
    np.testing.assert_allclose(colors[0], topology.colors[QUADS[0]], atol=1e-6)
    np.testing.assert_allclose(colors[1], np.full((4, 4), EYE_COLOR), atol=1e-6)
    np.testing.assert_allclose(colors[2], topology.colors[QUADS[2]], atol=1e-6)


def test_skin_takes_its_color_from_the_attribute() -> None:
    face = create_face("Face", _strip_of_quads())
    tree = face.data.materials[0].node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    assert COLOR_ATTRIBUTE in _attributes_read_by(shader.inputs["Base Color"])
    assert shader.inputs["Subsurface Weight"].default_value > 0


def _attributes_read_by(socket: bpy.types.NodeSocket) -> set[str]:
    """The attributes that an input of a shader depends on."""
    found: set[str] = set()
    for link in socket.links:
        found |= {
            getattr(link.from_node, name) for name in ("layer_name", "attribute_name") if hasattr(link.from_node, name)
        }
        for each in link.from_node.inputs:
            found |= _attributes_read_by(each)
    return found


def _point_values(mesh: bpy.types.Mesh, name: str, field: str, width: int) -> NDArray[np.float32]:
    values = np.empty(width * len(mesh.vertices), np.float32)
    mesh.attributes[name].data.foreach_get(field, values)
    return values.reshape(-1, width)


def test_edges_of_lids_are_wet_and_dark_and_lips_are_moist_with_a_soft_border() -> None:
    groups = {
        "feature_edges": np.array([0, 4], np.int32),
        "lid_upper_left": np.array([0, 1], np.int32),
        "lip_lower": np.array([3, 7], np.int32),
    }
    topology = replace(_strip_of_quads(), groups=groups, materials=("skin",), material_index=np.zeros(3, np.int32))
    mesh = create_face("Face", topology).data
    wet = _point_values(mesh, WET_ATTRIBUTE, "value", 1)[:, 0]
    assert wet[0] == LID_WETNESS
    assert wet[3] > wet[2] > wet[1] == 0.0
    colors = _corner_colors(mesh)
    np.testing.assert_allclose(colors[0, 0, :3], np.multiply(SKIN_COLOR[:3], LASH_LINE["upper"]), rtol=1e-5)


def _eye(middle: tuple[float, float, float]) -> tuple[NDArray[np.float32], NDArray[np.int32], list[int]]:
    """Vertices, quads and materials of rings of pupil, iris and sclera that look along -y: radii 1, 2, 3 and 4."""
    angle = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)
    rings = [
        np.stack([radius * np.cos(angle), np.full(12, radius - 1.0), radius * np.sin(angle)], axis=1)
        for radius in (1.0, 2.0, 3.0, 4.0)
    ]
    here, following = np.arange(12), (np.arange(12) + 1) % 12
    quads = [np.stack([here, following, following + 12, here + 12], axis=1) + 12 * ring for ring in range(3)]
    vertices = np.concatenate(rings).astype(np.float32) + np.array(middle, np.float32)
    return vertices, np.concatenate(quads).astype(np.int32), [0] * 12 + [1] * 12 + [2] * 12


def test_irises_know_how_far_their_points_are_from_the_pupil() -> None:
    eyes = [_eye((-30.0, 0.0, 0.0)), _eye((30.0, 1.0, 0.0))]
    quads = np.concatenate([eyes[0][1], eyes[1][1] + 48])
    topology = Topology(
        vertices=np.concatenate([eyes[0][0], eyes[1][0]]),
        face_sizes=np.full(72, 4, np.int32),
        corners=quads.ravel(),
        uv=np.zeros((288, 2), np.float32),
        materials=("pupil", "iris", "sclera"),
        material_index=np.array(eyes[0][2] + eyes[1][2], np.int32),
        colors=np.full((96, 4), EYE_COLOR, np.float32),
        groups={},
    )
    off = np.linalg.norm(_point_values(create_face("Face", topology).data, EYE_ATTRIBUTE, "vector", 3), axis=1)
    np.testing.assert_allclose(off, np.tile(np.repeat([1 / 3, 2 / 3, 1.0, 4 / 3], 12), 2), atol=1e-3)


def test_open_ends_of_teeth_are_not_smoothed_away() -> None:
    topology = replace(_strip_of_quads(), materials=("skin", "teeth"), material_index=np.array([0, 1, 1], np.int32))
    sharp = _point_values(create_face("Face", topology).data, "crease_vert", "value", 1)[:, 0]
    np.testing.assert_array_equal(sharp, [0, 1, 1, 1, 0, 1, 1, 1])


def test_edges_of_lips_and_lids_are_smoothed_along_and_not_across() -> None:
    topology = replace(_strip_of_quads(), groups={"feature_edges": np.array([0, 1, 2, 5], np.int32)})
    mesh = create_face("Face", topology).data
    ends, sharp = np.zeros(2 * len(mesh.edges), np.int32), np.zeros(len(mesh.edges), np.float32)
    mesh.edges.foreach_get("vertices", ends)
    mesh.attributes["crease_edge"].data.foreach_get("value", sharp)
    held = {tuple(sorted(pair)) for pair in ends.reshape(-1, 2)[sharp == 1.0].tolist()}
    assert held == {(0, 1), (1, 2), (1, 5)}
    assert set(np.unique(sharp)) == {0.0, 1.0}


def test_the_second_face_shares_the_looks_of_the_first() -> None:
    first, second = create_face("Face", _strip_of_quads()), create_face("Face", _strip_of_quads())
    assert list(first.data.materials) == list(second.data.materials)
    assert first.name != second.name


def test_faces_may_have_any_number_of_corners_and_the_mesh_its_own_space() -> None:
    placement = ((0.01, 0.0, 0.0, 0.5), (0.0, 0.0, -0.01, 0.0), (0.0, 0.01, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    corners = [[0, 1, 5, 4], [1, 2, 6], [1, 6, 7, 3, 5]]
    topology = replace(
        _strip_of_quads(),
        face_sizes=np.array([4, 3, 5], np.int32),
        corners=np.concatenate(corners).astype(np.int32),
        placement=placement,
    )
    face = create_face("Face", topology)
    assert [list(polygon.vertices) for polygon in face.data.polygons] == corners
    np.testing.assert_array_equal(np.array([v.co for v in face.data.vertices], np.float32), topology.vertices)
    np.testing.assert_allclose(np.array(face.matrix_basis), placement, atol=1e-6)
