"""Coarser quad meshes out of finer ones: whole strips of quads are folded shut, those that are missed least first.

A strip is passed from one side of each quad to the side across. Joining the ends of all its rungs takes it away and
leaves nothing but quads (Daniels, Silva, Shepherd and Cohen, Quadrilateral Mesh Simplification, 2008).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetalk.topology.connected_pieces import connected_pieces

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
Size = Callable[[Array], Array]
"""How long edges should be ``[N]`` about points ``[N, 3]``."""

MOST_EDGES = 6  # at a vertex
LEAST_OF_LOOP = 28  # vertices: as many as MakeHuman gives to the lids of an eye
UPRIGHT = 0.25  # cosine between a face before and after


@dataclass(frozen=True)
class QuadSheet:
    """A quad mesh that strips can be folded away from.

    Attributes:
        vertices: ``[V, 3]``; those that have been joined to others stay behind, unused.
        quads: ``[Q, 4]``.
        uv: ``[T, 2]``.
        quads_uv: ``[Q, 4]`` indices into ``uv``.
        loops: closed edge loops that keep their places, and never meet.
        stay: edges ``[K, 2]`` whose strips are not folded.
        mirror: the vertex on the other side of every vertex ``[V]``; None for a mesh that has no sides.
        joined: what has become of every vertex ``[V]``.
    """

    vertices: Array
    quads: Indices
    uv: Array
    quads_uv: Indices
    loops: tuple[Indices, ...]
    stay: Indices
    mirror: Indices | None
    joined: Indices

    def coarsened(self, quads: int, size: Size) -> "QuadSheet":
        """Without as many strips as it takes to be left with at most so many quads, or as can be folded."""
        sheet, refused = self, set[int]()  # edges of strips that cannot be folded
        while len(sheet.quads) > quads:
            strips = Strips.of(sheet.quads, len(self.vertices))
            cost = strips.costs(sheet.vertices, size)
            cost[strips.label[np.isin(strips.keys, [*refused, *_keys(sheet.stay, len(self.vertices))])]] = np.inf
            strip = int(cost.argmin())
            if not np.isfinite(cost[strip]):
                return sheet
            rungs = strips.edges[strips.label == strip]
            folded = _folded_on_both_sides(sheet, strips, rungs)
            refused = refused | {int(strips.keys[strips.label == strip][0])} if folded is None else set()
            sheet = folded or sheet
        return sheet


@dataclass(frozen=True)
class Strips:
    """All strips of a mesh.

    Attributes:
        keys: one number for every edge, ascending ``[E]``.
        edges: their ends ``[E, 2]``, the smaller vertex first.
        label: the strip that every edge is a rung of ``[E]``.
        sides: the edge at every side of every quad ``[Q, 4]``.
    """

    keys: Indices
    edges: Indices
    label: Indices
    sides: Indices

    @classmethod
    def of(cls, quads: Indices, size: int) -> "Strips":
        """Those of quads ``[Q, 4]`` among ``size`` vertices."""
        begin, end = quads, np.roll(quads, -1, axis=1)
        keys, sides = np.unique(np.minimum(begin, end) * size + np.maximum(begin, end), return_inverse=True)
        sides = sides.reshape(-1, 4)
        across = np.concatenate([sides[:, [0, 2]], sides[:, [1, 3]]])
        label = connected_pieces(across, len(keys))
        return cls(keys, np.stack([keys // size, keys % size], axis=1), label, sides)

    def costs(self, vertices: Array, size: Size) -> Array:
        """How much every strip would be missed: the cubic mean of its rungs' lengths in what they should be.

        Cubic, so that a strip that is missed anywhere is missed.
        """
        ends = vertices[self.edges]
        relative = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) / size(ends.mean(axis=1))
        return np.cbrt(np.bincount(self.label, relative**3) / np.bincount(self.label))

    def through(self, edge: Indices) -> Indices | None:
        """The rungs ``[R, 2]`` of the strip through an edge ``[2]``, if there is such an edge."""
        row = np.flatnonzero((self.edges == np.sort(edge)).all(axis=1))
        return self.edges[self.label == self.label[row[0]]] if len(row) else None


def _folded_on_both_sides(sheet: QuadSheet, strips: Strips, rungs: Indices) -> QuadSheet | None:
    """A strip folded, and the one on the other side with it; None if either cannot be."""
    folded = _folded(sheet, strips, rungs)
    if folded is None or sheet.mirror is None:
        return folded
    other = sheet.mirror[rungs[0]]
    if (np.sort(other) == rungs).all(axis=1).any():
        return folded
    strips = Strips.of(folded.quads, len(sheet.vertices))
    twin = strips.through(folded.joined[other])
    return None if twin is None else _folded(folded, strips, twin)


def _folded(sheet: QuadSheet, strips: Strips, rungs: Indices) -> QuadSheet | None:
    """The mesh without a strip, or None where what is left would be no good mesh."""
    if any(_crosses(loop, rungs) for loop in _with_all(sheet.loops)):
        return None
    rank = _rank(sheet)
    weight = np.bincount(sheet.joined, minlength=len(rank)).astype(np.float64)
    onto, vertices = _join(sheet.vertices, rungs, rank, weight)
    quads = onto[sheet.quads]
    distinct = (np.diff(np.sort(quads, axis=1), axis=1) > 0).sum(axis=1) + 1
    left = distinct == 4
    loops = tuple(_without_repeats(onto[loop]) for loop in sheet.loops)
    if (distinct == 3).any() or any(len(loop) < LEAST_OF_LOOP for loop in loops):
        return None
    if not _as_whole(quads[left], sheet.quads) or _turns(vertices, quads[left], sheet.vertices, sheet.quads[left]):
        return None
    owner = np.zeros(len(sheet.uv), dtype=np.int64)
    owner[sheet.quads_uv] = sheet.quads
    own = np.isin(strips.sides, np.flatnonzero(np.isin(strips.keys, _keys(rungs, len(sheet.vertices)))))
    pairs = np.stack([sheet.quads_uv[own], np.roll(sheet.quads_uv, -1, axis=1)[own]], axis=1)
    onto_uv, uv = _join(sheet.uv, pairs, rank[owner], weight[owner])
    mirror = None if sheet.mirror is None else onto[sheet.mirror]
    stay, joined = onto[sheet.stay], onto[sheet.joined]
    return QuadSheet(vertices, quads[left], uv, onto_uv[sheet.quads_uv[left]], loops, stay, mirror, joined)


def _join(points: Array, pairs: Indices, rank: Indices, weight: Array) -> tuple[Indices, Array]:
    """Join points ``[N, D]`` in pairs ``[P, 2]``: which one every point becomes ``[N]``, and where all are then.

    Those of the highest rank ``[N]`` say where, each for as many as it stands for, its weight ``[N]``.
    """
    group = connected_pieces(pairs, len(points))
    highest = np.zeros(group.max() + 1, dtype=np.int64)
    np.maximum.at(highest, group, rank)
    says = np.where(rank == highest[group], weight, 0.0)
    total = np.maximum(np.bincount(group, says), 1e-9)
    places = [np.bincount(group, says * column) / total for column in points.T]
    first = np.full(len(highest), len(points))
    np.minimum.at(first, group, np.arange(len(points)))
    moved = np.isin(group, group[pairs[:, 0]])
    return first[group], np.where(moved[:, None], np.stack(places, axis=1)[group], points)


def _rank(sheet: QuadSheet) -> Indices:
    """Which of two joined vertices says where: those on loops before those in the middle, and these before others."""
    rank = np.zeros(len(sheet.vertices), dtype=np.int64)
    if sheet.mirror is not None:
        rank[sheet.mirror == np.arange(len(rank))] = 1
    for loop in sheet.loops:
        rank[loop] += 2
    return rank


def _with_all(loops: tuple[Indices, ...]) -> list[list[Indices]]:
    """Every loop, with all of them beside it."""
    return [[loop, *loops] for loop in loops]


def _crosses(loops: list[Indices], rungs: Indices) -> bool:
    """Whether rungs lead from the first loop to any other, or across it."""
    own, every = loops[0], np.concatenate(loops[1:])
    both = np.isin(rungs[:, 0], own) & np.isin(rungs[:, 1], every)
    both |= np.isin(rungs[:, 1], own) & np.isin(rungs[:, 0], every)
    along = np.sort(np.stack([own, np.roll(own, -1)], axis=1), axis=1)
    return any(not (rung == along).all(axis=1).any() for rung in np.sort(rungs[both], axis=1))


def _as_whole(quads: Indices, before: Indices) -> bool:
    """Whether quads make a sheet as whole as others did, with as many holes and handles and no more poor vertices."""
    return _is_sheet(quads) and _holes(quads) == _holes(before) and _poor_vertices(quads) <= _poor_vertices(before)


def _is_sheet(quads: Indices) -> bool:
    """Whether every edge has two sides at most, and every vertex lies on the border once at most."""
    begin, directed, border = _borders(quads)
    return len(np.unique(directed)) == len(directed) and bool(np.bincount(begin[border]).max(initial=0) <= 1)


def _poor_vertices(quads: Indices) -> int:
    """How many vertices have more than ``MOST_EDGES`` edges, or less than three within the sheet."""
    begin, _, border = _borders(quads)
    outwards, faces = np.bincount(begin[border], minlength=int(quads.max()) + 1), np.bincount(begin)
    inside = (faces > 0) & (outwards == 0)
    return int((faces + outwards > MOST_EDGES).sum() + (faces[inside] < 3).sum())


def _borders(quads: Indices) -> tuple[Indices, Indices, Flags]:
    """Where the sides of all quads begin ``[4 Q]``, a number for each, and which of them are on the border."""
    size = int(quads.max()) + 1
    begin, end = quads.ravel(), np.roll(quads, -1, axis=1).ravel()
    directed = begin * size + end
    return begin, directed, ~np.isin(directed, end * size + begin)


def _holes(quads: Indices) -> tuple[int, int]:
    """Euler's characteristic, and how many borders there are."""
    size = int(quads.max()) + 1
    begin, end = quads.ravel(), np.roll(quads, -1, axis=1).ravel()
    edges = len(np.unique(np.minimum(begin, end) * size + np.maximum(begin, end)))
    border = _borders(quads)[2]
    rims = np.stack([begin[border], end[border]], axis=1)
    borders = len(np.unique(connected_pieces(rims, size)[rims[:, 0]])) if len(rims) else 0
    return len(np.unique(quads)) - edges + len(quads), borders


def _turns(vertices: Array, quads: Indices, before: Array, quads_before: Indices) -> bool:
    """Whether any quad faces another way than it did."""
    now, then = _areas(vertices[quads]), _areas(before[quads_before])
    length = np.linalg.norm(now, axis=1) * np.linalg.norm(then, axis=1)
    return bool(((now * then).sum(axis=1) < UPRIGHT * length).any())


def _areas(corners: Array) -> Array:
    return np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])


def _keys(edges: Indices, size: int) -> Indices:
    ends = np.sort(edges, axis=1)
    return ends[:, 0] * size + ends[:, 1]


def _without_repeats(loop: Indices) -> Indices:
    """A closed loop without vertices that follow themselves."""
    return loop[loop != np.roll(loop, 1)]
