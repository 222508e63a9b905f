"""Quad meshes for the parts a base mesh does not have in good quality: eyeballs, teeth, gums and tongue."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

CAP = 8  # quads along a side of the grid that closes a pole; its rim has 4 * CAP vertices
PUPIL_DEGREES = 9.5
IRIS_DEGREES = 23.5
RING_DEGREES = (PUPIL_DEGREES, 14.0, 19.0, IRIS_DEGREES, 25.5, 31.0, 40.0, 52.0, 66.0, 82.0, 100.0, 120.0, 140.0)


def eyeball(centre: Array, radius: float, gaze: Array) -> tuple[Array, Indices, NDArray[np.str_], Array]:
    """An all-quad sphere whose rings follow pupil and iris.

    Args:
        centre: ``[3]``.
        radius: of the ball.
        gaze: unit direction of the pupil ``[3]``.

    Returns:
        Vertices ``[V, 3]``, outward quads ``[Q, 4]``, material name of every quad, UV of every vertex ``[V, 2]``.
    """
    grid = np.linspace(-1.0, 1.0, CAP + 1)
    u, v = (axis.ravel() for axis in np.meshgrid(grid, grid, indexing="ij"))
    # Elliptical mapping of the square to the disc: quads keep their shape towards the rim.
    disc = np.stack([u * np.sqrt(1.0 - v**2 / 2.0), v * np.sqrt(1.0 - u**2 / 2.0)], axis=1)
    rim = _grid_rim()
    azimuth = np.arctan2(disc[rim, 1], disc[rim, 0])
    polar = [(np.linalg.norm(disc, axis=1) * RING_DEGREES[0], np.arctan2(disc[:, 1], disc[:, 0]))]
    polar += [(np.full(len(rim), degrees), azimuth) for degrees in RING_DEGREES[1:]]
    back = 180.0 - np.linalg.norm(disc, axis=1) * (180.0 - RING_DEGREES[-1])
    polar.append((back, np.arctan2(disc[:, 1], disc[:, 0])))
    quads, materials = _cap_quads(0, flip=False), ["pupil"] * CAP**2
    ring = rim
    start = len(disc)
    for degrees in RING_DEGREES[1:]:
        following = np.arange(start, start + len(rim))
        quads += _band(ring, following)
        materials += ["iris" if degrees <= IRIS_DEGREES else "sclera"] * len(rim)
        ring, start = following, start + len(rim)
    back_rim = start + rim
    quads += _cap_quads(start, flip=True)
    materials += ["sclera"] * CAP**2
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


def quadriflow(vertices: Array, triangles: Indices, faces: int) -> tuple[Array, Indices]:
    """Remesh a closed triangle mesh to about ``faces`` quads with Blender's QuadriFlow.

    Returns:
        Vertices ``[V, 3]`` and quads ``[Q, 4]``.

    Raises:
        RuntimeError: QuadriFlow gave up, or left a face that is no quad.
    """
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    # QuadriFlow merges what is closer than an absolute tolerance: give it a mesh of ordinary size.
    scale = 100.0
    mesh = bpy.data.meshes.new("part")
    mesh.from_pydata((vertices * scale).tolist(), [], triangles.tolist())
    part = bpy.data.objects.new("part", mesh)
    bpy.context.scene.collection.objects.link(part)
    bpy.context.view_layer.objects.active = part
    part.select_set(True)
    outcome = bpy.ops.object.quadriflow_remesh(mode="FACES", target_faces=faces, seed=0, use_preserve_boundary=False)
    if outcome != {"FINISHED"}:
        raise RuntimeError(f"QuadriFlow did not finish: {outcome}")
    result = part.data
    if any(len(polygon.vertices) != 4 for polygon in result.polygons):
        raise RuntimeError("QuadriFlow left faces that are no quads")
    quads = np.array([list(polygon.vertices) for polygon in result.polygons])
    return np.array([list(vertex.co) for vertex in result.vertices]) / scale, quads


def _grid_rim() -> Indices:
    """Grid vertices along the square's rim, counter-clockwise in (u, v)."""
    last = CAP
    index = np.arange((CAP + 1) ** 2).reshape(CAP + 1, CAP + 1)
    return np.concatenate([index[:last, 0], index[last, :last], index[last:0:-1, last], index[0, last:0:-1]])


def _cap_quads(start: int, flip: bool) -> list[list[int]]:
    index = start + np.arange((CAP + 1) ** 2).reshape(CAP + 1, CAP + 1)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1, 4)
    return [[int(v) for v in (quad[::-1] if flip else quad)] for quad in quads]


def _band(inner: Indices, outer: Indices) -> list[list[int]]:
    following = np.roll(np.arange(len(inner)), -1)
    return [
        [int(inner[i]), int(outer[i]), int(outer[j]), int(inner[j])] for i, j in enumerate(following)
    ]
