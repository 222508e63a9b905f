"""Rows of quads from where those of QuadriFlow end: to the lids and behind them, and from the lips into the mouth.

They follow the rings of a template that has them, with as many columns as the edge has vertices.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.topology.closed_line import along_line, on_line
from facetalk.topology.quad_relaxation import closest_on_curve
from facetalk.topology.skin_openings import SkinOpening
from facetalk.topology.template_rims import border_loops

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

CARRIED = 0.5  # of how far the edge is off a ring, that the next row is off the next


def with_openings(
    vertices: Array, quads: Indices, openings: Sequence[SkinOpening]
) -> tuple[Array, Indices, Indices, Indices]:
    """Quads over the outer skin with what leads to lids, and what lies behind lips and lids.

    Args:
        vertices: of the outer skin ``[V, 3]``, canonical, head units.
        quads: ``[Q, 4]``; their borders lie on those of the openings.
        openings: have the rings.

    Returns:
        Vertices ``[V, 3]``, quads ``[Q, 4]``, which vertices are the edges of lips and lids ``[E]``, and which lie
        behind these ``[B]``.
    """
    borders = border_loops(quads)
    points, faces, edges, behind = [vertices], [quads], [], []
    for opening in openings:
        rings = opening.rings
        border = min(borders, key=lambda each: float(cKDTree(rings[0]).query(vertices[each])[0].mean()))
        loop = border[::-1]  # new quads run along it the other way
        loops = [loop]
        for row in _rows(vertices[loop], opening):
            new = sum(map(len, points)) + np.arange(len(loop))
            faces.append(np.stack([loop, np.roll(loop, -1), np.roll(new, -1), new], axis=1))
            points.append(row)
            loop = new
            loops.append(new)
        edges.append(loops[opening.edge])
        behind += loops[opening.edge + 1 :]
    return np.concatenate(points), np.concatenate(faces), np.concatenate(edges), np.concatenate(behind)


def _rows(loop: Array, opening: SkinOpening) -> list[Array]:
    """Points ``[N, 3]`` on every ring but the first, in step with those of a loop on the first."""
    places = along_line(loop, opening.rings[0])
    off, rows = loop - on_line(opening.rings[0], places), []
    for number, ring in enumerate(opening.rings[1:], start=1):
        on_ring, off = on_line(ring, places), CARRIED * off
        if number == opening.edge:  # straight edges of the ring cut across where lids touch
            line = torch.from_numpy(opening.line)
            off = closest_on_curve(torch.from_numpy(on_ring), line)[0].numpy() - on_ring
        rows.append(on_ring + off)
    return rows
