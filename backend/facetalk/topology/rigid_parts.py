"""Teeth are rigid: what the expression field makes of them is reduced to a rotation and a shift."""

from dataclasses import dataclass

import torch
from torch import Tensor

from facetalk.topology.template import Template

RIGID = ("upper_teeth", "lower_teeth")


@dataclass(frozen=True)
class RigidPart:
    """Vertices that move as one body.

    Attributes:
        vertices: their indices ``[N]``.
        shape: where they are in canonical pose about their middle ``[N, 3]``.
    """

    vertices: Tensor
    shape: Tensor


def rigid_parts(template: Template, canonical: Tensor) -> list[RigidPart]:
    """The rigid parts of a template on one identity.

    Args:
        template: the template; its groups name the parts.
        canonical: its vertices on the identity in canonical pose ``[V, 3]``.
    """
    parts = []
    for name in RIGID:
        group = torch.from_numpy(template.groups[name].astype("int64")).to(canonical.device)
        points = canonical[group]
        parts.append(RigidPart(group, points - points.mean(dim=0)))
    return parts


def make_rigid(posed: Tensor, parts: list[RigidPart]) -> Tensor:
    """Posed vertices ``[T, V, 3]`` with every rigid part moved as the body nearest to what it was given.

    The rotation is the least-squares one (Kabsch, Acta Crystallographica A32, 1976).
    """
    posed = posed.clone()
    for part in parts:
        points = posed[:, part.vertices]
        middle = points.mean(dim=1, keepdim=True)
        left, _, right = torch.linalg.svd(part.shape.T @ (points - middle))
        # A reflection would fit a symmetric body as well; it is no motion.
        handed = torch.ones(len(posed), 3, device=posed.device)
        handed[:, 2] = torch.linalg.det(left @ right).sign()
        posed[:, part.vertices] = part.shape @ (left @ (handed[:, :, None] * right)) + middle
    return posed
