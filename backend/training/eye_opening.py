"""The contour of an eye's opening as seen from the front: where the eyeball shows between the lids."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

PIXELS = 300


def eye_opening(
    vertices: Array, skin: Indices, eyeball_vertices: Array, eyeball: Indices, centre: Array, reach: float
) -> tuple[Array, Array]:
    """Upper and lower contour of an eye's opening.

    Args:
        vertices: skin vertices ``[V, 3]``, face along +z.
        skin: skin triangles ``[F, 3]``.
        eyeball_vertices: ``[E, 3]``.
        eyeball: eyeball triangles ``[G, 3]``.
        centre: of the eyeball ``[3]``.
        reach: half the side of the square that is looked at.

    Returns:
        Two contours ``[C, 3]`` by ascending x, on the skin.

    Raises:
        ValueError: no eyeball shows.
    """
    depth_of_skin = _depth(vertices[skin], centre, reach)
    depth_of_eye = _depth(eyeball_vertices[eyeball], centre, reach)
    regions, count = label(depth_of_eye > depth_of_skin)
    if not count:
        raise ValueError("no eyeball shows between the lids")
    opening = regions == 1 + int(np.argmax(np.bincount(regions.ravel())[1:]))
    columns = np.flatnonzero(opening.any(axis=1))
    axis = np.linspace(-reach, reach, PIXELS)
    contours = []
    for rows in (PIXELS - np.argmax(opening[columns, ::-1], axis=1), np.argmax(opening[columns], axis=1) - 1):
        points = np.stack([axis[columns] + centre[0], axis[rows] + centre[1], depth_of_skin[columns, rows]], axis=1)
        contours.append(points[np.isfinite(points[:, 2])])
    return contours[0], contours[1]


def _depth(triangles: Array, centre: Array, reach: float) -> Array:
    """Largest z ``[PIXELS, PIXELS]`` of triangles ``[F, 3, 3]`` over a square around ``centre``; -inf where none is."""
    depth = np.full((PIXELS, PIXELS), -np.inf)
    to_pixel = (PIXELS - 1) / (2.0 * reach)
    corners = triangles.copy()
    corners[..., :2] = (corners[..., :2] - centre[:2] + reach) * to_pixel
    low = np.ceil(corners[..., :2].min(axis=1)).clip(0).astype(int)
    high = np.floor(corners[..., :2].max(axis=1)).clip(max=PIXELS - 1).astype(int)
    for index in np.flatnonzero(np.all(high >= low, axis=1)):
        (x0, y0), (x1, y1) = low[index], high[index]
        x, y = np.meshgrid(np.arange(x0, x1 + 1), np.arange(y0, y1 + 1), indexing="ij")
        weights = _barycentric(x, y, corners[index, :, :2])
        inside = np.all(weights >= -1e-6, axis=0)
        z = np.where(inside, np.tensordot(corners[index, :, 2], weights, axes=1), -np.inf)
        window = depth[x0 : x1 + 1, y0 : y1 + 1]
        np.maximum(window, z, out=window)
    return depth


def _barycentric(x: NDArray[np.int64], y: NDArray[np.int64], corners: Array) -> Array:
    (ax, ay), (bx, by), (cx, cy) = corners
    area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
    if abs(area) < 1e-12:
        return np.full((3, *x.shape), -1.0)
    first = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / area
    second = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / area
    return np.stack([first, second, 1.0 - first - second])
