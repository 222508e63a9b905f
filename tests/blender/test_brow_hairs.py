"""Hairs of the brows lie on the skin where the template has brows, and go with the skin."""

from dataclasses import replace

import bpy
import numpy as np
from numpy.typing import NDArray

from blender_addon.brow_hairs import COUNT, LIFT, STEPS, create_brow_hairs
from blender_addon.face_materials import COLOR_ATTRIBUTE
from blender_addon.face_object import create_face
from blender_addon.records import Topology
from blender_addon.takes import remove
from blender_addon.worn_pieces import worn_by

SIDE = 13  # vertices along either side of the square of skin
HAIR = (0.05, 0.02, 0.01, 1.0)
BROW_LENGTH, BROW_HEIGHT = 0.045, 0.009


def _face() -> Topology:
    """A flat forehead that looks along -y, with a slab for a brow at either side of it."""
    x, z = (each.ravel() for each in np.meshgrid(np.linspace(-0.08, 0.08, SIDE), np.linspace(-0.05, 0.05, SIDE)))
    skin = np.stack([x, 0.0 * x, z], axis=1)
    parts, quads = [skin], [_grid(SIDE, SIDE)]
    for side in (-1.0, 1.0):
        along, up = (each.ravel() for each in np.meshgrid(np.linspace(0.0, 1.0, 20), np.linspace(-0.5, 0.5, 3)))
        brow = np.stack([side * (0.015 + BROW_LENGTH * along), 0.0 * along - 0.002, BROW_HEIGHT * up], axis=1)
        quads.append(_grid(3, 20) + sum(len(part) for part in parts))
        parts.append(brow)
    corners = np.concatenate(quads)
    colors = np.full((sum(len(part) for part in parts), 4), 0.6, np.float32)
    colors[len(skin) :] = HAIR
    return Topology(
        vertices=np.concatenate(parts).astype(np.float32),
        face_sizes=np.full(len(corners), 4, np.int32),
        corners=corners.ravel().astype(np.int32),
        uv=np.zeros((4 * len(corners), 2), np.float32),
        materials=("skin", "brows"),
        material_index=np.array([0] * len(quads[0]) + [1] * (len(corners) - len(quads[0])), np.int32),
        colors=colors,
        groups={},
    )


def _grid(rows: int, columns: int) -> NDArray[np.int64]:
    index = np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], axis=-1)
    return quads.reshape(-1, 4)


def _hairs(brows: bpy.types.Object) -> NDArray[np.float32]:
    """Middles of all hairs from root to tip ``[H, STEPS, 3]``, where they are shown."""
    bpy.context.view_layer.update()
    shown = brows.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    places = np.empty(3 * len(shown.vertices), np.float32)
    shown.vertices.foreach_get("co", places)
    return places.reshape(-1, STEPS, 2, 3).mean(axis=2)


def _made(topology: Topology) -> tuple[bpy.types.Object, bpy.types.Object]:
    face = create_face("Face", topology)
    face.modifiers.clear()
    brows = create_brow_hairs(face, topology)
    assert brows is not None
    return face, brows


def test_hairs_lie_on_the_skin_along_the_brow() -> None:
    hairs = _hairs(_made(_face())[1])
    assert len(hairs) == 2 * COUNT
    assert np.abs(hairs[:, 0, 1]).max() < 0.0003, "roots are in the skin"
    assert -2.0 * LIFT < hairs[..., 1].min() < -0.5 * LIFT, "hairs rise from it, a little"
    outwards = np.sign(hairs[:, 0, 0]) * (hairs[:, -1, 0] - hairs[:, 0, 0])
    assert (outwards > 0.0).mean() > 0.9
    rise = hairs[:, -1, 2] - hairs[:, 0, 2]
    inner = np.abs(hairs[:, 0, 0]) < 0.015 + 0.15 * BROW_LENGTH
    outer = np.abs(hairs[:, 0, 0]) > 0.015 + 0.7 * BROW_LENGTH
    assert rise[inner].mean() > 4.0 * np.abs(rise[outer].mean()), "they stand at the inner end"


def test_hairs_go_with_the_skin_and_turn_with_it() -> None:
    topology = _face()
    face, brows = _made(topology)
    before = _hairs(brows)
    face.shape_key_add(name="Basis")
    raised = face.shape_key_add(name="raised")
    turned = topology.vertices @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32).T + (0.0, 0.0, 0.01)
    raised.points.foreach_set("co", np.ascontiguousarray(turned, np.float32).ravel())
    raised.value = 1.0
    wanted = before @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32).T + (0.0, 0.0, 0.01)
    np.testing.assert_allclose(_hairs(brows), wanted, atol=1e-5)


def test_hairs_have_the_colour_of_the_brow_each_its_own_shade() -> None:
    brows = _made(_face())[1]
    colors = np.empty(4 * len(brows.data.vertices), np.float32)
    brows.data.color_attributes[COLOR_ATTRIBUTE].data.foreach_get("color", colors)
    ratio = colors.reshape(-1, 4)[:, :3] / np.array(HAIR[:3])
    np.testing.assert_allclose(ratio, ratio[:, :1].repeat(3, axis=1), rtol=1e-4)
    assert ratio.std() > 0.1
    assert 0.8 < ratio.mean() < 1.2


def test_hairs_are_as_long_on_a_mesh_in_centimetres() -> None:
    metres = _face()
    placement = tuple(map(tuple, np.diag([0.01, 0.01, 0.01, 1.0]).tolist()))
    centimetres = replace(metres, vertices=100.0 * metres.vertices, placement=placement)
    np.testing.assert_allclose(_hairs(_made(centimetres)[1]), 100.0 * _hairs(_made(metres)[1]), atol=1e-3)


def test_the_solid_brow_is_seen_in_no_render_and_fades_to_skin_elsewhere() -> None:
    topology = _face()
    face = _made(topology)[0]
    shader = next(node for node in face.data.materials[1].node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    assert shader.inputs["Alpha"].default_value == 0.0
    colors = np.empty(4 * len(face.data.loops), np.float32)
    face.data.color_attributes[COLOR_ATTRIBUTE].data.foreach_get("color", colors)
    shown = np.zeros((len(topology.vertices), 4), np.float32)
    shown[topology.corners] = colors.reshape(-1, 4)
    brow = shown[SIDE * SIDE :, 0].reshape(2, 3, 20)
    np.testing.assert_allclose(brow[:, (0, 2)], 0.6, atol=1e-5)
    assert (brow[:, 1, 8:12] < 0.3).all()
    np.testing.assert_allclose(brow[:, 1, 0], 0.6, atol=1e-3)


def test_a_mesh_without_brows_has_no_hairs() -> None:
    topology = replace(_face(), materials=("skin", "wings"))
    assert create_brow_hairs(create_face("Face", topology), topology) is None


def test_hairs_go_when_their_face_is_removed() -> None:
    face, brows = _made(_face())
    takes = bpy.data.collections.new("Takes")
    bpy.context.scene.collection.children.link(takes)
    takes.objects.link(face)
    bpy.context.scene.collection.objects.unlink(face)
    assert worn_by(face) == [brows]
    name = brows.name
    remove(face)
    assert name not in bpy.data.objects
