"""The curves that the template's skin keeps to while it settles on the neural surface: lips, lids, the neck's end."""

import igl
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.head.contact import LIDS
from facetalk.head.head import Head
from facetalk.topology.mesh_shape import triangulated
from facetalk.topology.quad_relaxation import Guide
from training.quad_loops import QuadLoops, mouth_loop
from training.rims import LIP_LOOPS
from training.skin_fit import OWN_LIP_LOOPS, SkinFit

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

FREE_CORNER = 0.006  # head units from an eye's corners (1.5 mm) where its opening is too narrow to pull vertices about


def skin_guides(fit: SkinFit, head: Head, skin: Array, quads: Indices, rows: dict[int, int]) -> dict[str, Guide]:
    """Guides by name: ``lips_0`` to ``lips_2``, ``lids_left``, ``lids_right`` and ``neck``.

    Args:
        fit: the fit that the skin comes from.
        head: whose lids are kept to, on its mean.
        skin: fitted vertices ``[V, 3]``.
        quads: ``[Q, 4]``.
        rows: of MakeHuman's vertices in ``skin``.
    """
    loops = QuadLoops(quads)
    guides = {}
    for number, (own, kit) in enumerate(zip(OWN_LIP_LOOPS, LIP_LOOPS, strict=True)):
        line = mouth_loop(fit.kit_loops, fit.heads.neutral, *kit)
        loop = mouth_loop(loops, skin, rows[own[0]], rows[own[1]])
        guides[f"lips_{number}"] = Guide(np.array(loop), fit.canonical[[*line, line[0]]])
    lines = head.rim_lines(head.identity("average"))
    for name in LIDS:
        curve = lines[name].double().cpu().numpy()
        guides[name] = Guide(_loop_nearest(loops, skin, curve), curve)
    rim = np.asarray(igl.boundary_loop(triangulated(quads)))
    guides["neck"] = Guide(rim, skin[[*rim, rim[0]]])
    return guides


def without_corners(guide: Guide, skin: Array) -> Guide:
    """A guide of lids that leaves the vertices at the corners of the eye to the surface."""
    corners = guide.curve[[int(guide.curve[:, 0].argmin()), int(guide.curve[:, 0].argmax())]]
    away = np.linalg.norm(skin[guide.vertices, None] - corners, axis=2).min(axis=1)
    return Guide(guide.vertices[away > FREE_CORNER], guide.curve)


def _loop_nearest(loops: QuadLoops, skin: Array, curve: Array) -> Indices:
    """The edge loop that lies nearest to a closed curve."""
    tree = cKDTree(curve)
    best, least = np.empty(0, dtype=np.int64), np.inf
    for vertex in np.argsort(tree.query(skin)[0])[: len(curve)].tolist():
        for neighbour in loops.neighbours[vertex]:
            try:
                loop = np.array(loops.loop(vertex, neighbour))
            except ValueError:
                continue  # an edge across the rim: its chain ends somewhere on the face
            distance = float(tree.query(skin[loop])[0].mean())
            if distance < least:
                best, least = loop, distance
    return best
