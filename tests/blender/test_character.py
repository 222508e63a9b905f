"""A mesh of the user's own performs: on a copy, which has all that the object has, and leaves it as it was."""

import threading
import time
from pathlib import Path

import bpy
import numpy as np
import pytest
import soundfile
from mathutils import Matrix
from numpy.typing import NDArray

from blender_addon import (
    backend_process,
    character_landmarks,
    character_object,
    settings,
    stepped_operator,
    takes,
    work,
)
from blender_addon.character_fit import CharacterFit
from blender_addon.records import BackendError
from tests.service.fake_animator import grid_mesh, lift
from tests.service.fake_backend import UseBackend

Floats = NDArray[np.float32]

SIDE = 20


pytestmark = pytest.mark.usefixtures("addon")


def vertices() -> Floats:
    return np.ascontiguousarray(100.0 * grid_mesh(SIDE).vertices)


def add_hero(name: str = "Hero Head") -> bpy.types.Object:
    """Centimetres, lying on its back, with all that animators put on a head."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices().tolist(), [], grid_mesh(SIDE).quads.tolist())
    mesh.materials.append(bpy.data.materials.new("Hero Skin"))
    mesh.uv_layers.new(name="UVMap")
    hero = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(hero)
    hero.matrix_world = Matrix.Rotation(1.5, 4, "X") @ Matrix.Scale(0.01, 4)
    hero.vertex_groups.new(name="neck").add([0, 1], 1.0, "REPLACE")
    hero.modifiers.new("Rig", "ARMATURE")
    bpy.context.view_layer.objects.active = hero
    return hero


def add_strip(folder: Path) -> None:
    soundfile.write(folder / "line.wav", np.linspace(0, 1, 16000), 16000)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.sequence_editor_create().strips.new_sound("line", str(folder / "line.wav"), 1, 11).select = True


def positions(thing: bpy.types.Object, frame: int) -> Floats:
    bpy.context.scene.frame_set(frame)
    mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    out = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", out)
    return out.reshape(-1, 3)


def generated() -> bpy.types.Object:
    assert bpy.ops.facetalk.generate() == {"FINISHED"}
    return takes.takes_of(bpy.context.scene)[-1]


def test_a_mesh_performs_in_its_place(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    hero = add_hero()
    add_strip(tmp_path)
    assert bpy.ops.facetalk.use_character() == {"FINISHED"}
    assert (hero.facetalk.template, bpy.context.scene.facetalk.mesh) == ("hero-head", "hero-head")
    assert backend_process.last_health is not None
    assert backend_process.last_health.characters == ("hero-head",)
    face = generated()
    assert face.name == "line take 1"
    assert face.matrix_world == hero.matrix_world
    assert [group.name for group in face.vertex_groups] == ["neck"]
    assert [(each.name, each.type) for each in face.modifiers] == [("Rig", "ARMATURE")]
    assert face.data.materials[0] == hero.data.materials[0]
    for frame in (0, 24):
        np.testing.assert_allclose(positions(face, 11 + frame), vertices() + lift(frame, 0), atol=1e-5)
    assert bpy.context.view_layer.objects.active == face


def test_the_mesh_stays_as_it_was(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    hero = add_hero()
    hero.shape_key_add(name="Basis")
    hero.shape_key_add(name="Blink", from_mix=False).points[0].co.z += 1.0
    hero.data.shape_keys.key_blocks["Blink"].value = 0.5
    before = positions(hero, 1)
    add_strip(tmp_path)
    bpy.ops.facetalk.use_character()
    face = generated()
    bpy.ops.facetalk.show_take(name=hero.name)  # what is hidden is not evaluated
    np.testing.assert_array_equal(positions(hero, 1), before)
    assert [key.name for key in hero.data.shape_keys.key_blocks] == ["Basis", "Blink"]
    assert face.data != hero.data
    bpy.ops.facetalk.show_take(name=face.name)
    np.testing.assert_allclose(positions(face, 11), vertices() + lift(0, 0), atol=1e-5)  # of the basis, without a blink


@pytest.mark.parametrize("form", [settings.COMPACT, settings.RIG])
def test_a_take_in_keys(tmp_path: Path, use_backend: UseBackend, form: str) -> None:
    use_backend()
    add_hero()
    add_strip(tmp_path)
    bpy.ops.facetalk.use_character()
    bpy.context.scene.facetalk.form = form
    face = generated()
    assert face.data.shape_keys.use_relative
    assert [key.name for key in face.data.shape_keys.key_blocks] == ["Basis", "up", "both"]
    np.testing.assert_allclose(positions(face, 11 + 9), vertices() + lift(9, 0), atol=1e-5)


def test_takes_and_character_are_shown_by_turns(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    hero = add_hero()
    add_strip(tmp_path)
    bpy.ops.facetalk.use_character()
    first, second = generated(), generated()
    assert [thing.hide_viewport for thing in (hero, first, second)] == [True, True, False]
    bpy.ops.facetalk.show_take(name=hero.name)
    assert [thing.hide_render for thing in (hero, first, second)] == [False, True, True]
    bpy.ops.facetalk.show_take(name=first.name)
    assert [thing.hide_viewport for thing in (hero, first, second)] == [True, False, True]


def test_of_two_characters_the_active_one_performs(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    hero = add_hero()
    add_strip(tmp_path)
    bpy.ops.facetalk.use_character()
    twin = hero.copy()
    bpy.context.collection.objects.link(twin)
    twin.location.x = 3.0
    bpy.context.view_layer.objects.active = twin
    assert generated().location.x == 3.0
    assert not hero.hide_viewport


def test_without_the_object_the_template_itself_performs(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    hero = add_hero()
    add_strip(tmp_path)
    bpy.ops.facetalk.use_character()
    bpy.data.objects.remove(hero)
    face = generated()
    np.testing.assert_allclose(positions(face, 11), vertices() + lift(0, 0), atol=1e-5)
    assert face.matrix_world.to_scale().x == pytest.approx(0.01)


def test_a_mesh_that_was_edited_since_is_said(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    hero = add_hero()
    add_strip(tmp_path)
    bpy.ops.facetalk.use_character()
    objects, meshes = len(bpy.data.objects), len(bpy.data.meshes)
    hero.data.vertices[5].co.z += 0.5
    with pytest.raises(RuntimeError, match="The mesh of 'Hero Head' was edited since: press Use My Character again"):
        bpy.ops.facetalk.generate()
    assert (len(bpy.data.objects), len(bpy.data.meshes)) == (objects, meshes)
    bpy.context.view_layer.objects.active = hero
    bpy.ops.facetalk.use_character()
    assert hero.facetalk.template == "hero-head"  # its own is replaced
    assert generated().facetalk.frame_count == 25


def test_another_mesh_of_the_same_name_gets_another_template(use_backend: UseBackend) -> None:
    use_backend()
    add_hero()
    bpy.ops.facetalk.use_character()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    hero = add_hero()
    bpy.ops.facetalk.use_character()
    assert hero.facetalk.template == "hero-head-2"


def test_what_was_bound_survives_saving(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    add_hero()
    bpy.ops.facetalk.use_character()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "hero.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "hero.blend"))
    assert character_object.known_templates() == ["hero-head"]
    assert bpy.context.scene.facetalk.mesh == "hero-head"


def disabled() -> str:
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.facetalk.use_character()
    return str(caught.value)


def test_why_an_object_cannot_be_used() -> None:
    assert "No mesh is active" in disabled()
    hero = add_hero()
    hero.modifiers.new("Half", "MIRROR")
    assert "comes from a mirror: apply the modifier Half first" in disabled()
    hero.modifiers.clear()
    bpy.ops.object.mode_set(mode="EDIT")
    assert "is in Edit Mode" in disabled()
    bpy.ops.object.mode_set(mode="OBJECT")
    hero.facetalk.number = 1
    assert "is a take" in disabled()
    hero.facetalk.number = 0
    hero.data.clear_geometry()
    assert "only 0 vertices" in disabled()
    bpy.context.view_layer.objects.active = None
    assert "No mesh is active" in disabled()


def test_a_mesh_without_a_face_says_so_and_stays_free(use_backend: UseBackend) -> None:
    use_backend(failure="It does not look like a face: mark it.")
    hero = add_hero()
    assert "It does not look like a face" in disabled()
    assert hero.facetalk.template == ""
    assert work.current is None


def test_cancelling_leaves_everything_as_it_was(use_backend: UseBackend) -> None:
    python = use_backend(motion_steps=1000, motion_step_seconds=0.02)
    hero = add_hero()
    running = CharacterFit(python, hero)
    deadline = time.monotonic() + 30.0
    while running.stage != "fit":
        assert time.monotonic() < deadline
        assert running.step(stepped_operator.STEP_SECONDS)
        time.sleep(0.01)
    assert work.current is running
    assert "FaceTalk is at work" in disabled()
    assert bpy.ops.facetalk.cancel() == {"FINISHED"}
    running.join()
    assert running.cancelled
    assert work.current is None
    assert hero.facetalk.template == ""
    assert not [thread for thread in threading.enumerate() if thread.name == "facetalk receiver"]


def step_to_the_end(running: CharacterFit) -> None:
    while running.step(stepped_operator.STEP_SECONDS):
        time.sleep(0.01)


def test_an_object_removed_meanwhile_is_an_error_not_a_crash(use_backend: UseBackend) -> None:
    running = CharacterFit(use_backend(), add_hero())
    bpy.data.objects.remove(bpy.data.objects["Hero Head"])
    with pytest.raises(BackendError, match="removed, renamed or undone"):
        step_to_the_end(running)


def test_marked_points_are_told_in_the_objects_own_space() -> None:
    hero = add_hero()
    assert bpy.ops.facetalk.mark_face() == {"FINISHED"}
    assert {child.name for child in hero.children} == set(character_landmarks.PLACES)
    nose = next(child for child in hero.children if child.name == "nose_tip")
    nose.location = hero.matrix_world @ hero.data.vertices[7].co
    bpy.context.view_layer.update()
    told = character_object.read_character(hero).landmarks
    assert told.keys() == character_landmarks.PLACES.keys()
    assert told["nose_tip"] == pytest.approx(tuple(hero.data.vertices[7].co), abs=1e-4)
    bpy.ops.facetalk.mark_face()  # what is there is not made again
    assert len(hero.children) == len(character_landmarks.PLACES)


def test_points_stand_before_the_head_of_a_body() -> None:
    hero = add_hero()
    hero.matrix_world = Matrix.Diagonal((0.05, 0.05, 0.085, 1.0))  # 1.7 m high, without depth
    bpy.context.view_layer.update()
    bpy.ops.facetalk.mark_face()
    bpy.context.view_layer.update()
    places = {child.name: child.matrix_world.translation for child in hero.children}
    assert places["chin"].z == pytest.approx(0.85 - 1.7 / 7.5 * 0.9, abs=1e-3)
    assert places["left_eye_outer"].x == pytest.approx(-places["right_eye_outer"].x) != 0.0


def test_a_character_needs_no_face_and_no_hair() -> None:
    hero = add_hero()
    hero.facetalk.template = "hero"
    wanted = bpy.context.scene.facetalk
    wanted.identity, wanted.hair, wanted.mesh = "second", "curls", "hero"
    wanted.form, wanted.tolerance_mm = settings.COMPACT, 0.2
    query = settings.as_query(wanted, 25.0)
    assert (query["template"], query["form"], query["tolerance_mm"]) == ("hero", "compact", 0.2)
    assert not {"identity", "hair"} & query.keys()
    wanted.mesh = "coarse"  # which comes along
    looks = {"identity": "second", "hair": "curls"}
    assert {**looks, "template": "coarse"}.items() <= settings.as_query(wanted, 25.0).items()
    wanted.mesh = settings.DEFAULT_MESH
    query = settings.as_query(wanted, 25.0)
    assert looks.items() <= query.items()
    assert "template" not in query


def test_a_mesh_that_comes_along_performs_with_any_face(tmp_path: Path, use_backend: UseBackend) -> None:
    use_backend()
    add_strip(tmp_path)
    wanted = bpy.context.scene.facetalk
    wanted.mesh, wanted.identity = "coarse", "second"
    face = generated()
    assert len(face.data.vertices) == 9
    assert [child.name for child in face.children] == ["line take 1 Hair"]
    wanted.hair = "bald"
    assert bpy.ops.facetalk.change_hair() == {"FINISHED"}
    assert not face.children
