"""Crossings that are known, on faces made of balls."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from facetalk.evaluation.contact import ContactBand
from facetalk.evaluation.crossings import TOLERANCE, Array, Indices, crossings, sphere
from facetalk.evaluation.held_out_heads import LOWER_TEETH, HeldOutHeads
from tests.evaluation.ball_faces import CENTRES, RADII, ball_faces

FACES = ball_faces()
REST = FACES.posed[0, 0].astype(np.float64)
FOLD = (0.06, 0.016, 0.018)  # head units
THICK_FOLD = trimesh.creation.box(FOLD).subdivide().subdivide().subdivide()
SAFE, TOO_MUCH = 0.8 * TOLERANCE, 1.3 * TOLERANCE


def found(head: Array, faces: HeldOutHeads = FACES, rest: Array = REST) -> set[str]:
    """What crosses on a head, which comes as the second of three frames."""
    frames = crossings(faces, np.stack([rest, head, rest]))
    assert all(flags.tolist() in ([False] * 3, [False, True, False]) for flags in frames.values())
    return {name for name, flags in frames.items() if flags[1]}


def thin_sheet(size: tuple[float, float, float]) -> trimesh.Trimesh:
    """A box with vertices on its front, its back and nowhere between."""
    box = trimesh.creation.box(size)
    for _ in range(4):
        box = box.subdivide(np.flatnonzero(np.abs(box.face_normals[:, 2]) > 0.9))
    return box


def with_folds(band: str, slope: float, box: trimesh.Trimesh = THICK_FOLD) -> tuple[HeldOutHeads, Array]:
    """The faces with two folds of flesh for a band, and their vertices: they just meet, along a seam that slopes."""
    rims = FACES.bands[band]
    vertices, skin = [REST], [FACES.triangles["skin"]]
    folds = []
    for sign in (0.5, -0.5):
        first = sum(len(each) for each in vertices)
        place = box.vertices + np.array([0.0, sign * box.extents[1], 0.0])
        place[:, 1] += slope * place[:, 0]
        vertices.append(place + REST[rims.upper].mean(axis=0))
        skin.append(box.faces + first)
        folds.append(np.arange(first, first + len(place)))
    rest = np.concatenate(vertices)
    more = np.ones(len(rest) - len(REST), dtype=np.bool_)
    left, right = (int(folds[0][index]) for index in (box.vertices[:, 0].argmin(), box.vertices[:, 0].argmax()))
    return replace(
        FACES,
        held_out=replace(FACES.held_out, canonical=rest[None].astype(np.float32)),
        part_of_vertex=np.concatenate([FACES.part_of_vertex, np.zeros(len(more), dtype=np.int64)]),
        triangles={**FACES.triangles, "skin": np.concatenate(skin).astype(np.int64)},
        regions={name: np.concatenate([flags, more]) for name, flags in FACES.regions.items()},
        bands={**FACES.bands, band: ContactBand(folds[0], folds[1], (left, right))},
    ), rest


def moved(vertices: Indices, to: Array) -> Array:
    head = REST.copy()
    head[vertices] = to
    return head


def test_a_face_at_rest_has_none() -> None:
    assert found(REST) == set()


@pytest.mark.parametrize(("band", "name"), [("lips", "lips through lips"), ("lids_right", "lids through lids")])
@pytest.mark.parametrize("slope", [0.0, 0.4])
def test_folds_of_flesh_that_overlap_cross_however_their_seam_lies(band: str, name: str, slope: float) -> None:
    faces, rest = with_folds(band, slope)
    upper = faces.bands[band].upper
    for depth, expected in ((0.5 * TOLERANCE, set()), (TOO_MUCH, {name}), (-TOO_MUCH, set())):
        head = rest.copy()
        head[upper, 1] -= depth * np.hypot(1.0, slope)  # as deep as that along the seam's normal
        assert found(head, faces, rest) == expected


def test_a_fold_that_hangs_before_the_other_does_not_cross_it() -> None:
    faces, rest = with_folds("lips", 0.0)
    rest[faces.bands["lips"].upper] += [0.0, -TOO_MUCH, FOLD[2]]
    assert found(rest, faces, rest) == set()


@pytest.mark.parametrize(("depth", "expected"), [(0.3 * TOLERANCE, set()), (1.1 * TOLERANCE, {"lids through lids"})])
def test_a_thin_fold_crosses_by_how_deep_it_is_and_not_by_what_lies_before_it(depth: float, expected: set[str]) -> None:
    thin = (0.06, 0.016, 1.15 * TOLERANCE)  # a vertex behind has its tolerance's end in what overlaps before
    faces, rest = with_folds("lids_right", 0.0, thin_sheet(thin))
    head = rest.copy()
    head[faces.bands["lids_right"].upper] += [0.0, -0.25 * thin[1], thin[2] - depth]
    assert found(head, faces, rest) == expected


def test_what_overlaps_unseen_is_no_crossing() -> None:
    faces, rest = with_folds("lips", 0.0)
    rest[faces.bands["lips"].upper, 1] -= TOO_MUCH
    hidden = replace(faces, regions={**faces.regions, "head": np.zeros(len(rest), dtype=np.bool_)})
    assert not crossings(hidden, rest[None])["lips through lips"].any()


@pytest.mark.parametrize("side", [0, 1])
def test_lids_inside_an_eyeball_cross_it(side: int) -> None:
    band = FACES.bands[("lids_left", "lids_right")[side]]
    centre, radius = np.array(CENTRES["eyeballs"][side]), RADII["eyeballs"]
    middle = np.array([band.upper[30], band.lower[30]])
    for depth, expected in ((SAFE, set()), (TOO_MUCH, {"lids through eyeballs"})):
        assert found(moved(middle, centre + np.array([0.0, 0.0, radius - depth]))) == expected
    assert found(moved(middle, centre + np.array([0.0, 0.0, -radius + TOO_MUCH]))) == set()  # behind: a socket's wall


@pytest.mark.parametrize(("part", "rim"), [("upper_teeth", "upper"), ("lower_teeth", "lower")])
def test_lips_inside_teeth_cross_them(part: str, rim: str) -> None:
    lip = getattr(FACES.bands["lips"], rim)[30:31]
    centre, radius = np.array(CENTRES[part][0]), RADII[part]
    facets = 0.0006  # by which the ball's triangles lie inside the ball
    for depth, expected in ((0.5 * TOLERANCE, set()), (TOO_MUCH + facets, {"lips through teeth"})):
        assert found(moved(lip, centre + np.array([0.0, 0.0, radius - depth]))) == expected


def test_teeth_inside_teeth_cross() -> None:
    teeth = FACES.part(LOWER_TEETH)
    apart = CENTRES["upper_teeth"][0][1] - CENTRES["lower_teeth"][0][1] - 2 * RADII["upper_teeth"]
    for depth, expected in ((0.0, set()), (2 * TOO_MUCH, {"teeth through teeth"})):
        assert found(moved(teeth, REST[teeth] + [0.0, apart + depth, 0.0])) == expected


def test_a_sphere_is_found_through_its_points() -> None:
    directions = np.random.default_rng(0).normal(size=(40, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    centre, radius = sphere(0.3 * directions + [1.0, -2.0, 0.5])
    assert np.allclose(centre, [1.0, -2.0, 0.5])
    assert radius == pytest.approx(0.3)
