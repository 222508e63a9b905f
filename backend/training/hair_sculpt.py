"""Sculpting hair: locks that grow along combed directions, stamped into a volume and meshed."""

from collections.abc import Callable
from dataclasses import dataclass

import igl
import mcubes
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_matrix, diags
from scipy.spatial import cKDTree

from facetalk.head.meshing import TriangleMesh
from training.distance_grid import DistanceGrid, Values, axes_of
from training.skin_surface import MILLIMETRE, SkinSurface
from training.training_heads import BOX

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SPACING = 1.5 * MILLIMETRE
BAND = 3.0 * MILLIMETRE  # distances are kept this far from a surface
STEP = 3.0 * MILLIMETRE  # between points of a grown path
ROOT_DEPTH = 2.5 * MILLIMETRE  # hair begins this far under the skin
FINEST = 1.3 * MILLIMETRE  # half thickness at which a lock's tip ends
STRAND_WAVELENGTH = 4.0 * MILLIMETRE
STRAND_DEPTH = 0.45 * MILLIMETRE
ANGLES = 120  # directions about the axis in which hidden space is filled
CHUNK = 1500  # stencils stamped at once


@dataclass(frozen=True)
class Locks:
    """Locks of hair: tapered tubes of elliptic section along paths.

    Attributes:
        paths: ``[N, K, 3]``, from root to tip, head units.
        normals: unit directions ``[N, K, 3]`` out of the head, the thin axis of the section.
        width: half widths ``[N, K]``.
        thickness: half thicknesses ``[N, K]``.
        strands: depth of the grooves between strands, head units.
    """

    paths: Array
    normals: Array
    width: Array
    thickness: Array
    strands: float = STRAND_DEPTH


def spread(points: Array, radius: float) -> Array:
    """The points ``[M, 3]`` that remain when, in order, each takes away all later ones within ``radius``."""
    tree = cKDTree(points)
    alive = np.ones(len(points), dtype=bool)
    for index in range(len(points)):
        if alive[index]:
            near = np.array(tree.query_ball_point(points[index], radius), dtype=np.int64)
            alive[near[near > index]] = False
    return points[alive]


def grow(
    skin: SkinSurface,
    roots: Array,
    length: Array,
    comb: Callable[[Array, float], Array],
    lift: Callable[[Array, float], Array],
    cling: Callable[[Array, float], Array],
) -> Array:
    """Grow paths from the scalp.

    Args:
        skin: what they grow on.
        roots: ``[N, 3]``.
        length: ``[N]``.
        comb: direction ``[N, 3]``, of any length, at points ``[N, 3]`` and progress 0 to 1.
        lift: wanted height ``[N]`` over the skull at points and progress.
        cling: how much of a point's height above the wanted one is taken back per step ``[N]``; points below are
            always pushed out. Clinging hair is combed along the skull, 0 falls freely.

    Returns:
        Paths ``[N, K, 3]``.
    """
    steps = max(4, int(np.ceil(length.max() / STEP)))
    step = (length / steps)[:, None]
    place = roots.copy()
    heading = np.zeros_like(roots)
    path = [place]
    for index in range(steps):
        progress = index / steps
        normal = skin.skull.direction(place)
        wanted = comb(place, progress)
        held = cling(place, progress)
        along = wanted - (np.minimum(1.0, 2.0 * held) * (wanted * normal).sum(axis=1))[:, None] * normal
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        heading = 0.55 * heading + 0.45 * along if index else along
        heading /= np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9)
        place = place + step * heading
        place = place + _correction(skin, place, lift(place, progress), held, 0.6 * step)
        path.append(place)
    return np.stack(path, axis=1)


def _correction(skin: SkinSurface, place: Array, wanted: Array, held: Array, limit: Array) -> Array:
    """Out of the skull to the wanted height, out of the ears, and back to the skull as far as the hair is held."""
    height = skin.skull.sample(place)
    amount = np.where(height < wanted, 0.5 * (wanted - height), held * (wanted - height))[:, None]
    move = np.clip(amount, -limit, limit) * skin.skull.direction(place)
    clearance = np.maximum(np.minimum(wanted, 5.0 * MILLIMETRE) - skin.distance.sample(place), 0.0)[:, None]
    return np.asarray(move + np.minimum(clearance, limit) * skin.distance.direction(place))


