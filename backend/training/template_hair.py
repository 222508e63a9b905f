"""The hair that a template wears: every style of the mean neural head as quads.

``python -m training.template_hair --data DATA`` gives the shipped template its hair anew.
"""

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.bundle import read_bundle, read_manifest, write_bundle
from facetalk.head.head import Head
from facetalk.head.meshing import marching_cubes
from facetalk.presets import HEAD, presets_folder
from training.hair_pits import fill_pits
from training.hair_styles import hair_locks
from training.ict_heads import IctHeads
from training.quad_parts import voxel_quads
from training.sculptures import mean_skin
from training.skin_surface import SkinSurface
from training.strand_coordinates import strand_uv
from training.template_pieces import components

Array = NDArray[np.float64]

log = logging.getLogger(__name__)

WEARER = presets_folder() / "topologies" / "hm08"  # other shipped templates wear its hair
HAIR_QUADS = {"curls": 28_000, "afro": 28_000}  # the others have broader locks
STRAIGHT_HAIR_QUADS = 14_000
HAIR_RESOLUTION = 224
OPEN = ("curls", "afro")  # holes between their locks are meant


def hair_tensors(head: Head, skin: SkinSurface) -> dict[str, torch.Tensor]:
    """The hair of a template.

    Args:
        head: whose hair it is.
        skin: that it was sculpted on.

    Returns:
        By name: ``hair.STYLE.vertices``, ``quads`` and ``uv``.
    """
    tensors = {}
    for style in head.hair_styles:
        code = head.with_hair(head.identity("average"), style)

        def distance(points: torch.Tensor, code: torch.Tensor = code) -> torch.Tensor:
            return head.signed_distance(points, code)[:, -1]

        mesh = marching_cubes(distance, head.box, HAIR_RESOLUTION)
        vertices, quads = voxel_quads(*components(mesh, 1), HAIR_QUADS.get(style, STRAIGHT_HAIR_QUADS))
        if style not in OPEN:
            vertices = fill_pits(vertices, quads)
        tensors[f"hair.{style}.vertices"] = torch.from_numpy(vertices.astype(np.float32))
        tensors[f"hair.{style}.quads"] = torch.from_numpy(quads.astype(np.int32))
        uv = strand_uv(vertices, quads, hair_locks(style, skin))
        tensors[f"hair.{style}.uv"] = torch.from_numpy(uv.astype(np.float32))
        log.info("%s: %d quads", style, len(quads))
    return tensors


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Give the shipped template its hair anew.")
    parser.add_argument("--data", type=Path, required=True, help="folder with ict_light.npz")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    head = Head.load(presets_folder() / HEAD, torch.device("cpu"))
    hair = hair_tensors(head, mean_skin(IctHeads.load(options.data)))
    bundle, manifest = read_bundle(WEARER, "topology"), read_manifest(WEARER)
    write_bundle(
        WEARER,
        kind=bundle.kind,
        name=bundle.name,
        config=bundle.config,
        tensors=bundle.tensors | hair,
        licence=manifest["licence"],
        attributions=manifest["attributions"],
        training=manifest["training"],
    )


if __name__ == "__main__":
    main()
