"""Settling quads on a neural surface: every vertex on it, every quad open, with as little bending as that takes.

Each round reads distance and gradient of the field where the vertices are. Until the next, the surface is the planes
that these describe, and an energy is minimised: distance to one's plane, corners that are too sharp, too blunt or
turned over, bending of the displacement from the start, distance from curves that vertices belong on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facetalk.head.parametric_head import ParametricHead
from facetalk.head.rest_surface import distance_and_gradient
from facetalk.topology.surface_fit import umbrella

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Surface = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Signed distances ``[N]`` and their gradients ``[N, 3]`` at points ``[N, 3]``."""

ROUNDS, STEPS = 14, 25  # how often the field is read, and descents in between
RATE = 4e-4  # head units that a vertex moves in a step at most
OPEN = 0.5  # sine of a corner from which on it is good enough: 30 to 150 degrees
DISTANCE_WEIGHT, BENDING_WEIGHT, EVENNESS_WEIGHT, GUIDE_WEIGHT = 20.0, 0.5, 0.02, 250.0
NEWTON_STEPS, LONGEST_STEP = 5, 0.004  # of the final projection; head units
LEAST_GRADIENT = 0.2


@dataclass(frozen=True)
class Guide:
    """Vertices that belong on a curve, such as an edge loop and the line of the lips.

    Attributes:
        vertices: ``[N]``.
        curve: points ``[M, 3]`` of a polyline, head units; a closed one repeats its first point.
        slides: whether the vertices may slide along it; if not, each stays at the point nearest to its start.
    """

    vertices: Indices
    curve: Array
    slides: bool = True

    def lines(self, start: Tensor, now: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The vertices ``[N]``, where they belong ``[N, 3]`` and along which directions they are free ``[N, 3]``.

        Args:
            start: all vertices of the mesh at the start ``[V, 3]``.
            now: where they are.
        """
        vertices, curve = torch.from_numpy(self.vertices), torch.from_numpy(self.curve).float()
        places, tangents = closest_on_curve((now if self.slides else start)[vertices], curve)
        return vertices, places, tangents if self.slides else torch.zeros_like(tangents)


def relax(
    start: Array, quads: Indices, surface: Surface, guides: Sequence[Guide] = (), two_sided: bool = False
) -> Array:
    """Settle a mesh on a surface.

    Args:
        start: vertices ``[V, 3]``, head units, within a few millimetres of the surface.
        quads: ``[Q, 4]``, counter-clockwise from outside.
        surface: the field.
        guides: which vertices belong on curves; no vertex on two.
        two_sided: whether the field says only where the surface is, not which side is out, as of a sheet that was made
            solid: then the start does.

    Returns:
        Vertices ``[V, 3]`` on the surface; those of guides near it.
    """
    origin = torch.from_numpy(np.asarray(start)).float()
    points, corners = origin.clone(), torch.from_numpy(np.ascontiguousarray(quads)).long()
    outward = _vertex_normals(origin, corners) if two_sided else None
    shape = _Shape(origin, corners)
    for _ in range(ROUNDS):
        base = project(points, surface, 1)
        points = _settle(base, surface, shape, [guide.lines(origin, base) for guide in guides], outward)
    free = torch.ones(len(points), dtype=torch.bool)
    for guide in guides:
        free[torch.from_numpy(guide.vertices)] = False
    points[free] = project(points[free], surface)
    return points.double().numpy()


def part_surface(head: ParametricHead, identity: Tensor, part: int) -> Surface:
    """The surface of one part of an identity ``[I]``."""
    wanted = torch.zeros(len(head.parts), dtype=torch.bool, device=head.device)
    wanted[part] = True

    def distance(points: Tensor, code: Tensor) -> Tensor:
        return head.signed_distance(points, code, wanted.expand(len(points), -1))[:, part]

    def surface(points: Tensor) -> tuple[Tensor, Tensor]:
        values, gradients = distance_and_gradient(distance, points.to(head.device), identity)
        return values.to(points.device), gradients.to(points.device)

    return surface


def project(points: Tensor, surface: Surface, steps: int = NEWTON_STEPS) -> Tensor:
    """Points ``[N, 3]`` moved onto the zero level by Newton's method along the gradient."""
    for _ in range(steps):
        distance, gradient = surface(points)
        length = gradient.norm(dim=1, keepdim=True).clamp(min=LEAST_GRADIENT)
        points = points - (distance[:, None] / length).clamp(-LONGEST_STEP, LONGEST_STEP) * gradient / length
    return points


def closest_on_curve(points: Tensor, curve: Tensor) -> tuple[Tensor, Tensor]:
    """The closest points ``[N, 3]`` of a polyline ``[M, 3]``, and the unit tangents there ``[N, 3]``."""
    begin, along = curve[:-1], curve[1:] - curve[:-1]
    share = ((points[:, None] - begin) * along).sum(dim=-1) / along.square().sum(dim=-1).clamp(min=1e-12)
    places = begin + share.clamp(0.0, 1.0)[..., None] * along
    nearest = (places - points[:, None]).norm(dim=-1).argmin(dim=1)
    return places[torch.arange(len(points)), nearest], functional.normalize(along[nearest], dim=1)


class _Shape:
    """What the quads should look like."""

    def __init__(self, origin: Tensor, quads: Tensor) -> None:
        self.origin, self.quads = origin, quads
        self.edge = (origin[quads] - origin[quads.roll(1, dims=1)]).norm(dim=-1).mean()
        laplacian = umbrella(quads.numpy(), len(origin)).tocoo()
        places = torch.from_numpy(np.stack([laplacian.row, laplacian.col]))
        values = torch.from_numpy(laplacian.data).float()
        self._laplacian = torch.sparse_coo_tensor(places, values, laplacian.shape, check_invariants=True).coalesce()

    def energy(self, points: Tensor, normals: Tensor) -> Tensor:
        """How far corners are from open ones, displacements from even ones, and edges from even ones."""
        corners = points[self.quads]
        ahead, behind = corners.roll(-1, dims=1) - corners, corners.roll(1, dims=1) - corners
        area = (torch.linalg.cross(ahead, behind) * normals[self.quads]).sum(dim=-1)
        sine = area / (ahead.norm(dim=-1) * behind.norm(dim=-1)).clamp(min=1e-9)
        bent = (self._laplacian @ (points - self.origin)) / self.edge
        uneven = (self._laplacian @ points) / self.edge
        closed = (OPEN - sine).clamp(min=0.0).square().sum()
        return closed + BENDING_WEIGHT * bent.square().sum() + EVENNESS_WEIGHT * uneven.square().sum()


def _settle(
    base: Tensor,
    surface: Surface,
    shape: _Shape,
    lines: list[tuple[Tensor, Tensor, Tensor]],
    outward: Tensor | None,
) -> Tensor:
    """One round, from ``base [V, 3]``; lines are of ``Guide.lines``."""
    distance, gradient = surface(base)
    length = gradient.norm(dim=1).clamp(min=LEAST_GRADIENT)
    normals = functional.normalize(gradient, dim=1)
    facing = normals if outward is None else normals * (normals * outward).sum(dim=1, keepdim=True).sign()
    points = base.clone().requires_grad_(True)
    descent = torch.optim.Adam([points], lr=RATE, betas=(0.8, 0.95))
    for _ in range(STEPS):
        descent.zero_grad()
        height = (distance / length + ((points - base) * normals).sum(dim=1)) / shape.edge
        energy = shape.energy(points, facing) + DISTANCE_WEIGHT * height.square().sum()
        for vertices, places, tangents in lines:
            offset = points[vertices] - places
            across = offset - (offset * tangents).sum(dim=1, keepdim=True) * tangents
            energy = energy + GUIDE_WEIGHT * (across / shape.edge).square().sum()
        energy.backward()
        descent.step()
    return points.detach()


def _vertex_normals(points: Tensor, quads: Tensor) -> Tensor:
    """Unit normals ``[V, 3]`` of a mesh, those of its quads weighted by area."""
    corners = points[quads]
    normal = torch.linalg.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    summed = torch.zeros_like(points).index_add_(0, quads.flatten(), normal.repeat_interleave(4, dim=0))
    return functional.normalize(summed, dim=1)