def cut(paths: Array, end: Array) -> Array:
    """Paths ``[N, K, 3]`` cut at the arc length ``[N]`` and resampled about a ``STEP`` apart: ``[N, K', 3]``."""
    steps = np.linalg.norm(np.diff(paths, axis=1), axis=2)
    along = np.concatenate([np.zeros((len(paths), 1)), np.cumsum(steps, axis=1)], axis=1)
    end = np.minimum(end, along[:, -1])
    points = max(5, int(np.ceil(end.max() / STEP)) + 1)
    wanted = np.linspace(0.0, 1.0, points)[None] * end[:, None]
    result = np.empty((len(paths), points, 3))
    for index, (place, target) in enumerate(zip(along, wanted, strict=True)):
        for axis in range(3):
            result[index, :, axis] = np.interp(target, place, paths[index, :, axis])
    return result


def length_until(paths: Array, ended: NDArray[np.bool_]) -> Array:
    """Arc length ``[N]`` at which ``ended`` ``[N, K]`` first holds, or the whole length."""
    steps = np.linalg.norm(np.diff(paths, axis=1), axis=2)
    along = np.concatenate([np.zeros((len(paths), 1)), np.cumsum(steps, axis=1)], axis=1)
    first = np.where(ended.any(axis=1), ended.argmax(axis=1), paths.shape[1] - 1)
    return along[np.arange(len(paths)), first]


def shape_locks(
    skin: SkinSurface,
    paths: Array,
    width: Array,
    thickness: Array,
    roll: Array,
    blunt: float = 0.0,
    strands: float = STRAND_DEPTH,
) -> Locks:
    """Give paths the section of a lock: slender at the root, full in the middle, tapered to the tip.

    Args:
        skin: whose skull says where out is.
        paths: ``[N, K, 3]``.
        width, thickness: half axes ``[N]`` of the fullest section.
        roll: turn of the section about the path ``[N]``, radians.
        blunt: 0 tapers the tip to a point, 1 not at all.
        strands: depth of grooves.
    """
    along = np.linspace(0.0, 1.0, paths.shape[1])
    tip = 1.0 - (1.0 - blunt) * along**3
    profile = np.sqrt(np.clip(0.35 + 2.6 * along, 0.0, 1.0)) * np.sqrt(np.clip(tip, 0.0, 1.0))
    tangent = np.gradient(paths, axis=1)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=2, keepdims=True), 1e-9)
    out = skin.skull.direction(paths)
    out -= (out * tangent).sum(axis=2, keepdims=True) * tangent
    out /= np.maximum(np.linalg.norm(out, axis=2, keepdims=True), 1e-9)
    turn = roll[:, None, None]
    normals = np.cos(turn) * out + np.sin(turn) * np.cross(tangent, out)
    return Locks(
        paths,
        normals,
        np.maximum(width[:, None] * profile, FINEST),
        np.maximum(thickness[:, None] * profile, FINEST),
        strands,
    )


