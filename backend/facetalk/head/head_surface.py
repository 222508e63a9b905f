"""The canonical surface of a head, or of some of its parts, by sparse marching cubes."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from facetalk.head.meshing import TriangleMesh, marching_cubes_of_union
from facetalk.head.parametric_head import DistanceField, ParametricHead


def head_surface(
    head: ParametricHead,
    identity: Tensor,
    parts: Sequence[int] | None = None,
    resolution: int = 256,
    progress: Callable[[float], None] | None = None,
) -> TriangleMesh:
    """The surface of an identity ``[I]`` in canonical pose; see ``marching_cubes_of_union``.

    Args:
        head: any parametric head.
        identity: its code.
        parts: indices of the parts that count; all by default.
        resolution: samples per axis of the head's box.
        progress: called with the fraction done; may raise to cancel.
    """
    chosen = range(len(head.parts)) if parts is None else parts
    field = parts_field(head, identity, chosen)
    return marching_cubes_of_union(field, len(chosen), head.box, resolution, progress)


def parts_field(head: ParametricHead, identity: Tensor, parts: Sequence[int]) -> DistanceField:
    """Distances ``[N, len(parts)]`` to some parts of an identity alone, prepared for very many points."""
    every, chosen = head.distance_field(identity), list(parts)

    def field(points: Tensor, wanted: Tensor) -> Tensor:
        asked = torch.zeros(len(points), len(head.parts), dtype=torch.bool, device=points.device)
        asked[:, chosen] = wanted
        return every(points, asked)[:, chosen]

    return field
