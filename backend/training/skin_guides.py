"""The curves that the template's skin keeps to while it settles on the neural surface: lips, lids, the neck's end."""

from dataclasses import replace

import igl
import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.head.contact import LIDS
from facetalk.head.head import Head
from facetalk.topology.mesh_shape import triangulated
from facetalk.topology.quad_relaxation import Guide, Surface, part_surface, project
from training.lid_rings import LID_CORNERS, kit_rings, lid_rings
from training.quad_loops import QuadLoops, mouth_loop
from training.rims import LIP_LOOPS
from training.skin_fit import OWN_LIP_LOOPS, SkinFit

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

# The neural surface is rounder than the edges of lids, and ends up to a millimetre before the lines where these touch.
ON_SURFACE, OFF_LINE = 0.001, 0.0018  # head units: edges are so near to it, but no farther from the lines


def skin_guides(fit: SkinFit, head: Head, skin: Array, quads: Indices, rows: dict[int, int]) -> dict[str, Guide]:
    """Guides by name: ``lips_0`` to ``lips_2``, ``lids_left``, ``lids_right``, rings before these, and ``neck``.

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
    surface = part_surface(head, head.identity("average"), head.parts.index("skin"))
    lines = head.rim_lines(head.identity("average"))
    for name, side in zip(LIDS, ("left", "right"), strict=True):
        rings = lid_rings(loops, skin, *(rows[corner] for corner in LID_CORNERS[side]))
        guides[name] = Guide(rings[0], lines[name].double().cpu().numpy(), slides=False)
        for number, before in enumerate(kit_rings(fit.heads, side)[0][1:], start=1):
            curve = project(torch.from_numpy(fit.canonical[before]).float(), surface).double().numpy()
            guides[f"{name}_{number}"] = Guide(rings[number], curve, slides=False)
    rim = np.asarray(igl.boundary_loop(triangulated(quads)))
    guides["neck"] = Guide(rim, skin[[*rim, rim[0]]])
    return guides


def nearer_to_surface(guides: dict[str, Guide], surface: Surface) -> dict[str, Guide]:
    """Guides of which those of the lids' edges are moved to within ``ON_SURFACE``, by ``OFF_LINE`` at most."""
    moved = dict(guides)
    for name in LIDS:
        line = torch.from_numpy(guides[name].curve).float()
        way = project(line, surface) - line
        length = way.norm(dim=1, keepdim=True).clamp(min=1e-9)
        curve = line + way / length * (length - ON_SURFACE).clamp(0.0, OFF_LINE)
        moved[name] = replace(guides[name], curve=curve.double().numpy())
    return moved
