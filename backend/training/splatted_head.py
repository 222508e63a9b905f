"""Pictures of bald heads by splatting points: no Blender, a fraction of a second each, and every pixel knows its place.

Good enough for a face tracker to find the face; nothing an animator is shown.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetalk.topology.template import FaceMesh

SAMPLES = 9  # points along either side of a quad: closer than pixels at 512 of them
DISTANCE = 0.75  # metres from the camera to the middle of the head
FOCAL = 2.2  # focal length over the picture's width
LIGHTS = (((-0.35, -0.85, 0.5), 0.75), ((0.6, -0.7, 0.2), 0.3))  # direction to it (Blender axes), strength
AMBIENT = 0.2
BACKGROUND = 0.35

Array = NDArray[np.float32]


@dataclass(frozen=True)
class SplattedPicture:
    """A picture and where on the mesh each pixel is.

    Attributes:
        pixels: ``[S, S, 3]`` uint8 RGB.
        quad: the quad that is seen ``[S, S]``, -1 where there is none.
        corner: the place in it, 0 to 1 along its first two sides ``[S, S, 2]``.
    """

    pixels: NDArray[np.uint8]
    quad: NDArray[np.int64]
    corner: Array


def splat(mesh: FaceMesh, vertices: Array, size: int, rotation: Array | None = None) -> SplattedPicture:
    """Picture a pose from the front.

    Args:
        mesh: the head.
        vertices: of the pose ``[V, 3]``, metres, Blender's axes, face along -Y.
        size: S, width and height in pixels.
        rotation: turns the head about its middle first ``[3, 3]``.
    """
    turn = np.eye(3, dtype=np.float32) if rotation is None else rotation
    middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
    turned = ((vertices - middle) @ turn.T).astype(np.float32)
    places, normals, colors, quads = _sampled(turned, mesh.quads, _srgb(mesh.colors[:, :3]))
    depth = places[:, 1] + DISTANCE
    across = np.round(size * (0.5 + FOCAL * places[:, 0] / depth)).astype(np.int64)
    down = np.round(size * (0.5 - FOCAL * places[:, 2] / depth)).astype(np.int64)
    inside = np.flatnonzero((across >= 0) & (across < size) & (down >= 0) & (down < size))
    far_first = inside[np.argsort(-depth[inside], kind="stable")]
    seen = np.full((size, size), -1)
    seen[down[far_first], across[far_first]] = far_first
    shade = AMBIENT + sum(
        strength * np.clip(normals @ (np.array(way, np.float32) / np.linalg.norm(way)), 0, 1)
        for way, strength in LIGHTS
    )
    values = np.clip(colors * np.asarray(shade)[:, None], 0.0, 1.0)
    pixels = np.where(seen[..., None] >= 0, values[seen], BACKGROUND)
    quad, place = np.divmod(seen, SAMPLES**2)
    corner = np.stack(np.divmod(place, SAMPLES), axis=-1) / (SAMPLES - 1)
    quad = np.where(seen >= 0, quads[quad], -1)
    return SplattedPicture((255 * pixels).astype(np.uint8), quad, corner.astype(np.float32))


def _sampled(vertices: Array, quads: NDArray[np.int32], colors: Array) -> tuple[Array, Array, Array, NDArray[np.int64]]:
    """Places, unit normals and colours ``[Q * SAMPLES**2, 3]`` of points on quads that face -Y, and which quads."""
    corners = vertices[quads]
    normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    facing = np.flatnonzero(normals[:, 1] < 0.1)
    share = np.linspace(0.0, 1.0, SAMPLES, dtype=np.float32)
    u, v = (each.ravel() for each in np.meshgrid(share, share, indexing="ij"))
    weights = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v], axis=1)
    places = (weights @ corners[facing]).reshape(-1, 3)
    shades = (weights @ colors[quads[facing]]).reshape(-1, 3)
    return places, np.repeat(normals[facing], SAMPLES**2, axis=0), shades, facing


def _srgb(linear: Array) -> Array:
    return np.asarray(np.clip(linear, 0.0, 1.0) ** (1 / 2.2), np.float32)