class HairVolume:
    """Signed distance of the hair being sculpted, on a fine grid.

    Args:
        ground: signed distance to what the hair grows on.
        box: lowest and highest corner ``[2, 3]``.
        spacing: of the grid, head units.

    Attributes:
        locks: all that were added.
    """

    def __init__(self, ground: DistanceGrid, box: Array = BOX, spacing: float = SPACING) -> None:
        self.spacing = spacing
        self.axes = axes_of(box[0] + 2.0 * spacing, box[1] - 2.0 * spacing, spacing)
        self.low = np.array([axis[0] for axis in self.axes])
        self.shape = (len(self.axes[0]), len(self.axes[1]), len(self.axes[2]))
        self.values: Values = np.full(self.shape, BAND, dtype=np.float32)
        self.ground = self.on_grid(ground)
        self.locks: list[Locks] = []

    def on_grid(self, distance: DistanceGrid) -> Values:
        """Another field on this grid."""
        return distance.resampled(self.low, self.spacing, self.shape)

    def coordinates(self) -> tuple[Values, Values, Values]:
        """Broadcastable x ``[X, 1, 1]``, y ``[1, Y, 1]`` and z ``[1, 1, Z]`` of the samples."""
        x, y, z = (axis.astype(np.float32) for axis in self.axes)
        return x[:, None, None], y[None, :, None], z[None, None, :]

    def join(self, values: Values) -> None:
        """Add a shape given by its distance on the grid."""
        np.minimum(self.values, values, out=self.values)

    def add(self, locks: Locks) -> None:
        """Add locks."""
        self.locks.append(locks)
        count, steps = locks.paths.shape[:2]
        length = np.linalg.norm(np.diff(locks.paths, axis=1), axis=2)
        radius = float(max(locks.width.max(), locks.thickness.max()) + 0.5 * length.max() + 0.7 * BAND)
        reach = int(np.ceil(radius / self.spacing))
        axis = np.arange(-reach, reach + 1)
        stencil = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
        stencil = stencil[np.linalg.norm(stencil, axis=1) <= reach + 0.5]
        segments = np.stack(np.divmod(np.arange(count * (steps - 1)), steps - 1), axis=1)
        for start in range(0, len(segments), CHUNK):
            self._stamp(locks, segments[start : start + CHUNK], stencil)

    def _stamp(self, locks: Locks, segments: Indices, stencil: Indices) -> None:
        parts = _Segments.of(locks, segments)
        middle = np.round((0.5 * (parts.start + parts.end) - self.low) / self.spacing).astype(np.int64)
        first = np.einsum("sc,sck->sk", self.low + middle * self.spacing - parts.start, parts.frame)
        local = first[:, None].astype(np.float32) + (stencil * self.spacing).astype(np.float32) @ parts.frame
        owner, point = np.nonzero(parts.near(local))
        index = middle[owner] + stencil[point]
        inside = ((index >= 0) & (index < np.array(self.shape))).all(axis=1)
        owner, point, index = owner[inside], point[inside], index[inside]
        distance = parts.distance(owner, local[owner, point])
        np.minimum.at(self.values.reshape(-1), np.ravel_multi_index(tuple(index.T), self.shape), distance)

    def fill_behind(self, centre: tuple[float, float], above: float) -> None:
        """Fill what hair hides at the back: in every slice, all between the axis and the outermost hair.

        Args:
            centre: x and z of the vertical axis; in front of it nothing is filled.
            above: y from which up it is filled.
        """
        x, y, z = self.coordinates()
        radius = np.hypot(x - centre[0], z - centre[1])
        angle = np.arctan2(x - centre[0], z - centre[1])
        bins = np.clip(((angle + np.pi) / (2.0 * np.pi) * ANGLES).astype(np.int64), 0, ANGLES - 1)[:, 0]
        outermost = np.zeros((self.shape[1], ANGLES), dtype=np.float32)
        column, row, layer = np.nonzero(self.values < 0.0)
        np.maximum.at(outermost, (row, bins[column, layer]), radius[column, 0, layer])
        outermost = gaussian_filter(outermost, (2.0, 1.0), mode=("nearest", "wrap"))
        wall = outermost[:, bins].transpose(1, 0, 2) - 5.0 * MILLIMETRE
        self.join(np.maximum(np.maximum(radius - wall, above - y), z - centre[1]).astype(np.float32))

    def mesh(self, depth: float = ROOT_DEPTH) -> TriangleMesh:
        """The largest piece as a watertight mesh, hollow from ``depth`` under the ground, without pockets of air.

        Raises:
            ValueError: there is no hair.
        """
        values = gaussian_filter(np.clip(self.values, -BAND, BAND), 0.7)
        values = np.maximum(values, -(self.ground + depth))
        padded = np.pad(values, 1, constant_values=BAND).astype(np.float64)
        vertices, triangles = mcubes.marching_cubes(-padded, 0.0)
        if len(triangles) == 0:
            raise ValueError("no hair was sculpted")
        vertices = self.low + (vertices - 1.0) * self.spacing
        return _smoothed(_largest_piece(vertices, triangles.astype(np.int64)))


