"""The rims of ICT-FaceKit's lips and lids, as grids of its vertices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.quad_loops import QuadLoops, mouth_loop

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# Midline vertices (upper lip, lower lip) of the loop where the lips touch, and of two loops behind it.
LIP_LOOPS = ((5532, 5517), (5534, 5538), (5529, 5537))
LIP_ROWS = (3, 5)  # behind and before the loop where lips touch; rolled in, they touch with what lies before it
LID_ROWS = (1, 3)  # behind and before the edge of the lids
LIP_COLUMNS, LID_COLUMNS = 37, 25


@dataclass(frozen=True)
class RimGrid:
    """Two facing rims.

    Attributes:
        vertices: the upper and the lower rim ``[2, R, C]``; columns run from corner to corner by ascending x, rows
            from inside to outside.
        line: the row along which the rims touch.
    """

    vertices: Indices
    line: int


def lip_rims(loops: QuadLoops, neutral: Array, upper: int, lower: int) -> RimGrid:
    """The rims of the lips.

    Args:
        loops: of the skin.
        neutral: vertices ``[V, 3]``.
        upper, lower: midline vertices of the loop where lips touch.
    """
    line = mouth_loop(loops, neutral, upper, lower)
    left = int(neutral[line, 0].argmax())
    right = len(line) - left  # the kit is symmetrical, and the loop begins in the middle
    top = [*line[right:], *line[: left + 1]]
    bottom = line[left : right + 1][::-1]
    columns = (_spread(top, LIP_COLUMNS), _spread(bottom, LIP_COLUMNS))
    return RimGrid(_rows(loops, neutral, columns, set(line), LIP_ROWS), LIP_ROWS[0])


def lid_rims(loops: QuadLoops, neutral: Array, edge: int, inner_corner: int) -> RimGrid:
    """The rims of the lids of one eye; their edge is a chain that ends before the inner corner.

    Args:
        loops: of the skin.
        neutral: vertices ``[V, 3]``.
        edge: a vertex of the chain.
        inner_corner: the vertex where the lids join beside the nose.
    """
    chain = _chain(loops, edge)
    chain = [
        *_to_corner(loops, chain[0], inner_corner)[::-1],
        *chain[1:-1],
        *_to_corner(loops, chain[-1], inner_corner),
    ]
    outwards = np.sign(neutral[edge, 0])
    outer = int((outwards * neutral[chain, 0]).argmax())
    sides = [chain[: outer + 1], chain[outer:][::-1]]
    sides.sort(key=lambda side: -float(neutral[side, 1].mean()))
    columns = (_spread(sides[0], LID_COLUMNS), _spread(sides[1], LID_COLUMNS))
    vertices = _rows(loops, neutral, columns, set(chain), LID_ROWS)
    return RimGrid(vertices if outwards > 0.0 else vertices[:, :, ::-1].copy(), LID_ROWS[0])


def _spread(line: list[int], count: int) -> list[int]:
    """Some vertices of a line, from its first to its last."""
    return [line[index] for index in np.linspace(0, len(line) - 1, count).round().astype(int)]


def _chain(loops: QuadLoops, edge: int) -> list[int]:
    """The edge chain through a vertex that soonest ends at irregular vertices, either way."""
    first, second = sorted((loops.walk(edge, neighbour) for neighbour in loops.neighbours[edge]), key=len)[:2]
    return [*first[:0:-1], *second]


def _to_corner(loops: QuadLoops, end: int, corner: int) -> list[int]:
    """The shortest edge chain from the end of another to a corner."""
    ways = [loops.walk(end, neighbour) for neighbour in loops.neighbours[end]]
    return min((way[: way.index(corner) + 1] for way in ways if corner in way), key=len)


def _rows(
    loops: QuadLoops, neutral: Array, lines: tuple[list[int], list[int]], edge: set[int], rows: tuple[int, int]
) -> Indices:
    """Grids ``[2, R, C]`` about two lines on an edge, by walking off it both ways; what ends early repeats its end."""
    behind, before = rows
    grids = []
    for line in lines:
        columns = []
        for vertex in line:
            ways = [loops.walk(vertex, neighbour) for neighbour in loops.neighbours[vertex] - edge]
            ways.sort(key=lambda way: float(neutral[way[min(3, len(way) - 1)], 2]))
            columns.append([*_padded(ways[0], behind)[::-1], vertex, *_padded(ways[-1], before)])
        grids.append(np.array(columns).T)
    return np.stack(grids)


def _padded(way: list[int], count: int) -> list[int]:
    steps = way[1 : count + 1]
    return steps + [way[-1]] * (count - len(steps))
