"""Eyeballs keep their shape and teeth are rigid, whatever the expression field makes of them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from facetalk.topology.template import Template

TURNING = ("eyeballs",)  # these turn about their middle and go nowhere; only along them, as pupils do, may points slide
MOVING = ("upper_teeth", "lower_teeth")


@dataclass(frozen=True)
class RigidPart:
    """Vertices that move as one body.

    Attributes:
        vertices: their indices ``[N]``.
        shape: where they are in canonical pose, ``[N, 3]``, about ``pivot``.
        pivot: their middle ``[3]``.
        turns_only: whether the pivot stays.
    """

    vertices: Tensor
    shape: Tensor
    pivot: Tensor
    turns_only: bool


def rigid_parts(template: Template, canonical: Tensor) -> list[RigidPart]:
    """The rigid parts of a template on one identity.

    Args:
        template: the template; its groups name the parts.
        canonical: its vertices on the identity in canonical pose ``[V, 3]``.
    """
    parts = []
    for name in (*TURNING, *MOVING):
        group = torch.from_numpy(template.groups[name].astype("int64")).to(canonical.device)
        bodies = [group]
        if name in TURNING:
            left = canonical[group, 0] > 0
            bodies = [group[left], group[~left]]
        for body in bodies:
            points = canonical[body]
            pivot = _sphere_centre(points) if name in TURNING else points.mean(dim=0)
            parts.append(RigidPart(body, points - pivot, pivot, name in TURNING))
    return parts


def make_rigid(posed: Tensor, parts: list[RigidPart]) -> Tensor:
    """Posed vertices ``[T, V, 3]`` with every rigid part moved as the body nearest to what it was given."""
    posed = posed.clone()
    for part in parts:
        points = posed[:, part.vertices]
        posed[:, part.vertices] = _on_the_ball(points, part) if part.turns_only else _as_one_body(points, part)
    return posed


def _on_the_ball(points: Tensor, part: RigidPart) -> Tensor:
    """Points ``[T, N, 3]`` as far from the pivot as they are in canonical pose, and nowhere on the whole."""
    offset = points - points.mean(dim=1, keepdim=True) + part.shape.mean(dim=0)
    return part.pivot + offset * (part.shape.norm(dim=1) / offset.norm(dim=2).clamp(min=1e-9))[..., None]


def _as_one_body(points: Tensor, part: RigidPart) -> Tensor:
    """Points ``[T, N, 3]`` turned and shifted by least squares (Kabsch, Acta Crystallographica A32, 1976)."""
    middle = points.mean(dim=1, keepdim=True)
    left, _, right = torch.linalg.svd(part.shape.T @ (points - middle))
    # A reflection would fit a symmetric body as well; it is no motion.
    handed = torch.ones(len(points), 3, device=points.device)
    handed[:, 2] = torch.linalg.det(left @ right).sign()
    return part.shape @ (left @ (handed[:, :, None] * right)) + middle


def _sphere_centre(points: Tensor) -> Tensor:
    system = torch.cat([2.0 * points, torch.ones_like(points[:, :1])], dim=1).double()
    return torch.linalg.lstsq(system, points.double().square().sum(dim=1, keepdim=True)).solution[:3, 0].to(points)
