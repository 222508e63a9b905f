"""Rows of quads from the edges of lips and lids inwards: the bag of the mouth, and what leads behind the lids.

They follow the rings of a template that has them, with as many columns as the edge has vertices.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.topology.closed_line import along_line, on_line
from facetalk.topology.template import Template
from facetalk.topology.template_rims import TemplateRim, border_loops

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

CARRIED = 0.5  # of how far the edge is off a ring, that the next row is off the next


def with_openings(
    vertices: Array, quads: Indices, template: Template, rims: Sequence[TemplateRim]
) -> tuple[Array, Indices, Indices]:
    """Quads over the outer skin with what lies behind lips and lids.

    Args:
        vertices: of the outer skin ``[V, 3]``, canonical, head units.
        quads: ``[Q, 4]``; their borders lie on the rims.
        template: has the rings.
        rims: its openings.

    Returns:
        Vertices ``[V, 3]``, quads ``[Q, 4]``, and which vertices are the edges of lips and lids ``[E]``.
    """
    borders = border_loops(quads)
    points, faces, edges = [vertices], [quads], []
    for rim in rims:
        rings = [template.vertices[ring].astype(np.float64) for ring in rim.rings(template)]
        border = min(borders, key=lambda each: float(cKDTree(rings[0]).query(vertices[each])[0].mean()))
        loop = border[::-1]  # new quads run along it the other way
        edges.append(loop)
        for row in _rows(vertices[loop], rings):
            new = sum(map(len, points)) + np.arange(len(loop))
            faces.append(np.stack([loop, np.roll(loop, -1), np.roll(new, -1), new], axis=1))
            points.append(row)
            loop = new
    return np.concatenate(points), np.concatenate(faces), np.concatenate(edges)


def _rows(loop: Array, rings: Sequence[Array]) -> list[Array]:
    """Points ``[N, 3]`` on every ring but the first, in step with those of a loop on the first."""
    places = along_line(loop, rings[0])
    off, rows = loop - on_line(rings[0], places), []
    for ring in rings[1:]:
        off = CARRIED * off
        rows.append(on_line(ring, places) + off)
    return rows
