"""Where a template's lips and lids end: its edge loops along their lines of contact, and what lies behind them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetalk.topology.connected_pieces import connected_pieces
from facetalk.topology.template import Template

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SKIN = 0  # index of the part
EDGES = "feature_edges"  # the group of the loops


@dataclass(frozen=True)
class TemplateRim:
    """One opening of the skin: the mouth, or an eye.

    Attributes:
        loop: the vertices along its line ``[N]``, in order.
        quads: what lies behind the loop ``[Q]``, of the template's quads.
    """

    loop: Indices
    quads: Indices

    def line(self, template: Template) -> Array:
        """The loop as a closed polyline ``[N + 1, 3]``, head units."""
        points = template.vertices[self.loop].astype(np.float64)
        return np.concatenate([points, points[:1]])

    def rings(self, template: Template) -> list[Indices]:
        """The loop and the loops behind it, ``[N]`` each, as far as every vertex has one that follows."""
        rings, left = [self.loop], template.quads[self.quads].astype(np.int64)
        while len(left):
            ring, ahead = rings[-1], dict(zip(rings[-1].tolist(), np.roll(rings[-1], -1).tolist(), strict=True))
            following, used = {}, np.zeros(len(left), dtype=np.bool_)
            for number, quad in enumerate(left.tolist()):
                for corner in range(4):
                    first, second, third, fourth = (quad[(corner + turn) % 4] for turn in range(4))
                    if ahead.get(first) == second:
                        following[first], used[number] = fourth, True
                        following.setdefault(second, third)
            behind = [following.get(vertex, -1) for vertex in ring.tolist()]
            if len(set(behind)) < len(ring) or -1 in behind or used.sum() != len(ring):
                break
            rings.append(np.array(behind))
            left = left[~used]
        return rings


def template_rims(template: Template) -> list[TemplateRim]:
    """The openings of a template's skin: the mouth, and both eyes, the right one first.

    Raises:
        ValueError: its lines do not bound three openings.
    """
    skin = np.flatnonzero((template.parts[template.quads] == SKIN).all(axis=1))
    quads = template.quads[skin].astype(np.int64)
    on_line = np.zeros(len(template.vertices), dtype=np.bool_)
    on_line[template.groups[EDGES]] = True
    pieces = _pieces(quads, lambda edges: ~on_line[edges].all(axis=1))
    outside = pieces[(quads == template.landmarks["nose_tip"]).any(axis=1).argmax()]
    inside = np.flatnonzero(pieces != outside)
    openings = _pieces(quads[inside], lambda edges: np.ones(len(edges), dtype=np.bool_))
    rims = []
    for opening in np.unique(openings):
        behind = inside[openings == opening]
        loops = [loop for loop in border_loops(quads[behind]) if on_line[loop].all()]
        if len(loops) != 1:
            raise ValueError("what lies behind lips and lids is not bounded by one line each")
        rims.append(TemplateRim(loops[0], skin[behind]))
    if len(rims) != 3:
        raise ValueError(f"the skin has {len(rims)} openings where a mouth and two eyes are expected")
    return sorted(rims, key=lambda rim: (-len(rim.quads), float(template.vertices[rim.loop, 0].mean())))


def border_loops(faces: Indices) -> list[Indices]:
    """The borders of a mesh, each as vertices in the faces' direction.

    Args:
        faces: ``[F, 3]`` or ``[F, 4]``.

    Raises:
        ValueError: a vertex lies on two borders.
    """
    begin, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    size = int(faces.max()) + 1
    border = ~np.isin(begin * size + end, end * size + begin)
    following = dict(zip(begin[border].tolist(), end[border].tolist(), strict=True))
    if len(following) != border.sum():
        raise ValueError("two borders touch")
    loops = []
    while following:
        first, vertex = following.popitem()
        loop = [first]
        while vertex != first:
            loop.append(vertex)
            vertex = following.pop(vertex)
        loops.append(np.array(loop))
    return loops


def _pieces(quads: Indices, may_cross: Callable[[Indices], NDArray[np.bool_]]) -> Indices:
    """The number of the piece that each quad ``[Q]`` is in, if the mesh is cut along edges ``[E, 2]`` but for some."""
    edges = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
    owner = np.repeat(np.arange(len(quads)), 4)
    crossable = may_cross(edges)
    order = np.lexsort((edges[crossable, 1], edges[crossable, 0]))
    edges, owner = edges[crossable][order], owner[crossable][order]
    shared = (edges[1:] == edges[:-1]).all(axis=1)
    return connected_pieces(np.stack([owner[:-1][shared], owner[1:][shared]], axis=1), len(quads))