@dataclass(frozen=True)
class _Segments:
    """Pieces of locks between neighbouring points of their paths.

    Attributes:
        start, end: ``[S, 3]``.
        frame: columns along, across and over each ``[S, 3, 3]``.
        length: ``[S]``.
        width, thickness: half axes at start and end ``[S, 2]``.
        phase: of the strands ``[S]``.
        strands: depth of the grooves between strands.
    """

    start: Array
    end: Array
    frame: Values
    length: Values
    width: Values
    thickness: Values
    phase: Values
    strands: float

    @classmethod
    def of(cls, locks: Locks, segments: Indices) -> "_Segments":
        """The segments ``[S, 2]`` (lock, step) of locks."""
        lock, step = segments.T
        start, end = locks.paths[lock, step], locks.paths[lock, step + 1]
        length = np.maximum(np.linalg.norm(end - start, axis=1), 1e-9)
        tangent = (end - start) / length[:, None]
        over = locks.normals[lock, step]
        frame = np.stack([tangent, np.cross(tangent, over), over], axis=-1)
        width, thickness = (
            np.stack([axis[lock, step], axis[lock, step + 1]], axis=1) for axis in (locks.width, locks.thickness)
        )
        return cls(
            start,
            end,
            frame.astype(np.float32),
            length.astype(np.float32),
            width.astype(np.float32),
            thickness.astype(np.float32),
            (2.4 * lock).astype(np.float32),
            locks.strands,
        )

    def near(self, local: Values) -> NDArray[np.bool_]:
        """Which points ``[S, M, 3]`` in the segments' own axes are within the band about them ``[S, M]``."""
        band = 0.7 * BAND
        along, across, over = np.moveaxis(local, -1, 0)
        close = (np.abs(across) < self.width.max(axis=1)[:, None] + band) & (along > -band)
        close &= (np.abs(over) < self.thickness.max(axis=1)[:, None] + band) & (along < self.length[:, None] + band)
        return np.asarray(close)

    def distance(self, owner: Indices, local: Values) -> Values:
        """Distance ``[N]`` of points ``[N, 3]``, in the axes of the segments ``owner`` ``[N]``, to the lock there.

        The distance to an ellipse is the first-order one of Quilez ("ellipsoid - distance", 2019).
        """
        along, across, over = local.T
        length = self.length[owner]
        fraction = np.clip(along / length, 0.0, 1.0)
        beyond = along - fraction * length
        width, thick = (
            axis[owner, 0] + fraction * (axis[owner, 1] - axis[owner, 0]) for axis in (self.width, self.thickness)
        )
        first = np.sqrt((across / width) ** 2 + (over / thick) ** 2 + (beyond / thick) ** 2)
        second = np.sqrt((across / width**2) ** 2 + (over / thick**2) ** 2 + (beyond / thick**2) ** 2)
        distance = first * (first - 1.0) / np.maximum(second, 1e-3)
        waves = np.cos(2.0 * np.pi / STRAND_WAVELENGTH * across + self.phase[owner])
        return np.asarray(distance + self.strands * waves * np.clip(over / thick + 0.3, 0.0, 1.0), dtype=np.float32)


def _largest_piece(vertices: Array, triangles: Indices) -> TriangleMesh:
    """Drops loose bits, and the walls of pockets inside."""
    _, pieces = igl.facet_components(triangles)
    kept, compact = np.unique(triangles[pieces == np.bincount(pieces).argmax()], return_inverse=True)
    return TriangleMesh(vertices[kept], compact.reshape(-1, 3))


def _smoothed(mesh: TriangleMesh, rounds: int = 3) -> TriangleMesh:
    """Taubin's smoothing (SIGGRAPH 1995): takes the steps of the grid away, and keeps the volume."""
    edges = np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]], mesh.triangles[:, [2, 0]]])
    count = len(mesh.vertices)
    adjacency = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsr()
    average = diags(1.0 / np.maximum(np.asarray(adjacency.sum(axis=1)).ravel(), 1.0)) @ adjacency
    vertices = mesh.vertices
    for _ in range(rounds):
        for factor in (0.5, -0.53):
            vertices = vertices + factor * (average @ vertices - vertices)
    return TriangleMesh(vertices, mesh.triangles)
