"""Pictures of a face without a window: all frames of its take, or single ones from chosen sides."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from . import hair_object, stage
from .point_cache import MESH_CACHE


class Still(NamedTuple):
    """A single picture: a scene frame, a view of ``stage.VIEWS``, and where it goes."""

    frame: int
    view: str
    path: Path


def render_frames(folder: Path, first: int, last: int, report: IO[str]) -> None:
    """Render scene frames to ``folder/00001.png`` and on, saying after each how many are done.

    Args:
        folder: an existing folder.
        first: first scene frame.
        last: last scene frame, rendered too.
        report: where progress goes.
    """
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = first, last
    _set_picture(scene, folder / "#####")
    # the video's encoder reads them at once: small files are not worth the time
    scene.render.image_settings.compression = 0

    def frame_written(written: bpy.types.Scene, _: object) -> None:
        tell(report, done=written.frame_current - first + 1, total=last - first + 1)

    bpy.app.handlers.render_write.append(frame_written)
    # as one animation: a quarter faster than frame by frame, for the face is set up only once
    bpy.ops.render.render(animation=True)
    bpy.app.handlers.render_write.remove(frame_written)


def render_stills(
    face: bpy.types.Object, stills: Sequence[Still], report: IO[str], close_up: str | None = None
) -> None:
    """Render single pictures, each framed on the neutral head from its own side.

    Args:
        face: the face, in the scene.
        stills: the pictures.
        report: is told how many are done.
        close_up: a vertex group of the face to look at instead of the whole head.

    Raises:
        KeyError: there is no such group.
    """
    scene = bpy.context.scene
    seen = resting_vertices(face) if close_up is None else _resting_group(face, close_up)
    fill = stage.FILL if close_up is None else stage.CLOSE_UP_FILL
    for done, still in enumerate(stills, start=1):
        scene.frame_set(still.frame)
        stage.frame_view(scene, seen, still.view, fill)
        _set_picture(scene, still.path)
        bpy.ops.render.render(write_still=True)
        tell(report, done=done, total=len(stills))


def resting_vertices(face: bpy.types.Object) -> NDArray[np.float32]:
    """Vertices ``[V, 3]`` of the neutral face and its hair where they are placed: pictures are framed on them.

    Hair that falls below the neck's end may run out of the picture: it would uncover that end.
    """
    neutral = _placed(face, _neutral(face))
    hair = [_positions(worn.data.vertices) for worn in hair_object.worn_by(face)]
    return np.concatenate([neutral, *(each[each[:, 2] >= neutral[:, 2].min()] for each in hair)])


def _neutral(face: bpy.types.Object) -> NDArray[np.float32]:
    keys = face.data.shape_keys
    return _positions(keys.key_blocks[0].points if keys else face.data.vertices)


def _positions(points: bpy.types.bpy_prop_collection) -> NDArray[np.float32]:
    positions = np.empty(3 * len(points), np.float32)
    points.foreach_get("co", positions)
    return positions.reshape(-1, 3)


def _placed(face: bpy.types.Object, positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points ``[N, 3]`` of a face's own space in the scene's."""
    matrix = np.array(face.matrix_basis, np.float32)
    return np.asarray(positions @ matrix[:3, :3].T + matrix[:3, 3])


def _resting_group(face: bpy.types.Object, name: str) -> NDArray[np.float32]:
    """Vertices ``[N, 3]`` of a vertex group of the neutral face."""
    group = face.vertex_groups[name].index
    members = [v.index for v in face.data.vertices if any(entry.group == group for entry in v.groups)]
    return _placed(face, _neutral(face))[members]


def draw_wires(face: bpy.types.Object) -> None:
    """Draw the mesh's edges over the face or its hair, for pictures of its topology (Cycles shows them dark)."""
    ink = bpy.data.materials.new("Wires")
    ink.use_nodes = True
    shader = next(node for node in ink.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (0.01, 0.01, 0.012, 1.0)
    face.data.materials.append(ink)
    for modifier in face.modifiers[:]:
        if modifier.type != MESH_CACHE:  # which moves it
            face.modifiers.remove(modifier)
    wires = face.modifiers.new("Wires", "WIREFRAME")
    wires.thickness = 0.00035
    wires.use_replace = False
    wires.material_offset = len(face.data.materials)  # Blender takes the last there is


def tell(report: IO[str], **content: object) -> None:
    """One line of JSON for whoever waits."""
    print(json.dumps(content), file=report, flush=True)


def _set_picture(scene: bpy.types.Scene, path: Path) -> None:
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    scene.render.filepath = str(path)
