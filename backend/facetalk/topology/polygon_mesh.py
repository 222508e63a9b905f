"""Meshes of the user's own: polygons of any size, in any units and axes, that come back as they came."""

import io
from dataclasses import dataclass
from pathlib import Path

import igl
import numpy as np
from numpy.typing import NDArray

from facetalk.errors import UserError
from facetalk.head.scan import MESH_SUFFIXES, Scan, read_scan

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

FACE_LIMIT = 1_000_000  # a film character's head has under 200,000
CORNER_LIMIT = 4_000_000
FILE_LIMIT = 512 << 20  # bytes
PLAIN = "surface"  # the material of faces that have none


@dataclass(frozen=True)
class PolygonMesh:
    """A mesh as its file has it.

    Attributes:
        vertices: ``[V, 3]`` in the file's units and axes.
        face_sizes: corners of every face ``[P]``.
        corners: vertices of all corners, face by face ``[C]``.
        corner_uv: ``[C, 2]``, zero where the file has none.
        materials: their names.
        material_index: ``[P]``.
    """

    vertices: Array
    face_sizes: Indices
    corners: Indices
    corner_uv: NDArray[np.float32]
    materials: tuple[str, ...]
    material_index: Indices

    def triangles(self) -> Indices:
        """Every face as a fan about its first corner ``[F, 3]``."""
        starts = np.cumsum(self.face_sizes) - self.face_sizes
        count = self.face_sizes - 2
        first = np.repeat(starts, count)
        step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.stack([self.corners[first], self.corners[first + step + 1], self.corners[first + step + 2]], axis=1)

    def agreeing(self) -> Indices:
        """The ``triangles``, those turned against most of their piece turned round: neighbours face the same way."""
        triangles = self.triangles()
        turned, piece = igl.bfs_orient(triangles)
        changed = (turned != triangles).any(axis=1)
        wrong = np.bincount(piece, changed) > 0.5 * np.bincount(piece)  # it began with a face that most are against
        return np.where((changed ^ wrong[piece])[:, None], triangles[:, ::-1], triangles)

    def scan(self) -> Scan:
        """The same as a surface to be fitted, without faces that have no area; neighbours face the same way."""
        triangles = self.agreeing()
        corners = self.vertices[triangles]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        return Scan(self.vertices, triangles[area > 0.0])

    def remarks(self) -> list[str]:
        """What people should know of the mesh: one sentence each, none if all is well."""
        found = []
        edges = np.sort(np.stack([self.corners, self._next_corners()], axis=1), axis=1)
        _, count = np.unique(edges, axis=0, return_counts=True)
        if (count > 2).any():
            found.append(f"{int((count > 2).sum())} edges belong to three faces or more: they are kept as they are.")
        holes = len(igl.boundary_loop_all(self.triangles())) if (count == 1).any() else 0
        if holes:
            found.append(f"The mesh has {holes} open border{'s' if holes > 1 else ''}: what is open stays open.")
        if (self.agreeing() != self.triangles()).any():
            found.append("Faces are turned against their neighbours: that is allowed for, but they render inside out.")
        return found

    def _next_corners(self) -> Indices:
        ends = np.cumsum(self.face_sizes)
        following = np.arange(len(self.corners)) + 1
        following[ends - 1] = ends - self.face_sizes
        return self.corners[following]


def read_polygon_mesh(path: Path) -> PolygonMesh:
    """Read a mesh: .obj with its polygons, UVs and materials' names; .ply, .stl or .glb as triangles.

    Raises:
        UserError: the file is missing, too large, damaged, of another kind, or holds no faces.
    """
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise UserError(f"{path} is no mesh that can be read: give one of {', '.join(MESH_SUFFIXES)}.")
    if suffix == ".obj":
        return _read_obj(path)
    scan = read_scan(path)
    if scan.triangles is None:
        raise UserError(f"{path} has points but no faces: export the mesh itself.")
    _require_few(path, len(scan.triangles))
    count = len(scan.triangles)
    sizes, uv = np.full(count, 3), np.zeros((3 * count, 2), np.float32)
    return PolygonMesh(scan.points, sizes, scan.triangles.ravel(), uv, (PLAIN,), np.zeros(count, np.int64))


