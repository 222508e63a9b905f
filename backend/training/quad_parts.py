"""Quad meshes for the parts a base mesh does not have in good quality: eyeballs, spheres to blow up, volumes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

PUPIL_DEGREES = 9.5
IRIS_DEGREES = 23.5


@dataclass(frozen=True)
class EyeballGrid:
    """How an eyeball is divided.

    Attributes:
        cap: quads along a side of the grid that closes a pole; its rim has ``4 * cap`` vertices.
        rings: degrees from the gaze, with ``PUPIL_DEGREES`` first and ``IRIS_DEGREES`` among them.
        closed: whether a cap closes it behind the last ring.
    """

    cap: int = 8
    rings: tuple[float, ...] = (
        *(PUPIL_DEGREES, 14.0, 19.0, IRIS_DEGREES, 25.5, 31.0),
        *(40.0, 52.0, 66.0, 82.0, 100.0, 120.0, 140.0),
    )
    closed: bool = True


def eyeball(
    centre: Array, radius: float, gaze: Array, division: EyeballGrid
) -> tuple[Array, Indices, NDArray[np.str_], Array]:
    """An all-quad sphere, or the front of one, whose rings follow pupil and iris.

    Args:
        centre: ``[3]``.
        radius: of the ball.
        gaze: unit direction of the pupil ``[3]``.
        division: of the sphere.

    Returns:
        Vertices ``[V, 3]``, outward quads ``[Q, 4]``, material name of every quad, UV of every vertex ``[V, 2]``.
    """
    cap, rings = division.cap, division.rings
    grid = np.linspace(-1.0, 1.0, cap + 1)
    u, v = (axis.ravel() for axis in np.meshgrid(grid, grid, indexing="ij"))
    # Elliptical mapping of the square to the disc: quads keep their shape towards the rim.
    disc = np.stack([u * np.sqrt(1.0 - v**2 / 2.0), v * np.sqrt(1.0 - u**2 / 2.0)], axis=1)
    rim = _grid_rim(cap)
    azimuth = np.arctan2(disc[rim, 1], disc[rim, 0])
    polar = [(np.linalg.norm(disc, axis=1) * rings[0], np.arctan2(disc[:, 1], disc[:, 0]))]
    polar += [(np.full(len(rim), degrees), azimuth) for degrees in rings[1:]]
    back = 180.0 - np.linalg.norm(disc, axis=1) * (180.0 - rings[-1])
    polar.append((back, np.arctan2(disc[:, 1], disc[:, 0])))
    quads, materials = _cap_quads(0, cap, flip=False), ["pupil"] * cap**2
    ring = rim
    start = len(disc)
    for degrees in rings[1:]:
        following = np.arange(start, start + len(rim))
        quads += _band(ring, following)
        materials += ["iris" if degrees <= IRIS_DEGREES else "sclera"] * len(rim)
        ring, start = following, start + len(rim)
    back_rim = start + rim
    if division.closed:
        quads += _cap_quads(start, cap, flip=True)
        materials += ["sclera"] * cap**2
    # The last ring and the rim of the back cap coincide: join them.
    joined = np.array(quads)
    for own, twin in zip(ring, back_rim, strict=True):
        joined[joined == twin] = own
    theta = np.radians(np.concatenate([angle for angle, _ in polar]))
    phi = np.concatenate([angle for _, angle in polar])
    kept, compact = np.unique(joined, return_inverse=True)
    theta, phi = theta[kept], phi[kept]
    side = np.cross([0.0, 1.0, 0.0], gaze)
    side /= np.linalg.norm(side)
    up = np.cross(gaze, side)
    around = np.cos(phi)[:, None] * side + np.sin(phi)[:, None] * up
    vertices = centre + radius * (np.cos(theta)[:, None] * gaze + np.sin(theta)[:, None] * around)
    uv = 0.5 + 0.48 * (theta / np.pi)[:, None] * np.stack([np.cos(phi), np.sin(phi)], axis=1)
    return vertices, compact.reshape(joined.shape), np.array(materials), uv


def box_sphere(side: int) -> tuple[Array, Indices]:
    """A sphere of six ``side x side`` grids: unit directions ``[V, 3]`` and outward quads ``[6 side^2, 4]``."""
    axis = np.tan(np.linspace(-np.pi / 4, np.pi / 4, side + 1))
    u, v = (grid.ravel() for grid in np.meshgrid(axis, axis, indexing="ij"))
    one = np.ones_like(u)
    faces = [(one, u, v), (-one, v, u), (v, one, u), (u, -one, v), (u, v, one), (v, u, -one)]
    points = np.concatenate([np.stack(face, axis=1) for face in faces])
    index = np.arange((side + 1) ** 2).reshape(side + 1, side + 1)
    grid_quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    quads = np.concatenate([grid_quads + number * index.size for number in range(6)])
    _, first, joined = np.unique(points.round(6), axis=0, return_index=True, return_inverse=True)
    directions = points[first]
    return directions / np.linalg.norm(directions, axis=1, keepdims=True), joined.ravel()[quads]


def voxel_quads(vertices: Array, triangles: Indices, faces: int) -> tuple[Array, Indices]:
    """Remesh a closed triangle mesh to about ``faces`` quads with Blender's voxel remesher.

    QuadriFlow would follow the curvature better, but gives up on these meshes as often as not.

    Returns:
        Vertices ``[V, 3]`` and quads ``[Q, 4]``.

    Raises:
        RuntimeError: a face is no quad.
    """
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    mesh = bpy.data.meshes.new("part")
    mesh.from_pydata(vertices.tolist(), [], triangles.tolist())
    part = bpy.data.objects.new("part", mesh)
    bpy.context.scene.collection.objects.link(part)
    bpy.context.view_layer.objects.active = part
    part.select_set(True)
    corners = vertices[triangles]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
    mesh.remesh_voxel_size = float(np.sqrt(area / faces))
    bpy.ops.object.voxel_remesh()
    result = part.data
    if any(len(polygon.vertices) != 4 for polygon in result.polygons):
        raise RuntimeError("the voxel remesher left faces that are no quads")
    quads = np.array([list(polygon.vertices) for polygon in result.polygons])
    return np.array([list(vertex.co) for vertex in result.vertices]), quads


def _grid_rim(cap: int) -> Indices:
    """Grid vertices along the square's rim, counter-clockwise in (u, v)."""
    index = np.arange((cap + 1) ** 2).reshape(cap + 1, cap + 1)
    return np.concatenate([index[:cap, 0], index[cap, :cap], index[cap:0:-1, cap], index[0, cap:0:-1]])


def _cap_quads(start: int, cap: int, flip: bool) -> list[list[int]]:
    index = start + np.arange((cap + 1) ** 2).reshape(cap + 1, cap + 1)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    return [[int(v) for v in (quad[::-1] if flip else quad)] for quad in quads]


def _band(inner: Indices, outer: Indices) -> list[list[int]]:
    following = np.roll(np.arange(len(inner)), -1)
    return [[int(inner[i]), int(outer[i]), int(outer[j]), int(inner[j])] for i, j in enumerate(following)]
