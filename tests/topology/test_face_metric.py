"""What counts on a face: area, lips more than cheeks, gaps by themselves, whatever the mesh's faces and units."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from facetalk.topology.face_metric import FaceMetric, metres, vertex_areas
from facetalk.topology.template import AnyMesh

# A unit square with a triangle on top of it; the third vertex below is half a millimetre above the fourth.
SQUARE_AND_ROOF = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1], [0.5, 0, 2]], np.float32)


def mesh(scale: float = 1.0, groups: dict[str, list[int]] | None = None) -> AnyMesh:
    placement = None if scale == 1.0 else np.diag([1 / scale, 1 / scale, 1 / scale, 1.0])
    return cast(
        AnyMesh,
        SimpleNamespace(
            vertices=SQUARE_AND_ROOF * np.float32(scale),
            face_sizes=np.array([4, 3], np.int32),
            corners=np.array([0, 1, 2, 3, 3, 2, 4], np.int32),
            groups={name: np.array(members, np.int32) for name, members in (groups or {}).items()},
            placement=placement,
        ),
    )


def test_areas_of_faces_of_any_size_are_shared_out() -> None:
    np.testing.assert_allclose(vertex_areas(mesh()), [1 / 4, 1 / 4, 1 / 4 + 1 / 6, 1 / 4 + 1 / 6, 1 / 6])


def test_a_unit_offset_everywhere_measures_a_unit() -> None:
    offsets = np.full((1, 5, 3), 0.001 / np.sqrt(3.0), np.float32)
    assert np.linalg.norm(FaceMetric.of(mesh()).measure(offsets)) == pytest.approx(1.0, rel=1e-4)


def test_units_do_not_matter() -> None:
    generator = np.random.default_rng(0)
    offsets = generator.normal(0.0, 0.002, (2, 5, 3)).astype(np.float32)
    large = mesh(scale=100.0)
    assert metres(large) == pytest.approx(0.01)
    ours, theirs = FaceMetric.of(mesh()).measure(offsets), FaceMetric.of(large).measure(100.0 * offsets)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_lips_count_more_than_skin() -> None:
    metric = FaceMetric.of(mesh(groups={"lip_upper": [4]}))
    assert metric.roots[4] > 4.0 * metric.roots[0]


def test_a_gap_counts_by_itself() -> None:
    lips = mesh(groups={"lip_upper": [2], "lip_lower": [3]})
    near = cast(AnyMesh, SimpleNamespace(**{**vars(lips), "vertices": SQUARE_AND_ROOF.copy()}))
    near.vertices[3] = near.vertices[2] - np.array([0.0, 0.0, 0.0005], np.float32)
    metric = FaceMetric.of(near)
    assert metric.facing.tolist() == [[2, 3]]
    together, apart = np.zeros((2, 1, 5, 3), np.float32)
    together[0, [2, 3], 2] = 0.001
    apart[0, 2, 2], apart[0, 3, 2] = 0.001, -0.001
    assert np.linalg.norm(metric.measure(apart)) > 1.2 * np.linalg.norm(metric.measure(together))
    assert len(FaceMetric.of(lips).facing) == 0  # a metre apart
