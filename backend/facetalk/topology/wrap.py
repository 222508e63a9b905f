"""Landing the template on the neural surface of an identity, in canonical pose."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.head.head import Head
from facetalk.topology.surface_fit import fit_to_surface, umbrella, warp
from facetalk.topology.template import Template

Array = NDArray[np.float64]

STIFFNESS = [30.0, 10.0, 3.0, 1.0, 0.5, 0.3, 0.2]  # bending against distance, step by step
FACING = 0.3  # cosine between a vertex's normal and the field's gradient under which it is not pulled
PINNED = 3.0  # pull of the feature edges towards their landmarks; the surface pulls with 1
REACH = 0.03  # head units: a vertex further from its surface than this is hardly pulled


def wrap(
    head: Head, identity: Tensor, template: Template, progress: Callable[[float], None] | None = None
) -> NDArray[np.float32]:
    """Vertices of the template on the zero surface of an identity, every part on its own.

    Landmarks, which the head predicts from the code, carry the template from the average head to the identity; then it
    is drawn onto the surface with a penalty on bending, so that lips, lids and quads keep their shape.

    Args:
        head: the head.
        identity: code ``[I]``.
        template: the template, which lies on the average head.
        progress: called with the fraction done after every step; may raise to cancel.

    Returns:
        ``[V, 3]`` canonical, head units.
    """
    average = head.identity("average")
    source, target = (guides(head, code) for code in (average, identity))
    start = warp(template.vertices.astype(np.float64), source, target)
    laplacian = umbrella(template.quads.astype(np.int64), len(start))
    parts = torch.from_numpy(template.parts.astype(np.int64)).to(head.device)
    steps = 0

    def closest(vertices: Array) -> tuple[Array, Array]:
        nonlocal steps
        steps += 1
        if progress is not None:
            progress(steps / len(STIFFNESS))
        points = torch.from_numpy(vertices.astype(np.float32)).to(head.device)
        distance, gradient = head.part_distance(points, parts, identity)
        length = gradient.norm(dim=1, keepdim=True).clamp(min=0.2)
        foot = (points - distance[:, None] * gradient / length.square()).double().cpu().numpy()
        outwards = (gradient / length).double().cpu().numpy()
        facing = (vertex_normals(vertices, template.quads) * outwards).sum(axis=1) > FACING
        gap = distance.double().cpu().numpy()
        return foot, facing * np.exp(-((gap / REACH) ** 2))

    # Lip lines and lid rims are ridges: along them a surface cannot hold a vertex in place, the landmarks can.
    edges = template.groups["feature_edges"].astype(np.int64)
    pinned = (edges, start[edges], PINNED)
    return fit_to_surface(start, laplacian, closest, STIFFNESS, pinned).astype(np.float32)


def guides(head: Head, identity: Tensor) -> Array:
    """What carries the template from face to face: landmarks and anchors of an identity, ``[L + A, 3]``."""
    both = torch.cat([head.landmarks(identity), head.anchors(identity)])
    # A landmark and an anchor may be the same point of the face; a warp must not see it twice.
    points: Array = both.double().cpu().numpy()
    mean = torch.cat([head.landmarks(torch.zeros_like(identity)), head.anchors(torch.zeros_like(identity))])
    _, first = np.unique(mean.cpu().numpy().round(3), axis=0, return_index=True)
    return points[np.sort(first)]


def vertex_normals(vertices: Array, quads: NDArray[np.int32]) -> Array:
    """Unit vertex normals ``[V, 3]`` of a quad mesh, weighted by area."""
    corners = vertices[quads]
    faces = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normals = np.zeros_like(vertices)
    for corner in range(4):
        np.add.at(normals, quads[:, corner], faces)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))
