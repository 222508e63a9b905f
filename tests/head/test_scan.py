"""Scans: every format, and everything that is none."""

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh

from facetalk.errors import UserError
from facetalk.head import scan
from facetalk.head.scan import Scan, read_scan

BALL = trimesh.creation.icosphere(subdivisions=3, radius=2.0)


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".stl", ".glb"])
def test_meshes_come_with_their_triangles(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ball{suffix}"
    BALL.export(path)
    read = read_scan(path)
    assert read.triangles is not None
    assert len(read.triangles) == len(BALL.faces)
    assert np.abs(np.linalg.norm(read.points, axis=1) - 2.0).max() < 1e-3


def test_all_meshes_of_a_scene_are_one_and_in_their_places(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(BALL)
    aside = np.eye(4)
    aside[0, 3] = 10.0
    scene.add_geometry(BALL, transform=aside)
    path = tmp_path / "two.glb"
    path.write_bytes(scene.export(file_type="glb"))  # type: ignore[no-untyped-call]
    read = read_scan(path)
    assert read.triangles is not None
    assert len(read.triangles) == 2 * len(BALL.faces)
    assert read.points[:, 0].min() == pytest.approx(-2.0, abs=0.1)
    assert read.points[:, 0].max() == pytest.approx(12.0, abs=0.1)


@pytest.mark.parametrize("suffix", [".ply", ".xyz", ".npy", ".npz"])
def test_clouds_come_without_triangles(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cloud{suffix}"
    points = np.asarray(BALL.vertices)
    match suffix:
        case ".ply":
            trimesh.PointCloud(points).export(path)  # type: ignore[no-untyped-call]
        case ".xyz":
            np.savetxt(path, np.concatenate([points, points], axis=1))
        case ".npy":
            np.save(path, points.astype(np.float32))
        case ".npz":
            np.savez(path, points=points)
    read = read_scan(path)
    assert read.triangles is None
    assert np.abs(np.sort(read.points[:, 0]) - np.sort(points[:, 0])).max() < 1e-3


def test_arrays_may_hold_a_mesh(tmp_path: Path) -> None:
    np.savez(tmp_path / "ball.npz", vertices=BALL.vertices, triangles=BALL.faces)
    read = read_scan(tmp_path / "ball.npz")
    assert read.triangles is not None
    assert np.array_equal(read.triangles, BALL.faces)


def test_samples_lie_evenly_on_the_surface_with_outward_normals() -> None:
    ball = Scan(np.asarray(BALL.vertices), np.asarray(BALL.faces))
    samples = ball.sample(20_000, np.random.default_rng(0))
    radius = np.linalg.norm(samples.points, axis=1)
    assert radius.min() > 1.97
    assert samples.normals is not None
    assert ((samples.normals * samples.points).sum(axis=1) / radius).min() > 0.98
    assert np.mean(samples.points[:, 2] > 1.0) == pytest.approx(0.25, abs=0.01)  # Archimedes: area goes with height
    again = ball.sample(20_000, np.random.default_rng(0))
    assert np.array_equal(samples.points, again.points)


def test_samples_of_a_cloud_are_its_points() -> None:
    points = np.random.default_rng(0).normal(size=(1000, 3))
    samples = Scan(points, None).sample(300, np.random.default_rng(1))
    assert samples.normals is None
    assert len(np.unique(samples.points, axis=0)) == 300
    assert {tuple(point) for point in samples.points} <= {tuple(point) for point in points}


def damaged(tmp_path: Path, what: str) -> Path:
    """A file that holds no scan, of every kind that people meet."""
    path = tmp_path / "scan.obj"
    match what:
        case "missing":
            pass
        case "folder":
            path.mkdir()
        case "empty":
            path.touch()
        case "text":
            path.write_text("This is no mesh.\n" * 20)
        case "other suffix":
            path = tmp_path / "scan.fbx"
            path.write_bytes(b"Kaydara FBX Binary")
        case "one triangle":
            path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
        case "no faces":
            path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")
        case "flat":
            path = tmp_path / "scan.npz"
            np.savez(path, points=np.zeros((600, 3)), triangles=np.zeros((200, 3), dtype=np.int64))
        case "one place":
            path = tmp_path / "scan.npy"
            np.save(path, np.ones((600, 3)))
        case "not finite":
            path = tmp_path / "scan.npy"
            np.save(path, np.full((600, 3), np.nan))
        case "not points":
            path = tmp_path / "scan.npy"
            np.save(path, np.zeros((600, 2)))
        case "few points":
            path = tmp_path / "scan.xyz"
            np.savetxt(path, np.zeros((20, 3)))
        case "words":
            path = tmp_path / "scan.xyz"
            path.write_text("nose eyes mouth\n" * 600)
        case "truncated glb":
            path = tmp_path / "scan.glb"
            content = BALL.export(file_type="glb")
            assert isinstance(content, bytes)
            path.write_bytes(content[:-2000])
        case "truncated ply":
            path = tmp_path / "scan.ply"
            content = BALL.export(file_type="ply")
            assert isinstance(content, bytes)
            path.write_bytes(content[: len(content) // 2])
        case "truncated npz":
            path = tmp_path / "scan.npz"
            np.savez(path, points=np.ones((600, 3)))
            path.write_bytes(path.read_bytes()[:-200])
        case "unnamed npz":
            path = tmp_path / "scan.npz"
            np.savez(path, other=np.ones((600, 3)))
        case "wild triangles":
            path = tmp_path / "scan.npz"
            np.savez(path, points=np.random.default_rng(0).normal(size=(600, 3)), triangles=np.full((200, 3), 600))
    return path


DAMAGES = (
    *("missing", "folder", "empty", "text", "other suffix", "one triangle", "no faces", "flat", "one place"),
    *("not finite", "not points", "few points", "words", "truncated glb", "truncated ply", "truncated npz"),
    *("unnamed npz", "wild triangles"),
)


@pytest.mark.parametrize("what", DAMAGES)
def test_what_is_no_scan_is_refused_in_one_sentence(tmp_path: Path, what: str) -> None:
    path = damaged(tmp_path, what)
    with pytest.raises(UserError) as caught:
        read_scan(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.count("\n") == 0
    assert message.endswith(".")


def test_large_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "scan.ply"
    with path.open("wb") as file:
        file.truncate(scan.FILE_LIMIT + 1)
    with pytest.raises(UserError, match="decimate"):
        read_scan(path)


def test_too_many_points_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "POINT_LIMIT", 600)
    BALL.export(tmp_path / "ball.ply")
    with pytest.raises(UserError, match="642 points, more than 600"):
        read_scan(tmp_path / "ball.ply")


def test_a_header_that_claims_any_size_takes_no_memory(tmp_path: Path) -> None:
    header = io.BytesIO()
    claimed = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 3)}
    np.lib.format.write_array_header_1_0(header, claimed)  # type: ignore[no-untyped-call]
    with zipfile.ZipFile(tmp_path / "scan.npz", "w") as archive:
        archive.writestr("points.npy", header.getvalue())
    (tmp_path / "scan.npy").write_bytes(header.getvalue())
    for name in ("scan.npz", "scan.npy"):
        with pytest.raises(UserError, match="1000000000000 rows"):
            read_scan(tmp_path / name)


def test_accessors_without_data_take_no_memory(tmp_path: Path) -> None:
    accessor = {"count": 10**12, "componentType": 5126, "type": "VEC3"}
    described = json.dumps({"asset": {"version": "2.0"}, "accessors": [accessor]}).encode()
    described += b" " * (-len(described) % 4)
    content = b"glTF" + struct.pack("<II", 2, 20 + len(described)) + struct.pack("<I4s", len(described), b"JSON")
    (tmp_path / "scan.glb").write_bytes(content + described)
    with pytest.raises(UserError, match="1000000000000 values"):
        read_scan(tmp_path / "scan.glb")


class Planted:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('unpickled')",))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", np.array([Planted()] * 600, dtype=object), allow_pickle=True)
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Planted()))
    for name in ("scan.npy", "raw.npy"):
        with pytest.raises(UserError):
            read_scan(tmp_path / name)
