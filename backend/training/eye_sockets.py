"""What of the skin lies behind the lids: one strip of quads that ends at the eyeball; the socket is cut off.

The neural skin turns round the edge of a lid and dips into the ball a few millimetres behind it. With few quads it ends
there, on the surface of both. The small quads that many quads have at the edge would count as turned over beside a
strip that leans back so far; so theirs ends well within the ball, right behind the edge: only what is that deep stays
put, for what is just inside is pushed out in every frame (``facetalk.head.eyes``).
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facetalk.head.eyes import BEHIND_LIDS
from facetalk.topology.quad_relaxation import LEAST_GRADIENT, LONGEST_STEP, Surface
from training.quad_loops import QuadLoops, along_marks

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

HIDDEN = BEHIND_LIDS + 0.0026  # head units inside the ball: on no identity is the border taken for a lid
BEHIND = (0.010, 0.006)  # head units behind the edge of the lids where the ball is looked for: aside, and deeper
STEPS = 40  # of Newton's method
LEAST_TURN = 0.1  # squared sine between two surfaces from which on they are taken to cross
OUTER_CORNER = 0.07  # of the way between the corners of an eye: so near the outer one the skin dips in far behind it
FINER = 6  # steps between two vertices of the lids in which the line on the ball is known


class Ball(NamedTuple):
    """An eyeball: its middle ``[3]`` and radius, head units."""

    centre: Array
    radius: float


def socket_quads(quads: Indices, lids: Indices) -> Flags:
    """Which quads ``[Q]`` are behind an edge loop of lids ``[N]``, but for the ring next to it."""
    behind, _ = behind_lids(quads, lids)
    socket = np.isin(quads, behind).any(axis=1)
    return np.asarray(socket & ~np.isin(quads, lids).any(axis=1))


def behind_lids(quads: Indices, lids: Indices) -> tuple[Indices, Indices]:
    """The vertices behind an edge loop of lids ``[N]``, and those of them on the mesh's border, in their order."""
    loops = QuadLoops(quads)
    edge = set(lids.tolist())
    sides = [_connected(loops, vertex, edge) for vertex in loops.neighbours[int(lids[0])] - edge]
    smaller = min(sides, key=len)
    behind = np.array(sorted(smaller))
    begin, end = quads.ravel(), np.roll(quads, -1, axis=1).ravel()
    size = int(quads.max()) + 1
    border = ~np.isin(begin * size + end, end * size + begin) & np.isin(begin, behind)
    following = dict(zip(begin[border].tolist(), end[border].tolist(), strict=True))
    rim = list(following)[:1]
    while rim and (vertex := following[rim[-1]]) != rim[0]:
        rim.append(vertex)
    return behind, np.array(rim, dtype=np.int64)


def hidden_border(vertices: Array, quads: Indices, lids: Indices, ball: Ball) -> Array:
    """Vertices ``[V, 3]``, those behind lids ``[N]`` right behind the nearest edge of these, ``HIDDEN`` in the ball.

    Args:
        vertices: ``[V, 3]``.
        quads: ``[Q, 4]``, with one ring behind the lids.
        lids: the edge loop.
        ball: the eyeball.
    """
    loops, edge = QuadLoops(quads), set(lids.tolist())
    moved = vertices.copy()
    for vertex in behind_lids(quads, lids)[0].tolist():
        before = vertices[sorted(loops.neighbours[vertex] & edge)].mean(axis=0) - ball.centre
        moved[vertex] = ball.centre + before * (ball.radius - HIDDEN) / np.linalg.norm(before)
    return moved


