"""Scans, sculpts and character heads read from files, whatever their units and axes."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from facetalk.errors import UserError

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

FILE_LIMIT = 512 << 20  # bytes
POINT_LIMIT = 5_000_000  # also the limit of triangles; a raw photogrammetry scan of a head has under two million
FEWEST_POINTS = 500  # below this a face has no features to go by
FEWEST_TRIANGLES = 100
MESH_SUFFIXES = (".obj", ".ply", ".stl", ".glb")
ARRAY_SUFFIXES = (".npy", ".npz")
SUFFIXES = (*MESH_SUFFIXES, ".xyz", *ARRAY_SUFFIXES)
POINT_ARRAYS = ("points", "vertices")  # names looked for in an .npz
GLB_JSON = 0x4E4F534A  # type of a glb's first chunk: "JSON" (glTF 2.0 specification, 4.4)


@dataclass(frozen=True)
class SurfaceSamples:
    """Points spread over a scan.

    Attributes:
        points: ``[N, 3]``, in the scan's units and axes.
        normals: ``[N, 3]``, unit length; None for a point cloud.
    """

    points: Array
    normals: Array | None


@dataclass(frozen=True)
class Scan:
    """A surface to be fitted: a mesh or a point cloud.

    Attributes:
        points: vertices ``[V, 3]`` in the file's units and axes, all finite.
        triangles: ``[F, 3]``, or None for a point cloud.
    """

    points: Array
    triangles: Indices | None

    def sample(self, count: int, generator: np.random.Generator) -> SurfaceSamples:
        """Points spread evenly by area, or, of a cloud, ``count`` of its points at most, each at most once."""
        if self.triangles is None:
            chosen = generator.permutation(len(self.points))[:count]
            return SurfaceSamples(self.points[np.sort(chosen)], None)
        corners = self.points[self.triangles]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(normals, axis=1)
        face = np.sort(generator.choice(len(area), size=count, p=area / area.sum()))
        # Osada et al., "Shape Distributions" (2002), section 4.1: uniform in a triangle.
        root, along = np.sqrt(generator.random(count)), generator.random(count)
        weights = np.stack([1.0 - root, root * (1.0 - along), root * along], axis=1)
        points = (corners[face] * weights[:, :, None]).sum(axis=1)
        return SurfaceSamples(points, normals[face] / area[face, None])


def read_scan(path: Path) -> Scan:
    """Read a scan: .obj, .ply, .stl or .glb (all its meshes as one), a cloud as .ply, .xyz, .npy or .npz.

    An .npz holds ``points`` or ``vertices`` ``[N, 3]``, and ``triangles`` ``[F, 3]`` if it is a mesh. Nothing is
    unpickled, no other file is opened, and sizes are checked before memory is taken.

    Raises:
        UserError: the file is missing, too large, damaged, of another kind, or holds no usable surface.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path} is no scan that can be read: give one of {', '.join(SUFFIXES)}.")
    content = _read(path)
    try:
        if suffix in ARRAY_SUFFIXES:
            points, triangles = _read_arrays(content, suffix)
        elif suffix == ".xyz":
            points, triangles = _read_columns(content), None
        else:
            points, triangles = _read_geometry(content, suffix)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:  # readers of damaged files fail in every way there is
        raise UserError(f"{path} cannot be read as {suffix}: export it again.") from error
    return _checked(path, points, triangles)


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise UserError(f"{path} is a folder: give the scan's file.")
    try:
        size = path.stat().st_size
        if size > FILE_LIMIT:
            raise UserError(f"{path} has {size >> 20} MB, more than {FILE_LIMIT >> 20} MB: decimate the scan.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}: check its name.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be opened ({error.strerror}): check its permissions.") from error


