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
from scipy.spatial import cKDTree

from facetalk.head.head import MILLIMETRES, Head
from facetalk.head.meshing import TriangleMesh
from facetalk.topology.open_skin import clipped, joined, reached_from
from facetalk.topology.quad_density import Swelling, SwollenSurface
from facetalk.topology.quad_relaxation import Guide, closest_on_curve, part_surface, relax
from facetalk.topology.template import Template
from facetalk.topology.template_rims import SKIN, TemplateRim, border_loops

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

Remesh = Callable[[TriangleMesh, int], tuple[Array, Indices]]
"""Covers a mesh with about so many quads: their vertices ``[V, 3]``, and ``[Q, 4]``."""

FACE, EYE, MOUTH, NOSE, EAR = (45.0, 1.5), (15.0, 2.9), (18.0, 1.9), (16.0, 1.5), (24.0, 1.6)  # reach in mm, factor
AROUND_EYE, ENOUGH = 22.0, 3000  # reach in mm; quads from which on lids have enough by the factors above
EVEN = 0.6  # how much vertices of a border keep even distances rather than where they were made
SMOOTHINGS = 6  # of places along a border
FEWEST_EDGES = 16  # of a border: an eye of fewer is no eye
CORNER_TURN = 0.5  # cosine: where a border turns more sharply it has a corner
MIDDLE = 1e-6  # head units off the middle line


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
    head: Head, template: Template, rims: Sequence[TemplateRim], skin: TriangleMesh, quads: int, remesh: Remesh
) -> QuadSkin:
    """Cover the outer skin with quads.

    Args:
        head: the head.
        template: knows where eyes, mouth, nose and ears are.
        rims: of the template.
        skin: the average head's, open (``open_skin``).
        quads: about how many.
        remesh: QuadriFlow.

    Raises:
        ValueError: the quads do not have the borders of the surface.
    """
    eye = template.vertices[template.landmarks["outer_eye_left"]]
    half = reached_from(eye, joined(clipped(skin, -skin.vertices[:, 0])))
    surface = SwollenSurface.of(half, _swellings(template, rims, quads))
    made, corners = remesh(surface.swollen, quads // 2)
    borders, wanted = border_loops(corners), border_loops(half.triangles)
    if len(borders) != len(wanted):
        raise ValueError(f"the quads have {len(borders)} borders, their surface {len(wanted)}")
    if min(map(len, borders)) < FEWEST_EDGES:
        raise ValueError("quads are too large for the lids")
    vertices, guides = surface.shrunk(made), []
    for loop in borders:
        guides += _on_border(vertices, made, loop, surface, wanted)
    field = part_surface(head, head.identity("average"), SKIN)
    vertices = relax(vertices, corners, field, guides)
    for guide in guides:
        on_line = closest_on_curve(torch.from_numpy(vertices[guide.vertices]), torch.from_numpy(guide.curve))[0]
        vertices[guide.vertices] = on_line.numpy()
    return _mirrored(vertices, corners)


def _swellings(template: Template, rims: Sequence[TemplateRim], quads: int) -> list[Swelling]:
    """Where so many quads are to be finer, on the face's left half."""
    mouth, eye = rims[0], rims[-1]
    nose = template.vertices[template.landmarks["nose_tip"]] * [0.0, 1.0, 1.0]
    skin = template.vertices[template.parts == SKIN]
    ear = skin[skin[:, 0] > 0.92 * skin[:, 0].max()].mean(axis=0)
    centres = [template.vertices[rim.loop].mean(axis=0) for rim in (mouth, eye)]
    centres[0] = centres[0] * [0.0, 1.0, 1.0]
    sparse = (AROUND_EYE, max(1.0, math.sqrt(ENOUGH / quads)))  # lids of few quads come out with three edges
    places = zip((nose, *centres, centres[1], nose, ear), (FACE, MOUTH, EYE, sparse, NOSE, EAR), strict=True)
    return [Swelling(np.asarray(centre, np.float64), reach / MILLIMETRES, factor) for centre, (reach, factor) in places]


def _on_border(
    vertices: Array, made: Array, loop: Indices, surface: SwollenSurface, borders: Sequence[Indices]
) -> list[Guide]:
    """Put a loop of quads onto the border of the surface that it is nearest to, and say what holds it there.

    Args:
        vertices: of the quads ``[V, 3]``; those of the loop are moved.
        made: the same on the swollen surface, where they are as far apart as they were made.
        loop: the loop ``[N]``.
        surface: what they are quads of.
        borders: of its triangles.
    """
    swollen, plain = surface.swollen.vertices, surface.plain.vertices
    border = min(borders, key=lambda each: float(cKDTree(swollen[each]).query(made[loop])[0].mean()))
    corners = _corners(plain[border])
    nearest = [int(np.linalg.norm(made[loop] - swollen[border[corner]], axis=1).argmin()) for corner in corners]
    if len(set(nearest)) < len(nearest):
        raise ValueError("quads are too large for the corners of the face's half")
    guides = []
    for index, (corner, start) in enumerate(zip(corners, nearest, strict=True)):
        following = (index + 1) % len(corners)
        path = border[_between(corner, corners[following], len(border))]
        members = loop[_between(start, nearest[following], len(loop))]
        length = np.concatenate([[0.0], np.linalg.norm(np.diff(swollen[path], axis=0), axis=1).cumsum()])
        nearest_place = length[cKDTree(swollen[path]).query(made[members])[1]]
        even = np.linspace(0.0, length[-1], len(members))
        places = EVEN * even + (1.0 - EVEN) * _rising(nearest_place, length[-1])
        vertices[members] = np.stack([np.interp(places, length, plain[path][:, axis]) for axis in range(3)], axis=1)
        # Held by the corner alone: on its line it could slip off the middle, and be torn in two when that is mirrored.
        guides += [Guide(members[:1], plain[path[[0, 0]]], slides=False), Guide(members[1:-1], plain[path])]
    return guides


def _rising(places: Array, end: float) -> Array:
    """Places along a line ``[N]`` that never go back, from 0 to its end."""
    rising = np.maximum.accumulate(places.clip(0.0, end))
    rising[0], rising[-1] = 0.0, end
    for _ in range(SMOOTHINGS):  # where they were made round a corner, several have come to be in one place
        rising[1:-1] = 0.5 * rising[1:-1] + 0.25 * (rising[:-2] + rising[2:])
    return np.asarray(rising)


def _corners(border: Array) -> Indices:
    """Where a closed line ``[N, 3]`` turns sharply, of every stretch that does the sharpest point.

    Of lids, which lie off the middle, the corners of the eye.
    """
    if np.abs(border[:, 0]).min() > MIDDLE:
        return np.sort([border[:, 0].argmin(), border[:, 0].argmax()])
    step = 4
    ahead, behind = np.roll(border, -step, axis=0) - border, border - np.roll(border, step, axis=0)
    straight = (ahead * behind).sum(axis=1) / (np.linalg.norm(ahead, axis=1) * np.linalg.norm(behind, axis=1))
    found: list[int] = []
    for place in np.argsort(straight):
        if straight[place] > CORNER_TURN:
            break
        away = [min(abs(place - other), len(border) - abs(place - other)) for other in found]
        if all(each > 3 * step for each in away):
            found.append(int(place))
    return np.array(sorted(found), dtype=np.int64)


def _between(start: int, end: int, size: int) -> Indices:
    """Places on a loop of some size from one to another, both included; all the way round if they are one."""
    count = (end - start) % size or size
    return (start + np.arange(count + 1)) % size


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
