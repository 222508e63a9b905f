"""The measures of heads, where the answer is known."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
import trimesh
from rich.console import Console
from torch import Tensor

from facetalk.errors import UserError
from facetalk.evaluation import head_measures
from facetalk.evaluation.head_measures import Cases, HeadMeasures, measure_head, visible_gap
from facetalk.evaluation.head_report import Row, as_json, head_table, report_rows
from facetalk.evaluation.identity_surface import fit_to_rest, random_placing, skin_mesh, surface_distances
from facetalk.evaluation.visible_gap import PIXEL
from facetalk.head.meshing import TriangleMesh, marching_cubes
from facetalk.head.parametric_head import ParametricHead
from facetalk.head.scan import Scan
from facetalk.head.similarity import Similarity
from tests.evaluation.ball_faces import GROWTH, RADII, BallHead, ball_faces
from tests.head.toy_head import ToyHead

FACES = ball_faces()
MILLIMETRE = 0.004  # head units
MISFIT = 0.8  # by which the first weight is fitted wrongly
BOX = BallHead.box.double().numpy()
Report = Callable[[float], None]


def misfit(
    head: ParametricHead, scan: Scan, generator: np.random.Generator, progress: Report
) -> tuple[Tensor, Similarity]:
    """A fit that takes the first weight for 0.5 + MISFIT, and puts the scan somewhere else."""
    progress(1.0)
    quarter = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    assert scan.triangles is not None
    centre = scan.points[FACES.triangles["skin"]].mean(axis=(0, 1))
    # The field is where it is: the scan turns about the ball, which looks the same from all sides.
    return torch.tensor([0.5 + MISFIT, 0.0, 0.0]), Similarity(quarter, 1.0, centre - quarter @ centre)


@pytest.fixture(scope="module")
def told() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def measures(told: list[tuple[str, float]]) -> HeadMeasures:
    """Of a head whose posed points are a millimetre too far right and whose skin is half a millimetre too thick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head_measures, "fit_to_rest", misfit)
        head = BallHead(error=(MILLIMETRE, 0.0, 0.0), swelling=0.5 * MILLIMETRE)

        def progress(what: str, fraction: float) -> None:
            told.append((what, fraction))

        return measure_head(head, head.rig_to_code(), FACES, progress, identities=1, resolution=96)


def test_fits_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_measures, "fit_to_rest", lambda *_: pytest.fail("fitted"))
    head = BallHead()
    found = measure_head(head, head.rig_to_code(), FACES, lambda *_: None, identities=1, fits=0, resolution=32)
    assert {group for group, _ in found.surfaces} == {"held-out, own code", "training"}
    assert found.crossings


def test_surfaces_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_measures, "skin_mesh", lambda *_: pytest.fail("meshed"))
    head = BallHead()
    found = measure_head(head, head.rig_to_code(), FACES, lambda *_: None, identities=1, surfaces=False)
    assert not found.surfaces
    assert found.expressions
    assert found.gaps
    assert found.crossings


def test_cases_are_summed_up() -> None:
    cases = Cases([np.array([1.0, 2.0, 3.0]), np.array([8.0])])
    assert cases.mean == 3.5
    assert cases.worst == 8.0
    assert cases.p95 == pytest.approx(np.quantile([1, 2, 3, 8], 0.95))
    assert Cases([np.array([0.0, 9.0]), np.array([5.0])]).worst == 5.0


def test_a_skin_too_thick_is_found_by_the_surface_distance(measures: HeadMeasures) -> None:
    for group in ("held-out, own code", "training"):
        for region in ("face", "head"):
            cases = measures.surfaces[group, region]
            assert len(cases.values) == 1
            assert cases.mean == pytest.approx(0.5, abs=0.08)  # marching cubes and a ball of triangles are no ball
            assert cases.p95 == pytest.approx(0.5, abs=0.2)


def test_a_fit_is_measured_where_the_scan_is(measures: HeadMeasures) -> None:
    expected = 0.5 + MISFIT * GROWTH * RADII["skin"] / MILLIMETRE
    assert measures.surfaces["held-out, fitted", "head"].mean == pytest.approx(expected, abs=0.08)


