"""The outer surface of a head as a scanner sees it: at rest, lips closed, not in the canonical pose of its field."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from facetalk.head.meshing import marching_cubes
from facetalk.head.parametric_head import ParametricHead

Array = NDArray[np.float64]

VISIBLE_PARTS = ("skin", "eyeballs")  # what a scan of a bald head shows; a head without parts shows itself
RESOLUTION = 96  # of the mesh whose vertices are the surface points: 14 mm cells, vertices 5 mm apart at most
PROJECTIONS = 3  # Newton steps; they end 0.01 mm from the surface or better
LONGEST_STEP = 0.02  # head units; a longer Newton step would leave the neighbourhood the gradient describes
LEAST_GRADIENT = 0.2
POINTS_PER_CHUNK = 20_000
FACE_BOX = np.array([[-0.29, -0.40, -0.02], [0.29, 0.32, 0.40]])  # ears, neck and hair lie outside
NEIGHBOURS = 4  # surface points whose displacement a scan point takes over


@dataclass(frozen=True)
class RestSurface:
    """Points of one identity's visible surface, in canonical pose and at rest.

    Attributes:
        canonical: ``[N, 3]``, head units.
        rest: the same points at rest ``[N, 3]``.
        normals: outward, ``[N, 3]``.
    """

    canonical: Array
    rest: Array
    normals: Array

    def to_canonical(self, points: Array, normals: Array | None) -> Array:
        """Undo the rest pose for points ``[N, 3]`` near the surface, by the displacement of the surface around them.

        Args:
            points: at rest, head units.
            normals: outward, ``[N, 3]``; they tell one lip from the other where the lips touch. None where unknown.
        """
        distance, index = cKDTree(self.rest).query(points, k=NEIGHBOURS)
        weight = 1.0 / (distance + 1e-3)
        if normals is not None:
            facing = (self.normals[index] * normals[:, None]).sum(axis=2)
            weight = weight * np.clip(facing, 1e-3, None)
        shift = ((self.rest - self.canonical)[index] * weight[:, :, None]).sum(axis=1)
        return np.asarray(points - shift / weight.sum(axis=1, keepdims=True))


def visible_distance(head: ParametricHead) -> Callable[[Tensor, Tensor], Tensor]:
    """Distance ``[N]`` of canonical points ``[N, 3]`` to what of an identity ``[I]`` can be seen from outside."""
    visible = visible_parts(head)

    def distance(points: Tensor, identity: Tensor) -> Tensor:
        return head.signed_distance(points, identity)[:, visible].amin(dim=1)

    return distance


def visible_parts(head: ParametricHead) -> list[int]:
    """Indices of the parts a scan shows."""
    named = [index for index, name in enumerate(head.parts) if name in VISIBLE_PARTS]
    return named or list(range(len(head.parts)))


def mean_surface_points(head: ParametricHead, progress: Callable[[float], None] | None = None) -> Tensor:
    """Canonical points ``[N, 3]`` all over the mean face's visible surface: where ``rest_surface`` starts from.

    Raises:
        ValueError: the field has no surface in its box.
    """
    mean = torch.zeros(head.identity_size, device=head.device)
    visible = visible_distance(head)

    def distance(points: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.cat([visible(chunk, mean) for chunk in points.split(POINTS_PER_CHUNK)])

    mesh = marching_cubes(distance, head.box, RESOLUTION, progress)
    if not len(mesh.vertices):
        raise ValueError("the mean head has no surface")
    return torch.from_numpy(mesh.vertices).to(head.box)


def rest_surface(head: ParametricHead, identity: Tensor, starts: Tensor) -> RestSurface:
    """The visible surface of an identity, at rest.

    Args:
        head: any parametric head.
        identity: code ``[I]``.
        starts: canonical points ``[N, 3]`` near the surface, from ``mean_surface_points``.

    Returns:
        Up to N points; those that did not reach the surface, or that the head could not pose, are left out.
    """
    visible = visible_distance(head)
    points, identity = starts, identity.detach()
    for _ in range(PROJECTIONS):
        distance, gradient = distance_and_gradient(visible, points, identity)
        length = gradient.norm(dim=1, keepdim=True).clamp(min=LEAST_GRADIENT)
        step = (distance[:, None] / length).clamp(-LONGEST_STEP, LONGEST_STEP)
        points = points - step * gradient / length
    distance, gradient = distance_and_gradient(visible, points, identity)
    arrived = distance.abs() < 0.1 * LONGEST_STEP
    points, gradient = points[arrived], gradient[arrived]
    with torch.no_grad():
        chunks = [head.signed_distance(chunk, identity) for chunk in points.split(POINTS_PER_CHUNK)]
        choice = torch.tensor(visible_parts(head), device=points.device)
        parts = choice[torch.cat(chunks)[:, choice].argmin(dim=1)]
        still = torch.zeros(1, head.expression_size, device=head.device)
        posed = head.prepare(points, parts, identity).pose(still)
    kept = posed.converged[0]
    normals = gradient / gradient.norm(dim=1, keepdim=True).clamp(min=1e-9)
    return RestSurface(*(tensor[kept].double().cpu().numpy() for tensor in (points, posed.points[0], normals)))


def distance_and_gradient(
    field: Callable[[Tensor, Tensor], Tensor], points: Tensor, identity: Tensor
) -> tuple[Tensor, Tensor]:
    """A field's values ``[N]`` at points ``[N, 3]`` and their gradients ``[N, 3]``, detached."""
    values, gradients = [], []
    for chunk in points.split(POINTS_PER_CHUNK):
        leaf = chunk.detach().requires_grad_(True)
        with torch.enable_grad():
            value = field(leaf, identity)
            (gradient,) = torch.autograd.grad(value.sum(), leaf)
        values.append(value.detach())
        gradients.append(gradient)
    return torch.cat(values), torch.cat(gradients)


def in_face(points: Array) -> NDArray[np.bool_]:
    """Which points ``[N, 3]`` at rest, head units, belong to the face: brow to chin, without ears."""
    return np.asarray(((points > FACE_BOX[0]) & (points < FACE_BOX[1])).all(axis=1))


def seen_from_front(points: Array, cell: float = 0.02, depth: float = 0.06) -> NDArray[np.bool_]:
    """Which points ``[N, 3]`` of a surface, head units, nothing hides from the front: no inner walls."""
    column = np.floor(points[:, :2] / cell).astype(np.int64)
    _, column = np.unique(column, axis=0, return_inverse=True)
    foremost = np.full(int(column.max(initial=0)) + 1, -np.inf)
    np.maximum.at(foremost, column.ravel(), points[:, 2])
    return np.asarray(points[:, 2] > foremost[column.ravel()] - depth)
