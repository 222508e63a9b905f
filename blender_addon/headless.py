"""Blender without a window: a record stream becomes a .blend file, a .blend file becomes pictures.

Run as ``python -m blender_addon.headless build|render`` by a Python that has bpy. Standard output carries one
JSON object a line and nothing else: ``{"done": n, "total": n}`` while it works, ``{"error": sentence}`` if it cannot;
Blender's own chatter goes to standard error.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from . import compat, face_object, hair_object, stage
from .frame_stream import ByteSource, read_take
from .head_motion import HeadMotion, apply_head_motion
from .motion_writer import MotionWriter
from .records import BackendError, Frame, Hair, Hello, Key, Keys, StreamError, Topology

FIRST_FRAME = 1
FACE_NAME = "Face"
WORKBENCH, CYCLES = "BLENDER_WORKBENCH", "CYCLES"
RESOLUTION = (512, 512)


class Still(NamedTuple):
    """A single picture: a scene frame, a view of ``stage.VIEWS``, and where it goes."""

    frame: int
    view: str
    path: Path


def build(source: ByteSource, sound: Path | None, blend: Path, motion: HeadMotion | None = None) -> None:
    """Write a .blend from a record stream: face, shape keys, hair, sound, camera, lights.

    Args:
        source: records as in docs/protocol.md, read while they come.
        sound: the speech, packed into the file; None for a silent one.
        blend: the file to write; a caller who may stop half way gives a temporary place.
        motion: how the head turns.

    Raises:
        BackendError: the stream carries an error.
        StreamError: the stream is damaged or was cut off.
    """
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    records = read_take(source)
    hello, topology = next(records), next(records)
    assert isinstance(hello, Hello), "the reader has checked the order"
    assert isinstance(topology, Topology), "the reader has checked the order"
    _set_time(scene, hello)
    face = face_object.create_face(FACE_NAME, topology)
    face["facetalk"] = json.dumps(asdict(hello))
    writer = MotionWriter(face, scene, FIRST_FRAME, hello.frame_count)
    for record in records:
        if isinstance(record, Hair):
            hair_object.create_hair(face, record)
        elif isinstance(record, Frame | Keys | Key):
            writer.write(record)
        if isinstance(record, Keys):
            face["facetalk"] = json.dumps({**asdict(hello), "keys": asdict(record)})
    writer.finish()
    if sound is not None:
        _add_sound(scene, sound)
    scene.render.resolution_x, scene.render.resolution_y = RESOLUTION
    scene.render.engine = WORKBENCH
    stage.build_stage(scene, _resting_vertices(face))
    if motion is not None:
        apply_head_motion(face, scene, motion, FIRST_FRAME)
        scene.frame_set(FIRST_FRAME)
    _open_on_the_face()
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=True)


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
        _tell(report, done=written.frame_current - first + 1, total=last - first + 1)

    bpy.app.handlers.render_write.append(frame_written)
    # as one animation: a quarter faster than frame by frame, for the face is set up only once
    bpy.ops.render.render(animation=True)
    bpy.app.handlers.render_write.remove(frame_written)


def render_stills(stills: Sequence[Still], report: IO[str], close_up: str | None = None) -> None:
    """Render single pictures, each framed on the neutral head from its own side.

    Args:
        stills: the pictures.
        report: is told how many are done.
        close_up: a vertex group of the face to look at instead of the whole head.

    Raises:
        KeyError: there is no such group.
    """
    scene, face = bpy.context.scene, bpy.data.objects[FACE_NAME]
    seen = _resting_vertices(face) if close_up is None else _resting_group(face, close_up)
    fill = stage.FILL if close_up is None else stage.CLOSE_UP_FILL
    for done, still in enumerate(stills, start=1):
        scene.frame_set(still.frame)
        stage.frame_view(scene, seen, still.view, fill)
        _set_picture(scene, still.path)
        bpy.ops.render.render(write_still=True)
        _tell(report, done=done, total=len(stills))


def _resting_vertices(face: bpy.types.Object) -> NDArray[np.float32]:
    """Vertices ``[V, 3]`` of the neutral face and its hair where they are placed: pictures are framed on them.

    Hair that falls below the neck's end may run out of the picture: it would uncover that end.
    """
    neutral = _placed(face, _positions(face.data.shape_keys.key_blocks[0].points))
    hair = [_positions(worn.data.vertices) for worn in hair_object.worn_by(face)]
    return np.concatenate([neutral, *(each[each[:, 2] >= neutral[:, 2].min()] for each in hair)])


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
    return _placed(face, _positions(face.data.shape_keys.key_blocks[0].points))[members]


def draw_wires(face: bpy.types.Object) -> None:
    """Draw the mesh's edges over the face or its hair, for pictures of its topology (Cycles shows them dark)."""
    ink = bpy.data.materials.new("Wires")
    ink.use_nodes = True
    shader = next(node for node in ink.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (0.01, 0.01, 0.012, 1.0)
    face.data.materials.append(ink)
    face.modifiers.clear()
    wires = face.modifiers.new("Wires", "WIREFRAME")
    wires.thickness = 0.00035
    wires.use_replace = False
    wires.material_offset = len(face.data.materials)  # Blender takes the last there is


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; returns the exit status."""
    options = _parser().parse_args(arguments)
    report = _claim_standard_output()
    try:
        if options.command == "build":
            with open(0, "rb") as source:
                motion = HeadMotion.read(options.head_motion) if options.head_motion else None
                build(source, options.sound, options.blend, motion)
        else:
            _run_render(options, report)
    except (BackendError, StreamError) as error:
        _tell(report, error=str(error))
        return 1
    return 0


def _run_render(options: argparse.Namespace, report: IO[str]) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(options.blend))
    scene = bpy.context.scene
    scene.render.engine = options.engine
    scene.render.resolution_x, scene.render.resolution_y = options.resolution
    if options.samples:
        stage.set_cycles(scene, options.samples)
    if options.frames:
        first, last = options.range or (scene.frame_start, scene.frame_end)
        render_frames(options.frames, first, last, report)
    if options.wires:
        face = bpy.data.objects[FACE_NAME]
        for thing in (face, *hair_object.worn_by(face)):
            draw_wires(thing)
    render_stills(options.still, report, options.close_up)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m blender_addon.headless", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="standard input's records become a .blend")
    building.add_argument("--sound", type=Path)
    building.add_argument("--head-motion", type=Path, metavar="JSON", help="how the head turns: see head_motion.py")
    building.add_argument("--blend", type=Path, required=True)
    rendering = commands.add_parser("render", help="a .blend's frames become PNG files")
    rendering.add_argument("--blend", type=Path, required=True)
    rendering.add_argument("--engine", choices=(WORKBENCH, CYCLES), default=WORKBENCH)
    rendering.add_argument("--resolution", type=_pair("x"), default=RESOLUTION, metavar="WIDTHxHEIGHT")
    rendering.add_argument("--samples", type=int, help="rays per pixel, of Cycles alone")
    rendering.add_argument("--frames", type=Path, help="folder for one picture a frame")
    rendering.add_argument("--range", type=_pair(":"), metavar="FIRST:LAST", help="only these scene frames")
    rendering.add_argument("--still", type=_still, action="append", default=[], metavar="FRAME:VIEW:PNG")
    rendering.add_argument("--close-up", metavar="GROUP", help="a vertex group of the face to look at")
    rendering.add_argument("--wires", action="store_true", help="draw the mesh's edges on the stills")
    return parser


def _pair(separator: str) -> Callable[[str], tuple[int, int]]:
    def parse(text: str) -> tuple[int, int]:
        first, second = text.split(separator)
        return int(first), int(second)

    return parse


def _still(text: str) -> Still:
    frame, view, path = text.split(":", 2)
    if view not in stage.VIEWS:
        raise argparse.ArgumentTypeError(f"{view} is none of {', '.join(stage.VIEWS)}")
    return Still(int(frame), view, Path(path))


def _claim_standard_output() -> IO[str]:
    """Keep standard output for our own lines: Blender's C code prints to descriptor 1, which now is 2."""
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return report


def _tell(report: IO[str], **content: object) -> None:
    print(json.dumps(content), file=report, flush=True)


def _set_time(scene: bpy.types.Scene, hello: Hello) -> None:
    stage.set_frame_rate(scene, hello.fps)
    scene.frame_start = FIRST_FRAME
    scene.frame_end = FIRST_FRAME + hello.frame_count - 1
    scene.frame_set(FIRST_FRAME)
    scene.sync_mode = "AUDIO_SYNC"


def _add_sound(scene: bpy.types.Scene, sound: Path) -> None:
    strip = compat.direct_strips(scene.sequence_editor_create()).new_sound(
        name=sound.stem, filepath=str(sound), channel=1, frame_start=FIRST_FRAME
    )
    strip.sound.pack()
    # the packed bytes count, and the place they came from is nobody's business
    strip.sound.filepath = f"//{sound.name}"


def _open_on_the_face() -> None:
    """Let whoever opens the file look through the camera at the coloured face."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                space = area.spaces.active
                space.shading.color_type = "VERTEX"
                space.clip_start = 0.01
                space.region_3d.view_perspective = "CAMERA"


def _set_picture(scene: bpy.types.Scene, path: Path) -> None:
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    scene.render.filepath = str(path)


if __name__ == "__main__":
    sys.exit(main())