def _read_geometry(content: bytes, suffix: str) -> tuple[Array, Indices | None]:
    if suffix == ".glb":
        _check_glb(content)
    # No resolver: materials and textures beside the file are not looked for.
    scene = trimesh.load_scene(io.BytesIO(content), file_type=suffix[1:], process=False, skip_materials=True)
    placed: list[tuple[Any, Array]] = []
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        placed.append((scene.geometry[str(name)], np.asarray(transform, dtype=np.float64)))
    _require_few(sum(len(geometry.vertices) for geometry, _ in placed), "points")
    meshes = [pair for pair in placed if len(getattr(pair[0], "faces", ()))]
    if not meshes:
        clouds = [_moved(geometry.vertices, transform) for geometry, transform in placed]
        return (np.concatenate(clouds) if clouds else np.zeros((0, 3))), None
    _require_few(sum(len(geometry.faces) for geometry, _ in meshes), "triangles")
    starts = np.cumsum([0] + [len(geometry.vertices) for geometry, _ in meshes])
    points = [_moved(geometry.vertices, transform) for geometry, transform in meshes]
    triangles = [np.asarray(mesh.faces) + start for (mesh, _), start in zip(meshes, starts, strict=False)]
    return np.concatenate(points), np.concatenate(triangles).astype(np.int64)


def _moved(vertices: Array, transform: Array) -> Array:
    return np.asarray(vertices, dtype=np.float64) @ transform[:3, :3].T + transform[:3, 3]


def _check_glb(content: bytes) -> None:
    """A glTF accessor without data counts zeros that no byte of the file stands for: the counts are added up first."""
    length, kind = struct.unpack_from("<II", content, 12)
    if kind != GLB_JSON:
        raise ValueError("no JSON chunk")
    described = json.loads(content[20 : 20 + length])
    _require_few(sum(int(accessor["count"]) for accessor in described.get("accessors", [])), "values", 20)
    if any("uri" in buffer for buffer in described.get("buffers", [])):
        raise UserError("its geometry lies in other files: export one .glb that holds everything.")


def _read_columns(content: bytes) -> Array:
    _require_few(content.count(b"\n"), "lines")
    first = content[: content.find(b"\n")]
    delimiter = "," if b"," in first else None
    text = io.StringIO(content.decode("utf-8"))
    return np.loadtxt(text, delimiter=delimiter, usecols=(0, 1, 2), ndmin=2, dtype=np.float64)


def _read_arrays(content: bytes, suffix: str) -> tuple[Array, Indices | None]:
    if suffix == ".npy":
        return _read_array(lambda: io.BytesIO(content)).astype(np.float64), None
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.namelist()

        def named(name: str) -> NDArray[Any]:
            return _read_array(lambda: archive.open(f"{name}.npy"))

        name = next((name for name in POINT_ARRAYS if f"{name}.npy" in members), None)
        if name is None:
            raise UserError(f"it holds no array named {' or '.join(POINT_ARRAYS)}: name the points so.")
        triangles = named("triangles").astype(np.int64) if "triangles.npy" in members else None
        return named(name).astype(np.float64), triangles


def _read_array(opened: Callable[[], Any]) -> NDArray[Any]:
    """One array in numpy's format; its header is read alone first, for a header may claim any size."""
    with opened() as file:
        version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, kind = read_header(file)  # type: ignore[no-untyped-call]
    if len(shape) != 2 or shape[1] != 3 or kind.kind not in "fiu":
        raise UserError(f"an array has shape {shape} and type {kind}, not N x 3 numbers: save the points alone.")
    _require_few(shape[0], "rows")
    with opened() as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))  # type: ignore[no-untyped-call]


def _require_few(count: int, what: str, times: int = 1) -> None:
    if count > POINT_LIMIT * times:
        raise UserError(f"it has {count} {what}, more than {POINT_LIMIT * times}: decimate the scan.")


def _checked(path: Path, points: Array, triangles: Indices | None) -> Scan:
    if len(points) == 0:
        raise UserError(f"{path} holds no points: export the mesh itself.")
    if not np.isfinite(points).all():
        raise UserError(f"{path} has points that are not finite numbers: repair the mesh.")
    if triangles is None:
        if len(points) < FEWEST_POINTS:
            raise UserError(f"{path} has only {len(points)} points: a face needs {FEWEST_POINTS} or more.")
        if np.ptp(points, axis=0).max() <= 0.0:
            raise UserError(f"{path} has all its points in one place: export the scan again.")
        return Scan(points, None)
    if len(triangles) and (triangles.min() < 0 or triangles.max() >= len(points)):
        raise UserError(f"{path} has triangles between points that do not exist: export the mesh again.")
    corners = points[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    whole = triangles[np.isfinite(area) & (area > 0.0)]
    if len(whole) < FEWEST_TRIANGLES:
        raise UserError(f"{path} has only {len(whole)} triangles: a face needs {FEWEST_TRIANGLES} or more.")
    return Scan(points, whole)
