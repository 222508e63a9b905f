"""Faces that are tangled are taken apart."""

from facetalk.topology.mesh_shape import tangled_faces
from tests.topology.quad_sheet import MIDDLE, sheet
from training.untangling import untangled


def test_a_fold_goes_back_to_where_there_was_none() -> None:
    start, quads = sheet()
    moved = start.copy()
    moved[MIDDLE, 0] += 1.6
    assert len(tangled_faces(moved, quads))
    apart = untangled(moved, quads, start)
    assert not len(tangled_faces(apart, quads))
