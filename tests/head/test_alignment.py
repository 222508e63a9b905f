"""Finding a face in a scan, and saying what its scale means."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from facetalk.errors import UserError
from facetalk.head.alignment import Alignment, align
from facetalk.head.meshing import TriangleMesh, marching_cubes
from facetalk.head.registration import Registration, find_face, require_units
from facetalk.head.rest_surface import RestSurface, in_face, mean_surface_points, rest_surface
from facetalk.head.scan import Scan
from facetalk.head.scan_landmarks import LANDMARKS
from facetalk.head.similarity import Similarity
from tests.head.toy_head import ToyHead

Array = NDArray[np.float64]
HEAD = ToyHead()
MEAN = torch.zeros(HEAD.identity_size)


@pytest.fixture(scope="module")
def surface() -> RestSurface:
    return rest_surface(HEAD, MEAN, mean_surface_points(HEAD))


@pytest.fixture(scope="module")
def mesh(surface: RestSurface) -> TriangleMesh:
    """The mean head at rest."""
    canonical = marching_cubes(lambda points: HEAD.signed_distance(points, MEAN)[:, 0], HEAD.box, 96)
    points = torch.from_numpy(canonical.vertices).float()
    rest = HEAD.prepare(points, torch.zeros(len(points)), MEAN).pose(torch.zeros(1, 2)).points[0]
    return TriangleMesh(rest.double().numpy(), canonical.triangles)


def seen(mesh: TriangleMesh, transform: Similarity, keep: Callable[[Array], NDArray[np.bool_]] | None = None) -> Scan:
    """A scan of the head, or of what is kept of it, in units and axes of its own."""
    triangles = mesh.triangles if keep is None else mesh.triangles[keep(mesh.vertices)[mesh.triangles].all(axis=1)]
    return Scan(transform.apply_inverse(mesh.vertices), triangles)


def register(surface: RestSurface, scan: Scan) -> Registration:
    generator = np.random.default_rng(0)
    return Registration(surface, scan.sample(8000, generator), generator)


def test_the_rest_surface_is_on_the_head_with_its_jaw_shut(surface: RestSurface) -> None:
    points = torch.from_numpy(surface.canonical).float()
    assert HEAD.signed_distance(points, MEAN)[:, 0].abs().max() < 1e-3
    chin, crown = surface.canonical[:, 1].argmin(), surface.canonical[:, 1].argmax()
    assert surface.rest[chin, 1] - surface.canonical[chin, 1] == pytest.approx(0.02, abs=1e-3)
    assert np.allclose(surface.rest[crown], surface.canonical[crown], atol=1e-4)


def test_the_rest_pose_is_undone(surface: RestSurface) -> None:
    points = surface.rest[::7] + 0.004 * surface.normals[::7]
    undone = surface.to_canonical(points, surface.normals[::7])
    assert np.abs(undone - (surface.canonical[::7] + 0.004 * surface.normals[::7])).max() < 2e-3


TURNS = {
    "y up": np.eye(3),
    "z up": Rotation.from_euler("x", 90, degrees=True).as_matrix(),
    "upside down": Rotation.from_euler("z", 180, degrees=True).as_matrix(),
    "crooked": Rotation.from_rotvec([0.9, -1.7, 0.6]).as_matrix(),
}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("part", ["head", "face"])
def test_the_face_is_found_however_it_is_turned(surface: RestSurface, mesh: TriangleMesh, turn: str, part: str) -> None:
    truth = Similarity(TURNS[turn], 1.0 / 250.0, np.array([0.3, -7.0, 2.0]))
    scan = seen(mesh, truth, in_face if part == "face" else None)
    found, cost = find_face(register(surface, scan), None, np.random.default_rng(1))
    used = scan.points[np.unique(scan.triangles)] if scan.triangles is not None else scan.points
    assert np.linalg.norm(found.apply(used) - truth.apply(used), axis=1).mean() * 250.0 < 1.0
    assert cost < 2.5  # the samples lie 4 mm apart


def test_a_face_on_a_body_is_found(surface: RestSurface, mesh: TriangleMesh) -> None:
    body = trimesh.creation.capsule(height=3.6, radius=0.8)  # head units: 0.9 m of trunk
    body.vertices = np.asarray(body.vertices)[:, [1, 2, 0]]  # upright
    body.apply_translation([0.0, -0.45 - body.bounds[1, 1], -0.2])
    joined = TriangleMesh(
        np.concatenate([mesh.vertices, np.asarray(body.vertices)]),
        np.concatenate([mesh.triangles, np.asarray(body.faces) + len(mesh.vertices)]),
    )
    truth = Similarity(TURNS["z up"], 4.0, np.zeros(3))
    generator = np.random.default_rng(0)
    registration = Registration(surface, seen(joined, truth).sample(30_000, generator), generator)
    found = align(registration, None, None, generator)
    assert (found.unit, found.is_human_size) == ("m", True)
    assert np.abs(found.transform.rotation - truth.rotation).max() < 0.02


@pytest.mark.parametrize("scale", [1.0, 37.0])
def test_what_is_no_face_is_refused(surface: RestSurface, scale: float) -> None:
    for shape in (trimesh.creation.box((0.15, 0.25, 0.2)), trimesh.creation.torus(0.1, 0.04)):
        scan = Scan(np.asarray(shape.vertices) * scale, np.asarray(shape.faces))
        with pytest.raises(UserError, match="does not look like a face"):
            align(register(surface, scan), None, None, np.random.default_rng(0))


def aligned(surface: RestSurface, mesh: TriangleMesh, scale: float, units: str | None) -> Alignment:
    scan = seen(mesh, Similarity(np.eye(3), scale, np.zeros(3)))
    return align(register(surface, scan), None, units, np.random.default_rng(0))


@pytest.mark.parametrize(("unit", "metres"), [("m", 1.0), ("dm", 0.1), ("cm", 0.01), ("mm", 0.001), ("inch", 0.0254)])
def test_units_are_found(surface: RestSurface, mesh: TriangleMesh, unit: str, metres: float) -> None:
    found = aligned(surface, mesh, 4.0 * metres, None)
    assert found.unit == unit
    assert found.size == pytest.approx(1.0, abs=0.02)
    assert found.is_human_size


def test_a_giant_in_declared_units_is_a_character(surface: RestSurface, mesh: TriangleMesh) -> None:
    found = aligned(surface, mesh, 4.0 / 2.5, "m")
    assert found.size == pytest.approx(2.5, rel=0.02)
    assert not found.is_human_size
    assert "2.5 times a human head in m" in found.describe_size()


def test_wrong_units_are_said(surface: RestSurface, mesh: TriangleMesh) -> None:
    with pytest.raises(UserError, match=r"(999|1e\+03) times as large .* --units mm"):
        aligned(surface, mesh, 4.0 / 1000.0, "m")
    with pytest.raises(UserError, match=r"no unit fits; give no --units"):
        aligned(surface, mesh, 4.0 / 30000.0, "mm")
    with pytest.raises(UserError, match="furlong"):
        require_units("furlong")


def test_landmarks_lead_and_the_surface_refines(surface: RestSurface, mesh: TriangleMesh) -> None:
    truth = Similarity(TURNS["crooked"], 0.04, np.array([1.0, 1.0, 1.0]))
    scan = seen(mesh, truth)
    # Set by hand: a few millimetres off.
    shake = np.random.default_rng(3).normal(0.0, 0.01, (4, 3))
    names = ("nose_tip", "left_eye_outer", "right_eye_outer", "chin")
    placed = truth.apply_inverse(np.array([LANDMARKS[name] for name in names]) + shake)
    landmarks = dict(zip(names, placed, strict=True))
    found = align(register(surface, scan), landmarks, None, np.random.default_rng(0))
    assert np.linalg.norm(found.transform.apply(scan.points) - mesh.vertices, axis=1).mean() * 250.0 < 1.0
