"""Lashes stay on the edges of the lids, whatever the face does."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

from blender_addon.face_object import create_face
from blender_addon.lashes import LENGTH, create_lashes
from blender_addon.records import Topology
from blender_addon.takes import remove

LID, SCLERA = 8, 4  # vertices along the edge of the lid; of the eyeball


def _eye() -> Topology:
    """The left eye: an upper lid's edge with a row of skin above it, and a square of eyeball behind it."""
    x = np.linspace(0.02, 0.05, LID)
    edge = np.stack([x, np.full(LID, -0.012), np.full(LID, 0.004)], axis=1)
    ball = np.array([[0.025, 0.0, -0.01], [0.045, 0.0, -0.01], [0.045, 0.0, 0.01], [0.025, 0.0, 0.01]])
    lid = [[i, i + 1, LID + i + 1, LID + i] for i in range(LID - 1)]
    quads = np.array([*lid, [2 * LID + corner for corner in range(4)]], np.int32)
    vertices = np.concatenate([edge, edge + np.array([0.0, 0.0, 0.01]), ball]).astype(np.float32)
    return Topology(
        vertices=vertices,
        face_sizes=np.full(LID, 4, np.int32),
        corners=quads.ravel(),
        uv=np.zeros((4 * LID, 2), np.float32),
        materials=("skin", "sclera"),
        material_index=np.array([0] * (LID - 1) + [1], np.int32),
        colors=np.full((len(vertices), 4), 0.5, np.float32),
        groups={"feature_edges": np.arange(LID, dtype=np.int32), "lid_upper_left": np.arange(2 * LID, dtype=np.int32)},
    )


def _places(lashes: bpy.types.Object) -> NDArray[np.float32]:
    bpy.context.view_layer.update()
    shown = lashes.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    places = np.empty(3 * len(shown.vertices), np.float32)
    shown.vertices.foreach_get("co", places)
    return places.reshape(-1, 3)


def test_lashes_grow_on_the_edge_forwards_and_upwards() -> None:
    topology = _eye()
    lashes = create_lashes(create_face("Face", topology), topology)
    assert lashes is not None
    ribbons = _places(lashes).reshape(-1, 4, 2, 3).mean(axis=2)
    roots, tips = ribbons[:, 0], ribbons[:, -1]
    assert np.abs(roots - np.array([0.0, -0.012, 0.004]))[:, 1:].max() < 0.0005
    assert (tips[:, 1] < roots[:, 1]).all()
    assert (tips[:, 2] > roots[:, 2]).all()
    assert np.linalg.norm(tips - roots, axis=1).max() < 1.3 * LENGTH["upper"]


def test_lashes_follow_a_shape_key() -> None:
    topology = _eye()
    face = create_face("Face", topology)
    lashes = create_lashes(face, topology)
    assert lashes is not None
    before = _places(lashes)
    face.shape_key_add(name="Basis")
    blink = face.shape_key_add(name="blink")
    for vertex in range(2 * LID):
        blink.data[vertex].co.z -= 0.008
    blink.value = 1.0
    moved = _places(lashes) - before
    assert moved.reshape(-1, 4, 2, 3)[:, 0, :, 2].mean() == pytest.approx(-0.008, abs=3e-4)
    assert (moved.reshape(-1, 4, 2, 3)[:, -1, :, 2] < -0.009).all(), "tips swing down with the lid"


def test_a_mesh_that_names_no_lids_has_none() -> None:
    topology = replace(_eye(), groups={})
    assert create_lashes(create_face("Face", topology), topology) is None


def test_lashes_go_with_their_face() -> None:
    topology = _eye()
    face = create_face("Face", topology)
    takes = bpy.data.collections.new("Takes")
    bpy.context.scene.collection.children.link(takes)
    takes.objects.link(face)
    bpy.context.scene.collection.objects.unlink(face)
    lashes = create_lashes(face, topology)
    assert lashes is not None
    name = lashes.name
    before = bpy.data.node_groups["FaceTalk Lashes"].users
    remove(face)
    assert name not in bpy.data.objects
    left = bpy.data.node_groups.get("FaceTalk Lashes")
    assert (0 if left is None else left.users) == before - 1
