"""From signed distance to triangles: sparse marching cubes, coarse to fine."""

from collections.abc import Callable
from dataclasses import dataclass

import mcubes
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

COARSEST = 32  # samples per axis of the first, dense level
MARGIN = 2.0  # cells around the interpolated surface that are evaluated again at the next level


@dataclass(frozen=True)
class TriangleMesh:
    """A triangle mesh in head units.

    Attributes:
        vertices: ``[V, 3]`` float64.
        triangles: ``[F, 3]`` int64, normals outwards.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]


def marching_cubes(
    distance: Callable[[Tensor], Tensor],
    box: Tensor,
    resolution: int = 256,
    progress: Callable[[float], None] | None = None,
) -> TriangleMesh:
    """The zero surface of a signed distance.

    The grid is the NPHM family's: inclusive at both ends of the box on every axis. A level is interpolated from the one
    before, and only samples near the interpolated surface are evaluated.

    Args:
        distance: maps points ``[N, 3]`` to distances ``[N]``, negative inside, Lipschitz about 1.
        box: lowest and highest corner ``[2, 3]``.
        resolution: samples per axis of the finest level, at least ``COARSEST``.
        progress: called with the fraction done after every level; may raise to cancel.

    Raises:
        ValueError: the resolution is below ``COARSEST``.
    """
    if resolution < COARSEST:
        raise ValueError(f"resolution {resolution} is below {COARSEST}")
    levels = [resolution]
    while levels[0] >= 2 * COARSEST:
        levels.insert(0, (levels[0] + 1) // 2)
    values = distance(_grid(box, levels[0])).view((levels[0],) * 3)
    for done, level in enumerate(levels[1:], start=1):
        values = functional.interpolate(values[None, None], size=(level,) * 3, mode="trilinear", align_corners=True)[
            0, 0
        ]
        cell = float((box[1] - box[0]).max()) / (level - 1)
        near = (values.abs() < MARGIN * 1.75 * cell).nonzero()
        values[tuple(near.T)] = distance(_positions(near, box, level))
        if progress is not None:
            progress(done / len(levels))
    # mcubes takes the inside to be above the threshold: the sign is turned, as the published models do.
    vertices, triangles = mcubes.marching_cubes(-values.cpu().numpy().astype(np.float64), 0.0)
    low, high = box.cpu().numpy().astype(np.float64)
    if progress is not None:
        progress(1.0)
    return TriangleMesh(low + vertices * (high - low) / (resolution - 1), triangles.astype(np.int64))


def _grid(box: Tensor, resolution: int) -> Tensor:
    axis = torch.arange(resolution, device=box.device)
    return _positions(torch.cartesian_prod(axis, axis, axis), box, resolution)


def _positions(indices: Tensor, box: Tensor, resolution: int) -> Tensor:
    return box[0] + indices.to(box.dtype) * (box[1] - box[0]) / (resolution - 1)