def test_posed_vertices_are_measured_each_by_itself(measures: HeadMeasures) -> None:
    for region in ("lips", "lids", "face"):
        cases = measures.expressions["held-out", region]
        assert len(cases.values) == 1  # one expression
        assert (cases.mean, cases.p95, cases.worst) == pytest.approx((1.0, 1.0, 1.0), rel=1e-3)


def test_head_and_truth_are_asked_for_gaps_and_crossings(measures: HeadMeasures) -> None:
    names = {name for _, name in measures.gaps}
    assert names == {"lips at rest", "lips at p, b, m", "lids"}
    assert {whose for whose, _ in measures.gaps} == {"the head", "the truth"}
    assert measures.crossings["the truth", "any of these"].mean == 0.0
    assert measures.crossings["the head", "any of these"].mean == 0.0


def test_any_crossing_counts_frames_once() -> None:
    head = BallHead(error=(0.0, 0.0, -0.012))  # the eyeballs move as well: only what is free of them would cross
    faces = ball_faces()
    lids = np.concatenate([faces.bands["lids_left"].upper, faces.bands["lids_right"].upper])
    faces.posed[:, 1:3, lids, 2] -= 0.013  # true lids go into the eyeballs in two of four poses
    found = HeadMeasures()
    head_measures._Comparison(head, head.rig_to_code(), faces, 32, found)._poses(0, lambda fraction: None)
    assert found.crossings["the truth", "lids through eyeballs"].mean == 50.0
    assert found.crossings["the truth", "any of these"].mean == 50.0
    assert found.crossings["the head", "any of these"].mean == 0.0


def test_progress_rises_to_one(measures: HeadMeasures, told: list[tuple[str, float]]) -> None:
    del measures
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert told[-1] == ("done", 1.0)
    assert {what for what, _ in told} > {"held-out identity 1: fit", "training identity 1: surface"}


def test_progress_can_cancel() -> None:
    class StoppedError(Exception):
        """Raised to cancel."""

    def stop(what: str, fraction: float) -> None:
        raise StoppedError

    head = BallHead()
    with pytest.raises(StoppedError):
        measure_head(head, head.rig_to_code(), FACES, stop)


def test_an_open_mouth_shows_by_how_much() -> None:
    """Lips as two plates before the mouth: the upper one is lifted."""
    faces = ball_faces()
    band, lift = faces.bands["lips"], 0.00317
    outer = faces.posed[0, 0].astype(np.float64)
    rows = [np.stack([row[:-1], row[1:]], axis=1) for row in (band.upper, band.lower)]
    top = [len(outer) + np.arange(len(band.upper)) + offset * len(band.upper) for offset in (0, 1)]
    far = [outer[band.upper] + [0.0, 0.1, 0.0], outer[band.lower] - [0.0, 0.1, 0.0]]
    strips = []
    for row, end in zip(rows, top, strict=True):
        outside = np.stack([end[:-1], end[1:]], axis=1)
        strips += [np.column_stack([row, outside[:, 0]]), np.column_stack([outside, row[:, 1]])]
    for name in faces.regions:
        faces.regions[name] = np.concatenate([faces.regions[name], np.zeros(2 * len(band.upper), dtype=np.bool_)])
    faces.regions["inner_mouth"][faces.triangles["skin"]] = True
    faces.triangles["skin"] = np.concatenate([faces.triangles["skin"], *strips])
    for height in (0.0, lift):
        head = np.concatenate([outer, *far])
        head[band.upper[1:-1], 1] += height
        assert visible_gap(faces, head, "lips") == pytest.approx(height, abs=1.01 * PIXEL[1])
    faces.regions["inner_mouth"][:] = True
    assert visible_gap(faces, np.concatenate([outer, *far]), "lips") > 0.1  # nothing of what closes is left


