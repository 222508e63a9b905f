"""Quads over a triangle mesh, by QuadriFlow (Huang et al., Computer Graphics Forum 37, 2018), as Blender has it."""

from pathlib import Path

import bpy
import numpy as np

from .records import BackendError

NAME = "Surface"


def remesh(source: Path, target: Path, faces: int) -> None:
    """Cover a surface with quads.

    Args:
        source: .npz with ``vertices [V, 3]`` and ``triangles [F, 3]`` of a manifold; its borders are kept.
        target: .npz to write, ``vertices`` and ``quads [Q, 4]``.
        faces: about how many quads.

    Raises:
        BackendError: QuadriFlow gave up, or made other faces than quads.
    """
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    surface = _surface(source)
    # The same seed, and so the same quads, every time.
    done = bpy.ops.object.quadriflow_remesh(
        mode="FACES", target_faces=faces, use_preserve_boundary=True, use_mesh_symmetry=False, seed=0
    )
    made = surface.data
    sizes = np.empty(len(made.polygons), np.int32)
    made.polygons.foreach_get("loop_total", sizes)
    if done != {"FINISHED"} or not len(sizes) or (sizes != 4).any():
        raise BackendError(f"QuadriFlow cannot cover this surface with about {faces} quads: ask for another number.")
    quads, vertices = np.empty(4 * len(sizes), np.int32), np.empty(3 * len(made.vertices), np.float32)
    made.loops.foreach_get("vertex_index", quads)
    made.vertices.foreach_get("co", vertices)
    np.savez(target, vertices=vertices.reshape(-1, 3), quads=quads.reshape(-1, 4))


def _surface(source: Path) -> bpy.types.Object:
    with np.load(source, allow_pickle=False) as arrays:
        vertices, triangles = arrays["vertices"], arrays["triangles"]
    mesh = bpy.data.meshes.new(NAME)
    mesh.from_pydata(vertices.tolist(), [], triangles.tolist())
    surface = bpy.data.objects.new(NAME, mesh)
    bpy.context.scene.collection.objects.link(surface)
    bpy.context.view_layer.objects.active = surface
    surface.select_set(True)
    return surface
