"""Fitting identities to scans of a toy head, whose codes are known."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from facetalk.errors import Cancelled
from facetalk.head.alignment import Alignment
from facetalk.head.fitting import FittedIdentity, fit_scan
from facetalk.head.meshing import marching_cubes
from facetalk.head.scan import Scan
from facetalk.head.similarity import Similarity
from tests.head.toy_head import ToyHead

HEAD = ToyHead()
CODE = torch.tensor([0.8, -1.0, 0.6, 1.2, 0.0])
TRUTH = Similarity(Rotation.from_rotvec([0.1, 1.4, 0.2]).as_matrix(), 0.004, np.array([0.1, 0.2, -0.3]))


@pytest.fixture(scope="module")
def scan() -> Scan:
    """A person at rest, in millimetres."""
    mesh = marching_cubes(lambda points: HEAD.signed_distance(points, CODE)[:, 0], HEAD.box, 128)
    points = torch.from_numpy(mesh.vertices).float()
    rest = HEAD.prepare(points, torch.zeros(len(points)), CODE).pose(torch.zeros(1, 2)).points[0]
    return Scan(TRUTH.apply_inverse(rest.double().numpy()), mesh.triangles)


@pytest.fixture(scope="module")
def fitted(scan: Scan) -> tuple[FittedIdentity, Alignment]:
    return fit_scan(HEAD, scan)


def test_the_code_is_found(fitted: tuple[FittedIdentity, Alignment]) -> None:
    found, alignment = fitted
    assert (found.code - CODE).abs().max() < 0.1
    assert found.face.mean < 0.1
    assert found.head.mean < 0.1
    assert found.head.outliers == 0.0
    assert alignment.unit == "mm"
    assert found.transform.scale == pytest.approx(0.004, rel=1e-3)
    assert found.remarks() == []


def test_an_entry_the_prior_does_not_know_stays_zero(fitted: tuple[FittedIdentity, Alignment]) -> None:
    assert float(fitted[0].code[4]) == 0.0


def test_the_scan_lands_on_the_head(scan: Scan, fitted: tuple[FittedIdentity, Alignment]) -> None:
    off = fitted[0].transform.apply(scan.points) - TRUTH.apply(scan.points)
    assert np.linalg.norm(off, axis=1).mean() * 250.0 < 0.5


def test_the_same_scan_gives_the_same_code(scan: Scan, fitted: tuple[FittedIdentity, Alignment]) -> None:
    again, _ = fit_scan(HEAD, scan)
    assert torch.equal(again.code, fitted[0].code)
    assert again.face == fitted[0].face


def test_hair_and_noise_do_not_spoil_the_face(scan: Scan) -> None:
    generator = np.random.default_rng(0)
    head = TRUTH.apply(scan.sample(40_000, generator).points)
    head += generator.normal(0.0, 0.5 / 250.0, head.shape)
    directions = generator.normal(size=(8000, 3))
    ball = directions / np.linalg.norm(directions, axis=1, keepdims=True) * [0.42, 0.45, 0.5] + [0.0, 0.25, -0.35]
    hair = ball[(ball[:, 1] > 0.1) & (ball[:, 2] < 0.05)]
    cloud = Scan(TRUTH.apply_inverse(np.concatenate([head, hair])), None)
    found, _ = fit_scan(HEAD, cloud)
    assert (found.code - CODE).abs().max() < 0.3
    assert found.face.mean < 0.6  # of which 0.4 is the noise
    assert found.head.outliers > found.face.outliers


def test_a_character_of_any_size_is_fitted(scan: Scan) -> None:
    found, alignment = fit_scan(HEAD, Scan(scan.points / 1000.0 * 1.7, scan.triangles), units="m")
    assert not alignment.is_human_size
    assert found.face.mean < 0.2


def test_a_face_the_head_cannot_make_is_remarked_upon(scan: Scan) -> None:
    points = TRUTH.apply(scan.points)
    points = points + 0.02 * np.sin(points[:, [1, 2, 0]] / 0.035)
    found, _ = fit_scan(HEAD, Scan(TRUTH.apply_inverse(points), scan.triangles))
    assert any("only to" in remark for remark in found.remarks())


def test_progress_rises_and_can_cancel(scan: Scan) -> None:
    seen: list[tuple[str, float]] = []

    def report(what: str, fraction: float) -> None:
        seen.append((what, fraction))
        if what == "fit" and fraction > 0.1:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit_scan(HEAD, scan, progress=report)
    assert [what for what, _ in seen] == sorted((what for what, _ in seen), key=("surface", "align", "fit").index)
    for what in ("surface", "align", "fit"):
        fractions = [fraction for other, fraction in seen if other == what]
        assert fractions == sorted(fractions)
