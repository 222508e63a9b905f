"""The hair that a template wears: every style of the mean neural head as quads."""

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.head.head import Head
from facetalk.head.meshing import marching_cubes
from training.quad_parts import voxel_quads
from training.template_pieces import components

Array = NDArray[np.float64]

HAIR_QUADS = {"curls": 28_000, "afro": 28_000}  # the others have broader locks
STRAIGHT_HAIR_QUADS = 14_000
HAIR_RESOLUTION = 224


def hair_tensors(head: Head) -> dict[str, torch.Tensor]:
    """By name: ``hair.STYLE.vertices``, ``quads`` and ``uv``."""
    tensors = {}
    for style in head.hair_styles:
        code = head.with_hair(head.identity("average"), style)

        def distance(points: torch.Tensor, code: torch.Tensor = code) -> torch.Tensor:
            return head.signed_distance(points, code)[:, -1]

        mesh = marching_cubes(distance, head.box, HAIR_RESOLUTION)
        vertices, quads = voxel_quads(*components(mesh, 1), HAIR_QUADS.get(style, STRAIGHT_HAIR_QUADS))
        tensors[f"hair.{style}.vertices"] = torch.from_numpy(vertices.astype(np.float32))
        tensors[f"hair.{style}.quads"] = torch.from_numpy(quads.astype(np.int32))
        tensors[f"hair.{style}.uv"] = torch.from_numpy(_around_head(vertices)[quads].astype(np.float32))
    return tensors


def _around_head(vertices: Array) -> Array:
    """UVs ``[V, 2]`` of hair: angle about the head's vertical axis, and height."""
    angle = np.arctan2(vertices[:, 0], vertices[:, 2] + 0.2) / (2.0 * np.pi) + 0.5
    height = (vertices[:, 1] - vertices[:, 1].min()) / np.ptp(vertices[:, 1])
    return np.stack([0.02 + 0.96 * angle, 0.02 + 0.96 * height], axis=1)
