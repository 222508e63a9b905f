"""How far a mouth or an eye that should be shut stands open, as one who looks at the face sees it."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

PIXEL = np.array([0.0012, 0.0002])  # head units, 0.3 mm by 0.05 mm: fine along the height that is measured
DEPTH = 0.16  # head units behind the window's plane (4 cm) beyond which nothing is drawn: it counts as open
EDGE = 1e-9  # barycentric; the edge of two triangles belongs to both, so that no pixel falls between them


def tallest_opening(vertices: Array, triangles: Indices, closing: Flags, low: Array, high: Array) -> float:
    """The tallest stretch, in head units, through which one sees past the surface that should close an opening.

    The surface is drawn from the front without perspective, in pixels of ``PIXEL``. A pixel is open if the foremost
    surface in it is none of the closing ones, or if there is nothing.

    Args:
        vertices: ``[V, 3]``, head units, the viewer far along +z.
        triangles: everything that may be seen ``[F, 3]``.
        closing: which triangles close the opening ``[F]``: lids, lips and the face around them.
        low, high: lowest and highest corner of the window looked at ``[3]``; its plane is that of ``low``.
    """
    width, height = (int(side) for side in np.maximum((high - low)[:2] / PIXEL, 1.0))
    near = (vertices[triangles, 2] > low[2] - DEPTH).all(axis=1)
    corners, closing = vertices[triangles[near]], closing[near]
    flat = (corners[:, :, :2] - low[:2]) / PIXEL - 0.5  # whole numbers are centres of pixels
    triangle, pixel, depth = _fragments(flat, corners[:, :, 2], width, height)
    foremost = np.full(width * height, -np.inf)
    np.maximum.at(foremost, pixel, depth)
    closed = np.zeros(width * height, dtype=np.bool_)
    closed[pixel[(depth >= foremost[pixel]) & closing[triangle]]] = True
    return float(PIXEL[1]) * _longest_run(~closed.reshape(height, width))


def _fragments(flat: Array, depths: Array, width: int, height: int) -> tuple[Indices, Indices, Array]:
    """The pixels of every triangle: its row, the pixel ``y * width + x``, and the depth there, ``[N]`` each.

    Args:
        flat: corners in pixels ``[F, 3, 2]``.
        depths: of the corners ``[F, 3]``.
        width, height: of the picture.
    """
    first = np.maximum(np.ceil(flat.min(axis=1)), 0.0).astype(np.int64)
    last = np.minimum(np.floor(flat.max(axis=1)), [width - 1, height - 1]).astype(np.int64)
    sides = np.maximum(last - first + 1, 0)
    count = sides.prod(axis=1)
    triangle = np.repeat(np.arange(len(flat)), count)
    number = np.arange(len(triangle)) - np.repeat(np.cumsum(count) - count, count)
    x = first[triangle, 0] + number % sides[triangle, 0]
    y = first[triangle, 1] + number // sides[triangle, 0]
    weights = _barycentric(flat, triangle, np.stack([x, y], axis=1).astype(np.float64))
    inside = (weights > -EDGE).all(axis=1)  # a triangle seen edge on has no weights, and covers nothing
    triangle, weights = triangle[inside], weights[inside]
    return triangle, (y * width + x)[inside], (weights * depths[triangle]).sum(axis=1)


def _barycentric(flat: Array, triangle: Indices, places: Array) -> Array:
    """Weights ``[N, 3]`` of places ``[N, 2]`` in triangles; not a number where a triangle has no area."""
    origin, one, two = flat[:, 0], flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    area = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    scale = np.divide(1.0, area, out=np.full_like(area, np.nan), where=area != 0.0)[triangle]
    offset = places - origin[triangle]
    second = (offset[:, 0] * two[triangle, 1] - offset[:, 1] * two[triangle, 0]) * scale
    third = (one[triangle, 0] * offset[:, 1] - one[triangle, 1] * offset[:, 0]) * scale
    return np.stack([1.0 - second - third, second, third], axis=1)


def _longest_run(flags: Flags) -> int:
    """The most flags in a row down any column of ``[H, W]``."""
    run, longest = np.zeros(flags.shape[1], dtype=np.int64), 0
    for row in flags:
        run = (run + 1) * row
        longest = max(longest, int(run.max()))
    return longest
