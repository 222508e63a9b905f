"""Hair on a face: made, changed, taken off, and never taken from an animator who has worked on it."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import bpy
import numpy as np
import pytest
import soundfile

from blender_addon import (
    backend_process,
    compat,
    face_object,
    generation,
    hair_object,
    stepped_operator,
    takes,
    timeline,
)
from blender_addon.face_materials import COLOR_ATTRIBUTE, HEIGHT_ATTRIBUTE, UNDER_ATTRIBUTE, UNDER_NORMAL_ATTRIBUTE
from blender_addon.hair_change import HairChange
from blender_addon.records import BackendError, Hair, Topology
from blender_addon.work import Work
from tests.service.fake_animator import HAIR_COLOR, grid_hair, grid_mesh
from tests.service.fake_backend import UseBackend

KINDS_OF_DATA = ("objects", "meshes", "shape_keys", "actions", "materials", "collections")


pytestmark = pytest.mark.usefixtures("addon")


@pytest.fixture
def strip(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "line.wav", np.linspace(0, 1, 16000), 16000)
    scene = bpy.context.scene
    scene.render.fps = 25
    strips = compat.direct_strips(scene.sequence_editor_create())
    strips.new_sound("line", str(tmp_path / "line.wav"), 1, 5).select = True


@pytest.fixture
def face() -> "bpy.types.Object":
    return face_object.create_face("Face", cast(Topology, grid_mesh(4)))


def hair_record(style: str = "bob", side: int = 3) -> Hair:
    return cast(Hair, grid_hair(side, style))


def the_hair(face: "bpy.types.Object") -> "bpy.types.Object":
    (hair,) = hair_object.worn_by(face)
    return hair


def style(face: "bpy.types.Object") -> str:
    return str(the_hair(face)[hair_object.STYLE])


def data_counts() -> dict[str, int]:
    return {name: len(getattr(bpy.data, name)) for name in KINDS_OF_DATA}


def generate(**settings: str | int) -> "bpy.types.Object":
    for name, value in settings.items():
        setattr(bpy.context.scene.facetalk, name, value)
    assert bpy.ops.facetalk.generate() == {"FINISHED"}
    return takes.takes_of(bpy.context.scene)[-1]


def begin(identity: str) -> generation.Generation:
    """What the modal operator does when it is pressed."""
    sound = timeline.selected_sound(bpy.context)
    python = backend_process.find_python("")
    return generation.Generation(bpy.context.scene, python, sound, {"fps": sound.fps, "identity": identity})


def step_to_the_end(work: Work) -> list[float]:
    """What the modal operator does then; returns the processor seconds of this thread in each tick."""
    ticks = []
    more = True
    while more:
        began = time.thread_time()
        more = work.step(stepped_operator.STEP_SECONDS)
        ticks.append(time.thread_time() - began)
        time.sleep(0.002)
    return ticks


def change_hair(style: str) -> None:
    bpy.context.scene.facetalk.hair = style
    assert bpy.ops.facetalk.change_hair() == {"FINISHED"}


def test_hair_is_what_was_sent(face: "bpy.types.Object") -> None:
    record = hair_record()
    hair = hair_object.create_hair(face, record)
    mesh = hair.data
    np.testing.assert_array_equal(np.array([v.co for v in mesh.vertices], np.float32), record.vertices)
    np.testing.assert_array_equal([list(p.vertices) for p in mesh.polygons], record.quads)
    sent_uv = record.uv.reshape(-1, 2)
    np.testing.assert_array_equal(np.array([uv.vector for uv in mesh.uv_layers.active.uv], np.float32), sent_uv)
    assert all(polygon.use_smooth for polygon in mesh.polygons)
    assert not mesh.validate(), "Blender found something to repair"
    assert (hair.name, hair.parent, mesh.shape_keys) == ("Face Hair", face, None)
    assert set(hair.users_collection) == set(face.users_collection)
    assert [(m.type, m.levels, m.render_levels) for m in hair.modifiers] == [("SUBSURF", 0, 1)]


def test_hair_knows_how_far_it_is_over_the_forehead() -> None:
    forehead = cast(Topology, grid_mesh(4))  # at y = 0
    over = np.array([0.0, 0.25, 0.5, 1.0, 4.0, -100.0]) * hair_object.SOFT_HAIRLINE  # the last is behind it
    strand = np.stack([0.0 * over + 0.01, -over, 0.0 * over + 0.02], axis=1).astype(np.float32)
    uv = np.zeros((1, 4, 2), np.float32)
    hair = Hair("strand", strand, np.array([[0, 1, 2, 3]], np.int32), uv, HAIR_COLOR)
    face = face_object.create_face("Face", forehead)
    mesh = hair_object.create_hair(face, hair).data
    height = np.empty(len(strand), np.float32)
    mesh.attributes[HEIGHT_ATTRIBUTE].data.foreach_get("value", height)
    np.testing.assert_allclose(height, [0.0, 0.25, 0.5, 1.0, 1.0, 1.0], atol=1e-4)
    under = mesh.color_attributes[UNDER_ATTRIBUTE].data
    np.testing.assert_allclose([tuple(point.color) for point in under][:3], 1.0)  # the grid is white
    facing = np.array([list(point.vector) for point in mesh.attributes[UNDER_NORMAL_ATTRIBUTE].data])
    up = np.array([list(vertex.normal) for vertex in face.data.vertices])[0]
    np.testing.assert_allclose(facing[:3], [up, up, up], atol=1e-4)


def test_hair_follows_the_face(face: "bpy.types.Object") -> None:
    hair = hair_object.create_hair(face, hair_record())
    face.location = (1.0, 2.0, 3.0)
    bpy.context.view_layer.update()
    assert tuple(hair.matrix_world.translation) == (1.0, 2.0, 3.0)


def test_one_material_for_each_colour(face: "bpy.types.Object") -> None:
    first = hair_object.create_hair(face, hair_record("bob"))
    second = hair_object.create_hair(face, hair_record("curls"))
    (material,) = first.data.materials
    assert material.name == "FaceTalk hair #896347"  # linear 1/4, 1/8, 1/16 as a screen shows it
    assert list(second.data.materials) == [material]
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    assert tuple(shader.inputs["Base Color"].default_value) == HAIR_COLOR
    assert shader.inputs["Roughness"].default_value == pytest.approx(hair_object.ROUGHNESS)
    assert shader.inputs["Anisotropic"].default_value == pytest.approx(hair_object.ANISOTROPY)
    shown = first.data.color_attributes[COLOR_ATTRIBUTE].data
    assert all(tuple(point.color) == HAIR_COLOR for point in shown)


def test_an_input_that_this_blender_lacks_is_left_out() -> None:
    material = bpy.data.materials.new("plain")
    material.use_nodes = True
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    compat.set_input(shader, "Shininess of 2029", 1.0)
    compat.set_input(shader, "Roughness", 0.25)
    assert shader.inputs["Roughness"].default_value == 0.25


def test_other_hair_replaces_what_nobody_touched(face: "bpy.types.Object") -> None:
    takes.dress(face, hair_record("bob"))
    counts = data_counts()
    takes.dress(face, hair_record("curls", side=5))
    assert data_counts() == counts
    assert style(face) == "curls"
    assert len(the_hair(face).data.vertices) == 36
    takes.dress(face, None)
    assert list(face.children) == []
    assert data_counts()["meshes"] == counts["meshes"] - 1


def test_moving_or_turning_the_face_is_no_change_to_its_hair(face: "bpy.types.Object") -> None:
    takes.dress(face, hair_record("bob"))
    face.location, face.rotation_euler = (1.0, 2.0, 3.0), (0.1, 0.2, 0.3)
    bpy.context.view_layer.update()
    takes.dress(face, hair_record("curls"))
    bpy.context.view_layer.update()
    takes.dress(face, None)
    assert list(face.children) == []


def sculpt(hair: "bpy.types.Object") -> None:
    hair.data.vertices[0].co.x += 0.001


def paint(hair: "bpy.types.Object") -> None:
    hair.data.color_attributes[0].data[0].color = (1.0, 0.0, 0.0, 1.0)


def another_mesh(hair: "bpy.types.Object") -> None:
    hair.data = bpy.data.meshes.new("my groom")


def another_material(hair: "bpy.types.Object") -> None:
    hair.data.materials[0] = bpy.data.materials.new("my shader")


def simulate(hair: "bpy.types.Object") -> None:
    hair.modifiers.new("Softbody", "SOFT_BODY")


def shrink(hair: "bpy.types.Object") -> None:
    hair.scale = (0.9, 0.9, 0.9)


def shape_key(hair: "bpy.types.Object") -> None:
    hair.shape_key_add(name="windy")


def wear_a_hat(hair: "bpy.types.Object") -> None:
    hat = bpy.data.objects.new("hat", None)
    bpy.context.collection.objects.link(hat)
    hat.parent = hair


@pytest.mark.parametrize(
    "edit", [sculpt, paint, another_mesh, another_material, simulate, shrink, shape_key, wear_a_hat]
)
@pytest.mark.parametrize("then", ["curls", None])
def test_what_an_animator_changed_is_kept_hidden(
    face: "bpy.types.Object", edit: Callable[["bpy.types.Object"], None], then: str | None
) -> None:
    takes.dress(face, hair_record("bob"))
    mine = the_hair(face)
    edit(mine)
    bpy.context.view_layer.update()
    mesh, modifiers = mine.data, len(mine.modifiers)
    for _ in range(2):  # the second time, too
        takes.dress(face, hair_record(then) if then else None)
        assert (mine.data, len(mine.modifiers), mine.parent) == (mesh, modifiers, face)
        assert (mine.hide_viewport, mine.hide_render) == (True, True)
        assert [worn[hair_object.STYLE] for worn in hair_object.worn_by(face)] == ([then] if then else [])


def test_a_groom_of_the_animators_own_is_left_alone(face: "bpy.types.Object") -> None:
    takes.dress(face, hair_record())
    groom = bpy.data.objects.new("groom", bpy.data.hair_curves.new("groom"))
    groom.parent = face
    takes.dress(face, None)
    assert list(face.children) == [groom]
    assert not groom.hide_viewport


def test_hair_turned_into_curves_is_a_change(face: "bpy.types.Object") -> None:
    takes.dress(face, hair_record())
    bpy.context.view_layer.objects.active = the_hair(face)
    the_hair(face).select_set(True)
    assert bpy.ops.object.convert(target="CURVE") == {"FINISHED"}
    takes.dress(face, None)
    (curves,) = face.children
    assert curves.type == "CURVE"
    assert curves.hide_viewport


def test_generating_puts_hair_on_the_face(use_backend: UseBackend, strip: None) -> None:
    use_backend()
    bald = generate(identity="average")
    assert list(bald.children) == []
    own = generate(identity="second", seed=1)
    assert style(own) == "bob"
    assert [collection.name for collection in the_hair(own).users_collection] == ["FaceTalk"]
    chosen = generate(hair="curls", seed=2)
    assert (style(chosen), json.loads(chosen.facetalk.settings)["hair"]) == ("curls", "curls")
    assert list(generate(hair="bald", seed=3).children) == []


def test_hair_that_does_not_exist_is_named(use_backend: UseBackend, strip: None) -> None:
    use_backend()
    before = data_counts()
    with pytest.raises(RuntimeError, match="no hair style mohawk: choose one of bald, bob, curls"):
        generate(hair="mohawk")
    assert data_counts() == before


def test_takes_are_hidden_with_their_hair(use_backend: UseBackend, strip: None) -> None:
    use_backend()
    first = generate(identity="second")
    groom = bpy.data.objects.new("groom", None)
    groom.parent = first
    bpy.context.collection.objects.link(groom)
    the_hair(first).hide_viewport = True  # the groom is shown in its place, but not rendered
    groom.hide_render = True
    second = generate(seed=1)
    hidden = [(thing.hide_viewport, thing.hide_render) for thing in (the_hair(first), groom, the_hair(second))]
    assert hidden == [(True, True), (True, True), (False, False)]
    bpy.ops.facetalk.show_take(name=first.name)
    bpy.ops.facetalk.show_take(name=first.name)
    hidden = [(thing.hide_viewport, thing.hide_render) for thing in (the_hair(first), groom, the_hair(second))]
    assert hidden == [(True, False), (False, True), (True, True)]


def test_hair_of_a_finished_take_can_be_changed(use_backend: UseBackend, strip: None) -> None:
    use_backend()
    face = generate(identity="second")
    for wish, seen in (("curls", "curls"), ("as the face", "bob")):
        change_hair(wish)
        assert style(face) == seen
        assert not the_hair(face).hide_viewport
    bpy.context.view_layer.objects.active = the_hair(face)
    change_hair("curls")  # the active object goes, and the face takes its place
    assert bpy.context.view_layer.objects.active == face
    sculpt(the_hair(face))
    change_hair("bald")
    (kept,) = face.children
    assert kept.hide_viewport
    assert json.loads(face.facetalk.settings)["hair"] == "bald"
    generate(seed=1)
    bpy.ops.facetalk.show_take(name=face.name)
    assert kept.hide_viewport, "it was not the take that hid it"


def test_hair_cannot_be_changed_where_there_is_no_take(use_backend: UseBackend) -> None:
    use_backend()
    with pytest.raises(RuntimeError, match="No take is active"):
        bpy.ops.facetalk.change_hair()


def test_a_change_that_is_cancelled_leaves_the_hair(use_backend: UseBackend, strip: None) -> None:
    use_backend()
    face = generate(identity="second")
    worn = the_hair(face)
    backend_process.stop_shared_backend()
    work = HairChange(use_backend(load_seconds=30.0), face, {"hair": "curls"})
    assert work.step(stepped_operator.STEP_SECONDS)
    work.cancel()
    work._receiver.join(2.0)
    assert not [thread for thread in threading.enumerate() if thread.name == "facetalk receiver"]
    assert the_hair(face) == worn


def test_hair_for_a_face_deleted_meanwhile_is_an_error(use_backend: UseBackend, strip: None) -> None:
    python = use_backend()
    work = HairChange(python, generate(identity="second"), {"hair": "curls"})
    takes.remove(takes.takes_of(bpy.context.scene)[0])
    with pytest.raises(BackendError, match="removed, renamed or undone"):
        step_to_the_end(work)


@pytest.mark.parametrize("lost", ["nothing", "face", "hair"])
def test_cancel_leaves_nothing_whatever_was_deleted_meanwhile(use_backend: UseBackend, strip: None, lost: str) -> None:
    use_backend(batch_seconds=0.05)
    before = data_counts()
    running = begin(identity="second")
    while not (made := [thing for thing in bpy.data.objects if hair_object.FINGERPRINT in thing]):
        assert running.step(stepped_operator.STEP_SECONDS)
    (hair,) = made
    assert hair.hide_viewport, "a view that redraws the growing face would slow its growth"
    if lost != "nothing":
        takes.remove(hair if lost == "hair" else hair.parent)
    running.cancel()
    running.join()
    assert data_counts() == before


def test_a_face_deleted_while_it_grows_takes_its_hair_along(use_backend: UseBackend, strip: None) -> None:
    use_backend(batch_seconds=0.05)
    before = data_counts()
    running = begin(identity="second")
    while not (made := [thing for thing in bpy.data.objects if hair_object.FINGERPRINT in thing]):
        assert running.step(stepped_operator.STEP_SECONDS)
    takes.remove(made[0].parent)
    with pytest.raises(BackendError, match="removed, renamed or undone"):
        step_to_the_end(running)
    assert data_counts() == before


def test_hair_is_made_in_a_tick_of_its_own(use_backend: UseBackend, strip: None) -> None:
    use_backend(side=64, hair_side=75)  # 4225 and 5776 vertices
    worst: list[float] = []
    for _ in range(3):  # the quietest counts: other processes slow this one by way of the caches
        running = begin(identity="second")
        worst.append(max(step_to_the_end(running)))
        assert len(the_hair(running.face).data.vertices) == 5776
    assert min(worst) < 0.010


def test_hair_survives_saving_and_is_still_ours(use_backend: UseBackend, strip: None, tmp_path: Path) -> None:
    use_backend()
    generate(identity="second")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "line.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "line.blend"))
    (face,) = takes.takes_of(bpy.context.scene)
    assert style(face) == "bob"
    takes.dress(face, None)
    assert list(face.children) == []
