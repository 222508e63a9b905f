"""The outer skin as quads of QuadriFlow's making: finer on lips, lids, nose and ears, the same left and right.

Half of the face is remeshed and mirrored. Its border is the middle line, the neck's end and half of the lips; quads
keep it, with a vertex in each of its corners. Then all vertices settle on the neural surface.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.head.head import MILLIMETRES, Head
from facetalk.head.meshing import TriangleMesh
from facetalk.topology.open_skin import SHORTEST, clipped, joined, reached_from
from facetalk.topology.quad_borders import MIDDLE, border_places
from facetalk.topology.quad_density import Swelling, SwollenSurface
from facetalk.topology.quad_relaxation import Guide, closest_on_curve, part_surface, relax
from facetalk.topology.skin_openings import SkinOpening
from facetalk.topology.template import Template
from facetalk.topology.template_rims import SKIN, border_loops

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

Remesh = Callable[[TriangleMesh, int], tuple[Array, Indices]]
"""Covers a mesh with about so many quads: their vertices ``[V, 3]``, and ``[Q, 4]``."""

FACE, EYE, MOUTH, NOSE, EAR = (45.0, 1.5), (18.0, 1.6), (18.0, 1.9), (16.0, 1.5), (24.0, 1.6)  # reach in mm, factor
AROUND_EYE, ENOUGH = 22.0, 3000  # reach in mm; quads with which eyes have about 30 columns by the factors above
FEWEST_EDGES = 16  # of a border: an eye of fewer is no eye


@dataclass(frozen=True)
class QuadSkin:
    """Quads over the outer skin, canonical.

    Attributes:
        vertices: ``[V, 3]``, head units.
        quads: ``[Q, 4]``, counter-clockwise from outside.
    """

    vertices: Array
    quads: Indices


def quad_skin(
    head: Head, template: Template, openings: Sequence[SkinOpening], skin: TriangleMesh, quads: int, remesh: Remesh
) -> QuadSkin:
    """Cover the outer skin with quads.

    Args:
        head: the head.
        template: knows where eyes, mouth, nose and ears are.
        openings: of the skin.
        skin: the average head's, open (``open_skin``).
        quads: about how many.
        remesh: QuadriFlow.

    Raises:
        ValueError: the quads do not have the borders of the surface.
    """
    eye = template.vertices[template.landmarks["outer_eye_left"]]
    half = ended_in_the_middle(reached_from(eye, joined(clipped(skin, -skin.vertices[:, 0]))))
    surface = SwollenSurface.of(half, _swellings(template, openings, quads))
    made, corners = remesh(surface.swollen, quads // 2)
    borders, wanted = border_loops(corners), border_loops(half.triangles)
    if len(borders) != len(wanted):
        raise ValueError(f"the quads have {len(borders)} borders, their surface {len(wanted)}")
    if min(map(len, borders)) < FEWEST_EDGES:
        raise ValueError("quads are too large for the lids")
    average = head.identity("average")
    lines = [opening.border for opening in openings]
    vertices = surface.shrunk(made)
    guides: list[Guide] = []
    for loop in borders:
        for stretch in border_places(made, loop, surface, wanted, lines):
            vertices[stretch.members] = stretch.places
            guides += stretch.guides()
    vertices = relax(vertices, corners, part_surface(head, average, SKIN), guides)
    for guide in guides:
        on_curve = closest_on_curve(torch.from_numpy(vertices[guide.vertices]), torch.from_numpy(guide.curve))[0]
        vertices[guide.vertices] = on_curve.numpy() if guide.slides else guide.curve[: len(guide.vertices)]
    return _mirrored(vertices, corners)


def _swellings(template: Template, openings: Sequence[SkinOpening], quads: int) -> list[Swelling]:
    """Where so many quads are to be finer, on the face's left half."""
    mouth, eye = openings[0], openings[-1]
    nose = template.vertices[template.landmarks["nose_tip"]] * [0.0, 1.0, 1.0]
    skin = template.vertices[template.parts == SKIN]
    ear = skin[skin[:, 0] > 0.92 * skin[:, 0].max()].mean(axis=0)
    centres = [opening.rings[0].mean(axis=0) for opening in (mouth, eye)]
    centres[0] = centres[0] * [0.0, 1.0, 1.0]
    sparse = (AROUND_EYE, math.sqrt(ENOUGH / quads))  # as many columns for any number
    places = zip((nose, *centres, centres[1], nose, ear), (FACE, MOUTH, EYE, sparse, NOSE, EAR), strict=True)
    return [Swelling(np.asarray(centre, np.float64), reach / MILLIMETRES, factor) for centre, (reach, factor) in places]


def ended_in_the_middle(half: TriangleMesh) -> TriangleMesh:
    """A half whose border is on the middle line where it is all but there.

    A vertex beside the line may have become one with the lips' middle: kept beside it, it would leave a slit.
    """
    vertices = half.vertices.copy()
    border = np.concatenate(border_loops(half.triangles))
    beside = border[np.abs(vertices[border, 0]) < SHORTEST]
    vertices[beside, 0] = 0.0
    return TriangleMesh(vertices, half.triangles)


def _mirrored(vertices: Array, quads: Indices) -> QuadSkin:
    """A half and its mirror image, joined along the middle."""
    on_border = np.zeros(len(vertices), dtype=np.bool_)
    on_border[np.concatenate(border_loops(quads))] = True
    middle = on_border & (np.abs(vertices[:, 0]) < MIDDLE)
    other = np.empty(len(vertices), dtype=np.int64)
    other[middle] = np.flatnonzero(middle)
    other[~middle] = len(vertices) + np.arange((~middle).sum())
    both = np.concatenate([vertices, vertices[~middle] * [-1.0, 1.0, 1.0]])
    return QuadSkin(both, np.concatenate([quads, other[quads][:, ::-1]]))