def test_surfaces_a_known_distance_apart() -> None:
    true, neural = (trimesh.creation.icosphere(subdivisions=5, radius=radius) for radius in (0.30, 0.302))
    mesh, truth = (TriangleMesh(np.asarray(ball.vertices), np.asarray(ball.faces)) for ball in (neural, true))
    found = surface_distances(mesh, truth, BOX, seed=0)
    assert found.distance == pytest.approx(0.002, abs=1e-4)
    centres = truth.vertices[truth.triangles].mean(axis=1)[found.triangle]
    assert centres.min(axis=0) == pytest.approx([-0.3] * 3, abs=0.01)
    low, high = BOX[0] + 0.4, BOX[1] - 0.4  # the box now cuts the ball
    cut = surface_distances(mesh, truth, np.stack([low, high]), seed=0)
    assert 0 < len(cut.distance) < len(found.distance)
    within = truth.vertices[truth.triangles].mean(axis=1)[cut.triangle]
    assert ((within > low) & (within < high)).all()


def test_what_is_missing_on_either_side_is_found() -> None:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.3)
    whole = TriangleMesh(np.asarray(ball.vertices), np.asarray(ball.faces))
    half = TriangleMesh(whole.vertices, whole.triangles[whole.vertices[whole.triangles][:, :, 0].min(axis=1) > 0.0])
    for mesh, truth in ((whole, half), (half, whole)):
        distance = surface_distances(mesh, truth, BOX, seed=0).distance
        assert 0.15 < (distance > 0.1).mean() < 0.2  # a third of the points on the whole ball
        assert distance.max() > 0.25


def test_a_head_without_skin_is_refused() -> None:
    head = BallHead(swelling=-1.0)
    with pytest.raises(UserError, match="no skin"):
        skin_mesh(head, torch.zeros(3), 48)


def test_a_scan_off_its_place_is_fitted_and_brought_back() -> None:
    head, code = ToyHead(), torch.tensor([0.8, -1.0, 0.6, 1.2, 0.0])
    mesh = marching_cubes(lambda points: head.signed_distance(points, code)[:, 0], head.box, 96)
    points = torch.from_numpy(mesh.vertices).float()
    rest = head.prepare(points, torch.zeros(len(points)), code).pose(torch.zeros(1, 2)).points[0].double().numpy()
    told: list[float] = []
    found, moved = fit_to_rest(head, Scan(rest, mesh.triangles), np.random.default_rng(1), told.append)
    assert told == sorted(told)
    assert found[:4].numpy() == pytest.approx(code[:4].numpy(), abs=0.15)
    assert np.linalg.norm(moved.apply(rest) - rest, axis=1).max() < 0.5 * MILLIMETRE


def test_scans_are_given_off_their_place_but_in_metres() -> None:
    placing = random_placing(np.random.default_rng(0))
    assert placing.scale == 0.25
    assert placing.rotation @ placing.rotation.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(placing.rotation) == pytest.approx(1.0)
    assert 0.9 < np.trace(placing.rotation) / 3 < 1.0
    assert 0.0 < np.abs(placing.translation).max() < 0.03


def test_the_table_says_what_is_reached(measures: HeadMeasures) -> None:
    rows = report_rows(measures)
    by_name = {(row.group, row.measure): row for row in rows}
    fitted = by_name["surface of identities", "held-out, fitted: face"]
    assert (fitted.reach, fitted.judged, fitted.reached) == (0.2, "mean", False)
    crossing = by_name["frames with crossings", "the head: any of these"]
    assert (crossing.reach, crossing.p95, crossing.reached) == (1.0, None, True)
    gap = by_name["gap of closed lips and lids", "the head: lids"]
    assert (gap.reach, gap.judged, gap.reached) == (0.3, "worst", gap.worst < 0.3)
    assert by_name["gap of closed lips and lids", "the truth: lids"].reach is None
    out = io.StringIO()
    Console(file=out, width=140).print(head_table(rows))
    for expected in ("held-out, fitted: face, mm", "mean < 0.2", "worst < 0.3", "mean < 1", "expressions"):
        assert expected in out.getvalue()


def test_json_holds_every_row() -> None:
    row = Row("group", "name", "mm", 3, 0.1, None, 0.4, 0.3, "worst")
    (found,) = as_json([row])
    assert found == {
        **{"group": "group", "measure": "name", "unit": "mm", "cases": 3, "mean": 0.1, "p95": None, "worst": 0.4},
        **{"reach": 0.3, "judged": "worst", "reached": False},
    }
