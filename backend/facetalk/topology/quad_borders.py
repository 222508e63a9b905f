"""Where borders of quads go on the borders of the surface that they cover: with a vertex in every corner, and along
lips and lids densest where these turn, for straight edges cut across.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.head.head import MILLIMETRES
from facetalk.topology.quad_density import SwollenSurface
from facetalk.topology.quad_relaxation import Guide

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

EVEN = 0.9  # how much vertices along lips and round eyes keep even steps rather than where they were made
BY_TURN = 0.7  # of the steps along lips and lids, that go by how they turn rather than by their length
CHORD = 2.0 / MILLIMETRES  # head units before and behind a point, between which a line's turn is seen
FINE = 400  # points of a line at which its turn is looked at
NEAR = 2.0 / MILLIMETRES  # head units: a border that is so near to a line follows it
SMOOTHINGS = 6  # of places along a border
CORNER_TURN = 0.5  # cosine: where a border turns more sharply it has a corner
MIDDLE = 1e-6  # head units off the middle line


@dataclass(frozen=True)
class BorderStretch:
    """A border of quads from one corner to the next.

    Attributes:
        members: its vertices, the next corner's left out ``[K]``.
        places: where they belong ``[K, 3]``.
        path: the border of the surface there, a polyline ``[N, 3]``.
        held: whether they stay where they belong, as along lips; the middle line's may slide, and give way to quads.
    """

    members: Indices
    places: Array
    path: Array
    held: bool

    def guides(self) -> list[Guide]:
        """What keeps the vertices there while quads settle. The corner stays: sliding, it could leave the middle."""
        if self.held:
            return [Guide(self.members, self.places, slides=False)]
        return [Guide(self.members[:1], self.path[[0, 0]], slides=False), Guide(self.members[1:], self.path)]


def border_places(
    made: Array, loop: Indices, surface: SwollenSurface, borders: Sequence[Indices], lines: Sequence[Array]
) -> Iterator[BorderStretch]:
    """Where vertices of one border of quads belong, from corner to corner.

    Args:
        made: vertices of the quads on the swollen surface ``[V, 3]``, where they are as far apart as they were made.
        loop: those of the border ``[N]``, in order.
        surface: what they are quads of.
        borders: of its triangles; the one that is nearest counts.
        lines: of lips and lids ``[M, 3]``, head units.

    Yields:
        Stretches; every vertex of the loop is in one.

    Raises:
        ValueError: two corners are nearest to one vertex.
    """
    swollen, plain = surface.swollen.vertices, surface.plain.vertices
    border = min(borders, key=lambda each: float(cKDTree(swollen[each]).query(made[loop])[0].mean()))
    corners = _corners(plain[border])
    nearest = [int(np.linalg.norm(made[loop] - swollen[border[corner]], axis=1).argmin()) for corner in corners]
    if len(set(nearest)) < len(nearest):
        raise ValueError("quads are too large for the corners of the face's half")
    for index, (corner, start) in enumerate(zip(corners, nearest, strict=True)):
        following = (index + 1) % len(corners)
        path = border[_between(corner, corners[following], len(border))]
        members = loop[_between(start, nearest[following], len(loop))]
        on_line = any(float(cKDTree(line).query(plain[path])[0].max()) < NEAR for line in lines)
        steps = _by_turn(plain[path]) if on_line else _lengths(swollen[path])
        as_made = _rising(steps[cKDTree(swollen[path]).query(made[members])[1]], steps[-1])
        places = as_made  # on the middle and the neck: anywhere else quads would lean
        if on_line:
            places = EVEN * np.linspace(0.0, steps[-1], len(members)) + (1.0 - EVEN) * as_made
        yield BorderStretch(members[:-1], _along(plain[path], steps, places[:-1]), plain[path], on_line)


def _by_turn(path: Array) -> Array:
    """How far along a line its points ``[N, 3]`` are ``[N]``, from 0 to 1, in steps whose chords cut off about as much.

    A chord of length s cuts off s^2 c / 8 where the line's curvature is c: so steps are as the root of c, and in part
    as the length, for where nothing turns there are vertices too.
    """
    length = _lengths(path)
    fine = np.linspace(0.0, length[-1], FINE)
    here, there, back = (_along(path, length, fine + shift) for shift in (0.0, CHORD, -CHORD))
    ahead, behind = there - here, here - back
    product = np.linalg.norm(ahead, axis=1) * np.linalg.norm(behind, axis=1)
    cosine = (ahead * behind).sum(axis=1) / np.maximum(product, 1e-12)
    turn = np.where(product > 0.0, np.arccos(np.clip(cosine, -1.0, 1.0)), 0.0)  # the corners' own is nobody's
    root = np.sqrt(turn)
    turned = np.concatenate([[0.0], (0.5 * (root[1:] + root[:-1])).cumsum()])
    share = BY_TURN * turned / max(turned[-1], 1e-12) + (1.0 - BY_TURN) * fine / fine[-1]
    return np.asarray(np.interp(length, fine, share))


def _lengths(path: Array) -> Array:
    """How far along a line its points ``[N, 3]`` are ``[N]``."""
    return np.concatenate([[0.0], np.linalg.norm(np.diff(path, axis=0), axis=1).cumsum()])


def _along(path: Array, steps: Array, places: Array) -> Array:
    """Points ``[K, 3]`` at places ``[K]`` along a line ``[N, 3]`` whose own points are at steps ``[N]``."""
    return np.stack([np.interp(places, steps, path[:, axis]) for axis in range(3)], axis=1)


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
