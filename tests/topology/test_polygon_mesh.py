"""Meshes of the user's own, sound and otherwise."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from facetalk.errors import UserError
from facetalk.topology import polygon_mesh
from facetalk.topology.polygon_mesh import read_polygon_mesh

HOUSE = """# a house: a pentagon, a quad, two triangles
usemtl wall
v 0 0 0
v 2 0 0
v 2 2 0
v 1 3 0
v 0 2 0
v 0 0 1
v 2 0 1
vt 0.5 0.25
f 1/1 2/1 3 4 5
usemtl floor
f 1 2 7 6
f -7//1 -2//1 -3//1
f 2 7 3
"""


def written(folder: Path, text: str, name: str = "house.obj") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_polygons_stay_what_they_are(tmp_path: Path) -> None:
    mesh = read_polygon_mesh(written(tmp_path, HOUSE))
    assert mesh.vertices.tolist()[3] == [1.0, 3.0, 0.0]
    assert mesh.face_sizes.tolist() == [5, 4, 3, 3]
    assert mesh.corners.tolist() == [0, 1, 2, 3, 4, 0, 1, 6, 5, 0, 5, 4, 1, 6, 2]
    assert (mesh.materials, mesh.material_index.tolist()) == (("wall", "floor"), [0, 1, 1, 1])
    assert mesh.corner_uv[:3].tolist() == [[0.5, 0.25], [0.5, 0.25], [0.0, 0.0]]
    assert mesh.triangles().tolist()[:3] == [[0, 1, 2], [0, 2, 3], [0, 3, 4]]
    assert len(mesh.triangles()) == 7


def test_faults_are_said_and_kept(tmp_path: Path) -> None:
    three_at_an_edge = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nv 0 -1 0\nf 1 2 3\nf 1 2 4\nf 1 2 5\n"
    remarks = read_polygon_mesh(written(tmp_path, three_at_an_edge)).remarks()
    assert any("1 edges belong to three faces" in remark for remark in remarks)
    assert any("open border" in remark for remark in read_polygon_mesh(written(tmp_path, HOUSE)).remarks())
    ball = tmp_path / "ball.ply"
    trimesh.creation.icosphere(subdivisions=2).export(ball)
    assert read_polygon_mesh(ball).remarks() == []


@pytest.mark.parametrize("suffix", [".ply", ".stl", ".glb"])
def test_other_formats_come_as_triangles(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ball{suffix}"
    trimesh.creation.icosphere(subdivisions=2).export(path)
    mesh = read_polygon_mesh(path)
    assert (mesh.face_sizes == 3).all()
    assert len(mesh.triangles()) == 320


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v 0 0 0\n", "no faces"),
        ("v 0 0 0\nf 1 2 3\n", "do not exist"),
        ("v 0 0 0\nv 1 0 0\nf 1 2\n", "fewer than three corners"),
        ("v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "not finite"),
        ("v 0 zero 0\nf 1 2 3\n", "cannot be read"),
    ],
)
def test_broken_files_are_refused_in_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_polygon_mesh(written(tmp_path, text))


def test_too_many_faces_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polygon_mesh, "FACE_LIMIT", 3)
    with pytest.raises(UserError, match=r"4 faces, more than 3: decimate"):
        read_polygon_mesh(written(tmp_path, HOUSE))


def test_two_million_faces_are_refused(tmp_path: Path) -> None:
    sculpture = "v 0 0 0\nv 1 0 0\nv 0 1 0\n" + "f 1 2 3\n" * 2_000_000
    with pytest.raises(UserError, match=r"2,000,000 faces, more than 1,000,000: decimate"):
        read_polygon_mesh(written(tmp_path, sculpture))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no mesh that can be read: give one of \.obj"):
        read_polygon_mesh(written(tmp_path, HOUSE, "house.fbx"))
    with pytest.raises(UserError, match="cannot be opened"):
        read_polygon_mesh(tmp_path / "nowhere.obj")
    cloud = tmp_path / "cloud.ply"
    points = np.random.default_rng(0).random((600, 3))
    header = "ply\nformat ascii 1.0\nelement vertex 600\n" + "".join(f"property float {axis}\n" for axis in "xyz")
    cloud.write_text(header + "end_header\n" + "\n".join(" ".join(map(str, point)) for point in points.tolist()) + "\n")
    with pytest.raises(UserError, match="no faces"):
        read_polygon_mesh(cloud)
