"""Blender without a window: a record stream becomes a .blend file, a .blend file pictures, a surface quads.

Run as ``python -m blender_addon.headless build|render|remesh`` by a Python that has bpy. Standard output carries one
JSON object a line and nothing else: ``{"done": n, "total": n}`` while it works, ``{"error": sentence}`` if it cannot;
Blender's own chatter goes to standard error.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO

import bpy

from . import brow_hairs, compat, face_object, hair_object, lashes, lid_margins, stage, worn_pieces
from .frame_stream import ByteSource, read_take
from .head_motion import HeadMotion, apply_head_motion
from .motion_writer import MotionWriter
from .pictures import Still, draw_wires, render_frames, render_stills, resting_vertices, tell
from .point_cache import CacheWriter, play_from
from .quad_remesh import remesh
from .records import BackendError, Frame, Hair, Hello, Key, Keys, Record, StreamError, Topology

FIRST_FRAME = 1
FACE_NAME = "Face"
WORKBENCH, CYCLES = "BLENDER_WORKBENCH", "CYCLES"
RESOLUTION = (512, 512)


def build(
    source: ByteSource, sound: Path | None, blend: Path, motion: HeadMotion | None = None, cache: Path | None = None
) -> None:
    """Write a .blend from a record stream: face, shape keys, hair, sound, camera, lights.

    Args:
        source: records as in docs/protocol.md, read while they come.
        sound: the speech, packed into the file; None for a silent one.
        blend: the file to write; a caller who may stop half way gives a temporary place.
        motion: how the head turns.
        cache: the point cache to write the frames to, in place of shape keys.

    Raises:
        BackendError: the stream carries an error, or the point cache cannot be written.
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
    brow_hairs.create_brow_hairs(face, topology)
    lashes.create_lashes(face, topology)
    lid_margins.create_lid_margins(face, topology)
    face["facetalk"] = json.dumps(asdict(hello))
    if cache is None:
        _write_keys(face, scene, hello, records)
    else:
        _write_cache(face, hello, records, cache)
    if sound is not None:
        _add_sound(scene, sound)
    scene.render.resolution_x, scene.render.resolution_y = RESOLUTION
    scene.render.engine = WORKBENCH
    stage.build_stage(scene, resting_vertices(face))
    if motion is not None:
        apply_head_motion(face, scene, motion, FIRST_FRAME)
        scene.frame_set(FIRST_FRAME)
    _open_on_the_face()
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=True)


def _write_keys(face: bpy.types.Object, scene: bpy.types.Scene, hello: Hello, records: Iterator[Record]) -> None:
    writer = MotionWriter(face, scene, FIRST_FRAME, hello.frame_count)
    for record in records:
        if isinstance(record, Hair):
            hair_object.create_hair(face, record)
        elif isinstance(record, Frame | Keys | Key):
            writer.write(record)
        if isinstance(record, Keys):
            face["facetalk"] = json.dumps({**asdict(hello), "keys": asdict(record)})
    writer.finish()


def _write_cache(face: bpy.types.Object, hello: Hello, records: Iterator[Record], cache: Path) -> None:
    try:
        with CacheWriter(face, FIRST_FRAME, hello.frame_count, cache) as writer:
            for record in records:
                if isinstance(record, Hair):
                    hair_object.create_hair(face, record)
                elif isinstance(record, Frame):
                    writer.write(record)
            writer.finish()
    except OSError as error:
        raise BackendError(f"The point cache cannot be written ({error.strerror}): free some space.") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; returns the exit status."""
    options = _parser().parse_args(arguments)
    report = _claim_standard_output()
    try:
        if options.command == "build":
            with open(0, "rb") as source:
                motion = HeadMotion.read(options.head_motion) if options.head_motion else None
                build(source, options.sound, options.blend, motion, options.cache)
        elif options.command == "remesh":
            remesh(options.source, options.target, options.quads)
        else:
            _run_render(options, report)
    except (BackendError, StreamError) as error:
        tell(report, error=str(error))
        return 1
    return 0


def _run_render(options: argparse.Namespace, report: IO[str]) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(options.blend))
    scene = bpy.context.scene
    face = bpy.data.objects[FACE_NAME]
    if options.cache:
        play_from(face, str(options.cache))
    scene.render.engine = options.engine
    for hairs in worn_pieces.worn_by(face):  # finer than pixels, which Workbench would leave as specks
        hairs.hide_render = options.engine == WORKBENCH
    scene.render.resolution_x, scene.render.resolution_y = options.resolution
    if options.coarse:
        scene.render.use_simplify, scene.render.simplify_subdivision_render = True, 0
    if options.samples:
        stage.set_cycles(scene, options.samples)
    if options.frames:
        first, last = options.range or (scene.frame_start, scene.frame_end)
        render_frames(options.frames, first, last, report)
    if options.wires:
        for thing in (face, *hair_object.worn_by(face)):
            draw_wires(thing)
    render_stills(face, options.still, report, options.close_up)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m blender_addon.headless", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="standard input's records become a .blend")
    building.add_argument("--sound", type=Path)
    building.add_argument("--head-motion", type=Path, metavar="JSON", help="how the head turns: see head_motion.py")
    building.add_argument("--blend", type=Path, required=True)
    building.add_argument("--cache", type=Path, metavar="PC2", help="frames go there in place of shape keys")
    remeshing = commands.add_parser("remesh", help="a surface becomes quads")
    remeshing.add_argument("--source", type=Path, required=True, metavar="NPZ")
    remeshing.add_argument("--target", type=Path, required=True, metavar="NPZ")
    remeshing.add_argument("--quads", type=int, required=True)
    rendering = commands.add_parser("render", help="a .blend's frames become PNG files")
    rendering.add_argument("--blend", type=Path, required=True)
    rendering.add_argument("--cache", type=Path, metavar="PC2", help="where the frames are, if not beside it")
    rendering.add_argument("--engine", choices=(WORKBENCH, CYCLES), default=WORKBENCH)
    rendering.add_argument("--resolution", type=_pair("x"), default=RESOLUTION, metavar="WIDTHxHEIGHT")
    rendering.add_argument("--samples", type=int, help="rays per pixel, of Cycles alone")
    rendering.add_argument(
        "--coarse", action="store_true", help="without subdivision, which small pictures hardly show"
    )
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


if __name__ == "__main__":
    sys.exit(main())
