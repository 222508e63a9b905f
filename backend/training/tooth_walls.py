"""The sides of crowns that face a neighbour are closed, so that nobody looks into a tooth from between two.

``python -m training.tooth_walls`` closes those of the shipped templates. A crown is left open where its neighbour
touches it (``tooth_crowns``). From the front one still sees past the edge of that hole into a dark shell: bared teeth
had black slits between them. Quads from one half of the edge to the other close it, with no vertex of their own, for
there is no neural surface that one could lie on; so what names vertices of the default template, as a face tracker's
landmarks do, goes on to.
"""

import argparse
import json
import logging
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.bundle import read_bundle, read_manifest, write_bundle
from facetalk.capture.face_points import FACE_POINTS_FILE, mesh_fingerprint
from facetalk.output_file import written_whole
from facetalk.presets import TOPOLOGY, presets_folder
from facetalk.topology.connected_pieces import connected_pieces
from facetalk.topology.mesh_shape import bad_quads, corner_angles, tangled_faces, turned_over
from facetalk.topology.template import Template
from facetalk.topology.template_rims import border_loops

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

log = logging.getLogger(__name__)

OPEN_CROWNS = ("hm08", "fine")  # templates; the light one's crowns are whole
UPRIGHT = 0.1  # cosine between a wall's quad and those around it: less turns over on some identities
BEHIND = 0.04  # z in head units: holes further back are never seen, nor closed
ROWS = {"upper_teeth": True, "lower_teeth": False}  # whether the biting edge is below


def side_walls(vertices: Array, quads: Indices, upper: bool) -> Indices:
    """Quads ``[W, 4]`` that close the sides of a row of teeth where they are seen; to the gum they stay open.

    Args:
        vertices: ``[V, 3]``, each tooth a shell of its own.
        quads: the row's ``[Q, 4]``.
        upper: whether the biting edge is below.

    Raises:
        ValueError: a hole has an odd number of edges, which quads alone cannot close.
    """
    edges = np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    tooth = connected_pieces(edges, len(vertices))
    holes: dict[int, list[Indices]] = defaultdict(list)
    for loop in border_loops(quads):
        holes[int(tooth[loop[0]])].append(loop)
    walls = []
    for piece, loops in holes.items():
        heights = [(1.0 if upper else -1.0) * float(vertices[loop, 1].mean()) for loop in loops]
        neck = int(np.argmax(heights))
        crown = quads[tooth[quads[:, 0]] == piece]
        seen = [vertices[loop, 2].mean() > BEHIND and number != neck for number, loop in enumerate(loops)]
        walls += [_wall(vertices, crown, loop) for loop, open_to_see in zip(loops, seen, strict=True) if open_to_see]
    return _apart(vertices, quads, walls)


def _wall(vertices: Array, crown: Indices, loop: Indices) -> Indices:
    """The strip of quads across a hole of a crown ``[C, 4]`` that folds least and has the least slanting corners."""
    if len(loop) % 2:
        raise ValueError(f"a hole has {len(loop)} edges: quads close an even number")

    def faults(strip: Indices) -> tuple[int, int, float]:
        folded = turned_over(vertices, np.concatenate([crown, strip]), UPRIGHT).sum()
        slant = np.abs(corner_angles(vertices, strip) - 90.0).max()
        return int(folded), int(bad_quads(vertices, strip).sum()), float(slant)

    return min((_strip(np.roll(loop, -start)) for start in range(len(loop) // 2)), key=faults)


def _apart(vertices: Array, quads: Indices, walls: list[Indices]) -> Indices:
    """The walls but for those that fold, or go through crowns or other walls: those holes stay open."""
    number = np.repeat(np.arange(len(walls)), [len(wall) for wall in walls])
    together = np.concatenate(walls) if walls else np.empty((0, 4), np.int64)
    wrong = tangled_faces(vertices, np.concatenate([quads, together]), UPRIGHT)
    return together[~np.isin(number, number[wrong[wrong >= len(quads)] - len(quads)])]


def _strip(loop: Indices) -> Indices:
    """Quads between the first half of a loop and its second one backwards, facing as the faces around the hole do."""
    there, back = loop[: len(loop) // 2], loop[len(loop) // 2 :][::-1]
    return np.stack([there[:-1], back[:-1], back[1:], there[1:]], axis=1)


@dataclass(frozen=True)
class _Faces:
    """What a template says of its faces."""

    quads: Indices
    uv: NDArray[np.float32]
    material_index: NDArray[np.int32]

    def walled(self, vertices: Array, row: Indices, upper: bool) -> "_Faces":
        """With walls behind the last quad of a row, given by its vertices; they take its corners' UVs and material."""
        own = np.flatnonzero(np.isin(self.quads, row).all(axis=1))
        walls = side_walls(vertices, self.quads[own], upper)
        uv_of_vertex = np.zeros((len(vertices), 2), np.float32)
        uv_of_vertex[self.quads[own]] = self.uv[own]
        end = int(own.max()) + 1
        material = np.full(len(walls), self.material_index[own[0]], np.int32)
        return _Faces(
            np.insert(self.quads, end, walls, axis=0),
            np.insert(self.uv, end, uv_of_vertex[walls], axis=0),
            np.insert(self.material_index, end, material),
        )


def close_sides(name: str) -> int:
    """Close the sides of a shipped template's teeth; returns how many quads that took.

    Raises:
        ValueError: see ``side_walls``.
    """
    folder = presets_folder() / "topologies" / name
    bundle, manifest = read_bundle(folder, "topology"), read_manifest(folder)
    tensors = dict(bundle.tensors)
    vertices = tensors["vertices"].double().numpy()
    before = faces = _Faces(
        tensors["quads"].numpy().astype(np.int64), tensors["uv"].numpy(), tensors["material_index"].numpy()
    )
    for row, upper in ROWS.items():
        faces = faces.walled(vertices, tensors[f"groups.{row}"].numpy().astype(np.int64), upper)
    tensors["quads"] = torch.from_numpy(faces.quads.astype(np.int32))
    tensors["uv"], tensors["material_index"] = torch.from_numpy(faces.uv), torch.from_numpy(faces.material_index)
    write_bundle(
        folder,
        kind=bundle.kind,
        name=bundle.name,
        config=bundle.config,
        tensors=tensors,
        licence=manifest["licence"],
        attributions=manifest["attributions"],
        training=manifest["training"],
    )
    return len(faces.quads) - len(before.quads)


def keep_landmarks() -> None:
    """Tie a face tracker's landmarks to the default template as it is now: its vertices are what they were."""
    content = json.loads(FACE_POINTS_FILE.read_text(encoding="utf-8"))
    content["mesh"] = mesh_fingerprint(Template.load(presets_folder() / TOPOLOGY))
    with written_whole(FACE_POINTS_FILE) as staged:
        staged.write_text(json.dumps(content) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Close the sides of the shipped templates' teeth.")
    parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name in OPEN_CROWNS:
        log.info("%s: %d quads", name, close_sides(name))
    keep_landmarks()


if __name__ == "__main__":
    main()
