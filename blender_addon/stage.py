"""A portrait studio round a face: camera, three-point lights, world, and what the render engines need."""

import math
from fractions import Fraction
from typing import NamedTuple

import _cycles  # type: ignore[import-not-found]
import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

FOCAL_LENGTH = 85.0  # mm: the classic portrait lens, flattering and without visible distortion
SENSOR = 36.0  # mm
FILL = 0.88  # share of the picture that the head takes
CLOSE_UP_FILL = 0.5  # share that a part of it takes: what is around shows where it is
NECK = 0.08  # share of the head's height, from below, that may run out of the picture: the neck's open end


class Light(NamedTuple):
    """A lamp: its turn from the face's front and lift over eye level (degrees), watts, metres across, linear colour.

    What does not ``glint`` shows in no highlight: eyes have one light in them, as in a portrait, and not three.
    """

    turn: float
    lift: float
    watts: float
    across: float
    color: tuple[float, float, float]
    glint: bool


LIGHTS = {
    "Key": Light(-38.0, 34.0, 9.0, 0.42, (1.0, 0.95, 0.88), glint=True),
    "Fill": Light(48.0, 6.0, 4.0, 1.5, (0.86, 0.93, 1.0), glint=False),
    "Rim": Light(150.0, 36.0, 6.0, 0.6, (0.90, 0.95, 1.0), glint=True),
}
LIGHT_DISTANCE = 1.3  # metres
BACKDROP = (0.022, 0.026, 0.032)  # linear RGB

# turn about the vertical axis (degrees) of the views that pictures are taken from
VIEWS = {"front": 0.0, "side": -90.0, "three_quarter": -35.0, "back": 180.0}


def set_frame_rate(scene: bpy.types.Scene, fps: float) -> None:
    """Set ``fps / fps_base`` so that it is the given rate: 29.97 becomes 30 / 1.001.

    Raises:
        ValueError: the rate is not one Blender can hold.
    """
    if not (math.isfinite(fps) and 0.1 <= fps <= 1000.0):
        raise ValueError(f"a frame rate of {fps} is not possible")
    scene.render.fps = max(1, math.ceil(fps))
    scene.render.fps_base = float(Fraction(scene.render.fps) / Fraction(fps))


def build_stage(scene: bpy.types.Scene, vertices: NDArray[np.float32]) -> None:
    """Add camera, lights and world for a head and set up both engines.

    Args:
        scene: is given the camera.
        vertices: float32 [V, 3] of the neutral head, metres.
    """
    low, high = (Vector(corner) for corner in (vertices.min(axis=0).tolist(), vertices.max(axis=0).tolist()))
    center = (low + high) / 2
    _add_lights(scene, center)
    _set_world(scene)
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.exposure = 0.85
    set_workbench(scene)
    set_cycles(scene)
    frame_view(scene, vertices, "front")


def frame_view(scene: bpy.types.Scene, vertices: NDArray[np.float32], view: str, fill: float = FILL) -> None:
    """Aim the scene's camera, made if there is none, so that the head fills the picture.

    Args:
        scene: with the picture's resolution set.
        vertices: float32 [V, 3] metres, of the head or a part of it.
        view: a name in ``VIEWS``.
        fill: the share of the picture they take.
    """
    if scene.camera is None:
        data = bpy.data.cameras.new("FaceTalk Camera")
        scene.camera = bpy.data.objects.new("FaceTalk Camera", data)
        scene.collection.objects.link(scene.camera)
    camera = scene.camera
    camera.data.lens = FOCAL_LENGTH
    camera.data.sensor_width = camera.data.sensor_height = SENSOR
    camera.data.clip_start = 0.01
    turn = math.radians(VIEWS[view])
    right = np.array([math.cos(turn), math.sin(turn), 0.0])
    toward = np.array([math.sin(turn), -math.cos(turn), 0.0])
    across, deep = vertices @ right, vertices @ toward
    top, bottom = vertices[:, 2].max(), vertices[:, 2].min()
    bottom += NECK * (top - bottom)
    width, height = np.ptp(across), top - bottom
    tall = scene.render.resolution_y / max(scene.render.resolution_x, 1)
    seen = max(height / min(tall, 1.0), width / min(1.0 / tall, 1.0)) / fill
    middle = right * (across.max() + across.min()) / 2 + np.array([0, 0, (top + bottom) / 2])
    # the outline lies about half way into the head, so that is the depth to frame
    distance = seen * FOCAL_LENGTH / SENSOR + (deep.max() + deep.min()) / 2
    camera.location = Vector((middle + toward * distance).tolist())
    camera.rotation_euler = (math.pi / 2, 0.0, turn)


def set_workbench(scene: bpy.types.Scene) -> None:
    """Workbench settings that show lips, irises and brows: the mesh's colours under studio light."""
    shading = scene.display.shading
    shading.light = "STUDIO"
    shading.studio_light = "Default"
    shading.color_type = "VERTEX"
    shading.show_cavity = True
    shading.cavity_type = "WORLD"
    shading.cavity_ridge_factor = 0.4
    shading.cavity_valley_factor = 1.1
    shading.show_specular_highlight = False  # it would silver the brows
    shading.background_type = "WORLD"
    # several samples look no better on a smooth face, and take a software renderer four times as long
    scene.display.render_aa = "FXAA"


def set_cycles(scene: bpy.types.Scene, samples: int = 24) -> None:
    """Cycles on the CPU, denoised where this Blender can."""
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = samples
    cycles.use_adaptive_sampling = True
    cycles.max_bounces = 6
    cycles.use_denoising = _cycles.with_openimagedenoise
    cycles.denoising_prefilter = "FAST"
    scene.render.use_persistent_data = True  # the next view of the same pose takes half as long


def _add_lights(scene: bpy.types.Scene, center: Vector) -> None:
    for name, lamp in LIGHTS.items():
        data = bpy.data.lights.new(f"FaceTalk {name}", "AREA")
        data.shape = "DISK"  # round in the eyes
        data.energy, data.size, data.color = lamp.watts, lamp.across, lamp.color
        light = bpy.data.objects.new(data.name, data)
        scene.collection.objects.link(light)
        around, up = math.radians(lamp.turn), math.radians(lamp.lift)
        away = Vector((math.sin(around) * math.cos(up), -math.cos(around) * math.cos(up), math.sin(up)))
        light.location = center + away * LIGHT_DISTANCE
        light.rotation_euler = away.to_track_quat("Z", "Y").to_euler()
        if not lamp.glint:
            data.specular_factor = 0.0  # EEVEE
            light.visible_glossy = False  # Cycles


def _set_world(scene: bpy.types.Scene) -> None:
    world = bpy.data.worlds.new("FaceTalk World")
    world.use_nodes = True
    world.color = BACKDROP
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (*BACKDROP, 1.0)
    scene.world = world
