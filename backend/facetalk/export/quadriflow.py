"""QuadriFlow, in a child process: Blender has it."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from facetalk.export.blender_process import BlenderProcess, require_blender
from facetalk.head.meshing import TriangleMesh

BLENDER_UNITS = 100.0  # per head unit: Blender calls edges shorter than 0.0001 of its units no edges


def quadriflow(mesh: TriangleMesh, quads: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Cover a surface with about so many quads; a ``facetalk.topology.quad_skin.Remesh``.

    Args:
        mesh: the surface, a manifold; its borders are kept.
        quads: how many, more or less.

    Returns:
        Vertices ``[V, 3]``, and quads ``[Q, 4]``.

    Raises:
        UserError: Blender is missing, or QuadriFlow gives up.
    """
    require_blender()
    with TemporaryDirectory(prefix="facetalk-quads-") as folder:
        source, target = Path(folder) / "surface.npz", Path(folder) / "quads.npz"
        np.savez(source, vertices=BLENDER_UNITS * mesh.vertices, triangles=mesh.triangles)
        arguments: list[str | Path] = ["--source", source, "--target", target, "--quads", str(quads)]
        with BlenderProcess(["remesh", *arguments]) as blender:
            for _ in blender.finish():
                pass
        with np.load(target, allow_pickle=False) as made:
            return made["vertices"].astype(np.float64) / BLENDER_UNITS, made["quads"].astype(np.int64)
