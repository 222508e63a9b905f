"""Margins of lids close the gap between their edges and the eyeball; caruncles stay in the inner corners."""

from dataclasses import replace

import bpy
import numpy as np
from numpy.typing import NDArray

from blender_addon.face_object import create_face
from blender_addon.lid_margins import CARUNCLE, STEPS, WATER, create_lid_margins
from blender_addon.records import Topology

RADIUS, GAP = 0.0125, 0.001
EDGE = 9  # vertices along the edge of a lid


def _eyes() -> Topology:
    """Two eyeballs that look along -y, each with the edges of an upper and a lower lid a millimetre before it."""
    parts: list[NDArray[np.float64]] = []
    quads: list[list[int]] = []
    materials: list[int] = []
    edges: list[int] = []
    groups: dict[str, NDArray[np.int32]] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        middle = np.array([0.032 * sign, 0.0, 0.0])
        start = _count(parts)
        polar, around = (each.ravel() for each in np.meshgrid(np.linspace(0.3, 2.8, 8), np.arange(8) * np.pi / 4.0))
        ball = np.stack([np.sin(polar) * np.cos(around), -np.cos(polar), np.sin(polar) * np.sin(around)], axis=1)
        parts.append(middle + RADIUS * ball)
        index = start + np.arange(64).reshape(8, 8)
        quads += [
            [index[i, j], index[i, j + 1], index[i - 1, j + 1], index[i - 1, j]] for i in range(8) for j in range(7)
        ]
        materials += [1] * 56
        for lid, rise in (("upper", 0.35), ("lower", -0.3)):
            turn = sign * np.linspace(-0.8, 0.8, EDGE)
            lift = rise * np.cos(turn / 0.85 * np.pi / 2.0)
            edge = np.stack([np.sin(turn) * np.cos(lift), -np.cos(turn) * np.cos(lift), np.sin(lift)], axis=1)
            start = _count(parts)
            parts += [middle + (RADIUS + GAP) * edge, middle + (RADIUS + 4.0 * GAP) * edge]
            quads += [[start + i, start + i + 1, start + EDGE + i + 1, start + EDGE + i] for i in range(EDGE - 1)]
            materials += [0] * (EDGE - 1)
            groups[f"lid_{lid}_{side}"] = np.arange(start, start + 2 * EDGE, dtype=np.int32)
            edges += list(range(start, start + EDGE))
    vertices = np.concatenate(parts).astype(np.float32)
    return Topology(
        vertices=vertices,
        face_sizes=np.full(len(quads), 4, np.int32),
        corners=np.array(quads, np.int32).ravel(),
        uv=np.zeros((4 * len(quads), 2), np.float32),
        materials=("skin", "sclera"),
        material_index=np.array(materials, np.int32),
        colors=np.full((len(vertices), 4), 0.5, np.float32),
        groups=groups | {"feature_edges": np.array(edges, np.int32)},
    )


def _count(parts: list[NDArray[np.float64]]) -> int:
    return int(np.sum([len(part) for part in parts]))


def _places(piece: bpy.types.Object) -> NDArray[np.float32]:
    """Points of both eyes ``[2, N, 3]``: of the margin, in pairs, then of the caruncle."""
    bpy.context.view_layer.update()
    shown = piece.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    places = np.empty(3 * len(shown.vertices), np.float32)
    shown.vertices.foreach_get("co", places)
    return places.reshape(2, -1, 3)


def _made(topology: Topology) -> tuple[bpy.types.Object, bpy.types.Object]:
    face = create_face("Face", topology)
    face.modifiers.clear()
    margins = create_lid_margins(face, topology)
    assert margins is not None
    return face, margins


def _off(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far points are off the ball on their side."""
    middle = np.array([0.032, 0.0, 0.0]) * np.sign(points[..., :1])
    return np.asarray(np.linalg.norm(points - middle, axis=-1) - RADIUS)


def test_margins_reach_from_the_edge_to_the_ball_and_tears_climb_it() -> None:
    for points in _places(_made(_eyes())[1]):
        outer, inner = points[: 2 * STEPS : 2], points[1 : 2 * STEPS : 2]
        assert np.abs(_off(outer) - GAP).max() < 0.2 * GAP
        assert np.abs(_off(inner)).max() < 0.2 * GAP
        assert (inner[:, 2] > outer[:, 2] - 0.5 * WATER)[STEPS // 4 : -STEPS // 4].all()


def test_caruncles_lie_in_the_inner_corners() -> None:
    both = _places(_made(_eyes())[1])[:, 2 * STEPS :]
    assert both.shape[1] == CARUNCLE**2
    corner = 0.032 - (RADIUS + GAP) * np.sin(0.8)
    np.testing.assert_allclose(np.abs(both[..., 0]).mean(axis=1), corner, atol=0.003)
    for measure in (np.min, np.mean, np.max):
        left, right = (measure(np.abs(points), axis=0) for points in both)
        np.testing.assert_allclose(left, right, atol=1e-4)


def test_margins_go_with_the_lid_but_stay_on_the_ball() -> None:
    topology = _eyes()
    face, margins = _made(topology)
    face.shape_key_add(name="Basis")
    raised = face.shape_key_add(name="raised")
    for side in ("left", "right"):
        for vertex in topology.groups[f"lid_lower_{side}"]:
            raised.data[vertex].co.z += 0.002
    before = _places(margins)
    raised.value = 1.0
    after = _places(margins)
    outer, inner = after[:, : 2 * STEPS : 2], after[:, 1 : 2 * STEPS : 2]
    np.testing.assert_allclose((outer - before[:, : 2 * STEPS : 2])[..., 2], 0.002, atol=2e-4)
    assert np.abs(_off(inner)).max() < 0.2 * GAP


def test_a_mesh_that_names_no_lids_has_none() -> None:
    topology = replace(_eyes(), groups={})
    assert create_lid_margins(create_face("Face", topology), topology) is None