def _require_few(path: Path, faces: int) -> None:
    if faces > FACE_LIMIT:
        raise UserError(f"{path} has {faces:,} faces, more than {FACE_LIMIT:,}: decimate the mesh.")


def _read_obj(path: Path) -> PolygonMesh:
    try:
        size = path.stat().st_size
        if size > FILE_LIMIT:
            raise UserError(f"{path} has {size >> 20} MB, more than {FILE_LIMIT >> 20} MB: decimate the mesh.")
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}): check its name.") from error
    _require_few(path, content.count(b"\nf ") + content.startswith(b"f "))
    reader = _ObjReader()
    try:
        for line in io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors="replace"):
            reader.take(line.split())
        mesh = reader.mesh()
    except (ValueError, IndexError) as error:
        raise UserError(f"{path} cannot be read as .obj ({error}): export it again.") from error
    return mesh


class _ObjReader:
    """Collects what the lines of an .obj say (Wavefront's Advanced Visualizer manual, appendix B1)."""

    def __init__(self) -> None:
        self._vertices: list[tuple[float, float, float]] = []
        self._uv: list[tuple[float, float]] = []
        self._sizes: list[int] = []
        self._corners: list[int] = []
        self._corner_uv: list[int] = []
        self._materials: dict[str, int] = {}
        self._material = PLAIN
        self._material_index: list[int] = []

    def take(self, words: list[str]) -> None:
        """One line."""
        if not words:
            return
        kind, *values = words
        if kind == "v":
            self._vertices.append((float(values[0]), float(values[1]), float(values[2])))
        elif kind == "vt":
            self._uv.append((float(values[0]), float(values[1])))
        elif kind == "usemtl":
            self._material = values[0] if values else PLAIN
        elif kind == "f":
            self._take_face(values)

    def mesh(self) -> PolygonMesh:
        """What was collected.

        Raises:
            ValueError: it is no mesh.
        """
        vertices = np.array(self._vertices, dtype=np.float64).reshape(-1, 3)
        corners, uv_of = np.array(self._corners, dtype=np.int64), np.array(self._corner_uv, dtype=np.int64)
        if not len(corners):
            raise ValueError("no faces")
        if corners.min() < 0 or corners.max() >= len(vertices):
            raise ValueError("faces of vertices that do not exist")
        if not np.isfinite(vertices).all():
            raise ValueError("vertices that are not finite numbers")
        uv = np.array([*self._uv, (0.0, 0.0)], dtype=np.float32)
        uv_of = np.where((uv_of >= 0) & (uv_of < len(self._uv)), uv_of, len(self._uv))
        return PolygonMesh(
            vertices,
            np.array(self._sizes, dtype=np.int64),
            corners,
            uv[uv_of],
            tuple(self._materials),
            np.array(self._material_index, dtype=np.int64),
        )

    def _take_face(self, corners: list[str]) -> None:
        if len(corners) < 3:
            raise ValueError("a face with fewer than three corners")
        if len(self._corners) + len(corners) > CORNER_LIMIT:
            raise ValueError(f"more than {CORNER_LIMIT:,} corners")
        for corner in corners:
            vertex, _, rest = corner.partition("/")
            texture = rest.partition("/")[0]
            self._corners.append(_index(vertex, len(self._vertices)))
            self._corner_uv.append(_index(texture, len(self._uv)) if texture else -1)
        self._sizes.append(len(corners))
        self._material_index.append(self._materials.setdefault(self._material, len(self._materials)))


def _index(text: str, count: int) -> int:
    """An index from 0, of one that counts from 1, or back from the last."""
    number = int(text)
    return number - 1 if number > 0 else count + number