def on_the_ball(vertices: Array, quads: Indices, lids: Indices, surface: Surface, ball: Ball) -> Array:
    """Vertices ``[V, 3]``, those behind lids where the skin dips into the ball, spread as the lids' own are.

    In the outer corner they go straight to the ball, or one would look into a dark hole there.

    Args:
        vertices: ``[V, 3]``.
        quads: ``[Q, 4]``, with one ring behind the lids.
        lids: the edge loop ``[N]``, from the inner corner of the eye.
        surface: of the skin.
        ball: the eyeball.
    """
    loops, place = QuadLoops(quads), dict(zip(lids.tolist(), range(len(lids)), strict=True))
    line = _dip(vertices[lids], surface, ball)
    at = _from_corner(vertices[lids])
    behind = behind_lids(quads, lids)[0]
    wanted = np.array([at[next(place[each] for each in loops.neighbours[int(one)] if each in place)] for one in behind])
    known = _from_corner(line)
    closed = np.concatenate([line, line[:1]])
    spread = np.stack([np.interp(wanted, [*known, 2.0], closed[:, axis]) for axis in range(3)], axis=1)
    moved = vertices.copy()
    dipping = _on_both(torch.from_numpy(spread).float(), surface, ball)
    edges = np.array([lids[np.abs(at - each).argmin()] for each in wanted])
    straight = (1.0 - np.abs(wanted - 1.0) / OUTER_CORNER).clip(0.0, 1.0)[:, None]
    moved[behind] = _on_sphere((1.0 - straight) * dipping + straight * _on_sphere(vertices[edges], ball), ball)
    return moved


def _on_sphere(points: Array, ball: Ball) -> Array:
    offset = points - ball.centre
    return np.asarray(ball.centre + ball.radius * offset / np.linalg.norm(offset, axis=1, keepdims=True))


def _dip(lids: Array, surface: Surface, ball: Ball) -> Array:
    """Where a skin dips into a ball behind lids ``[N, 3]``: points ``[M, 3]`` of a closed line, from the inner corner.

    They run about the eye as the lids do.
    """
    steps = np.arange(FINER * len(lids)) / FINER
    closed = np.concatenate([lids, lids[:1]])
    start = np.stack([np.interp(steps, np.arange(len(closed)), closed[:, axis]) for axis in range(3)], axis=1)
    away = (start - lids.mean(axis=0)) * [1.0, 1.0, 0.0]
    start += BEHIND[0] * away / np.linalg.norm(away, axis=1, keepdims=True) - [0.0, 0.0, BEHIND[1]]
    found = _on_both(torch.from_numpy(start).float(), surface, ball)
    # Seen from the front the line is an oval, about which points are in order.
    offset = found - found.mean(axis=0)
    angle = np.unwrap(np.arctan2(*(lids - lids.mean(axis=0))[:, 1::-1].T))
    order = np.argsort(np.arctan2(offset[:, 1], offset[:, 0]) * np.sign(angle[-1] - angle[0]))
    inner = np.abs(found[order, 0]).argmin()
    return found[np.roll(order, -int(inner))]


def _on_both(points: Tensor, surface: Surface, ball: Ball) -> Array:
    """The nearest of a skin's points that are on a ball as well, from points ``[N, 3]``, by Newton's method."""
    centre = torch.from_numpy(ball.centre).float()
    for _ in range(STEPS):
        distance, gradient = surface(points)
        length = gradient.norm(dim=1, keepdim=True).clamp(min=LEAST_GRADIENT)
        to_skin, skin = distance[:, None] / length, gradient / length
        offset = points - centre
        to_ball, outwards = offset.norm(dim=1, keepdim=True) - ball.radius, functional.normalize(offset, dim=1)
        alike = (skin * outwards).sum(dim=1, keepdim=True)
        turn = (1.0 - alike.square()).clamp(min=LEAST_TURN)
        step = ((to_skin - alike * to_ball) * skin + (to_ball - alike * to_skin) * outwards) / turn
        points = points - functional.normalize(step, dim=1) * step.norm(dim=1, keepdim=True).clamp(max=LONGEST_STEP)
    return points.double().numpy()


def _from_corner(loop: Array) -> Array:
    """Where the points of a loop ``[N, 3]`` from the inner corner of an eye are along it: 1 is the outer corner."""
    outer = int(np.abs(loop[:, 0]).argmax())
    return along_marks(np.concatenate([loop, loop[:1]]), [0, outer, len(loop)])[:-1]


def _connected(loops: QuadLoops, start: int, edge: set[int]) -> set[int]:
    """What can be reached from a vertex along edges without touching ``edge``."""
    reached, fresh = {start}, [start]
    while fresh:
        following = loops.neighbours[fresh.pop()] - edge - reached
        reached |= following
        fresh += following
    return reached
