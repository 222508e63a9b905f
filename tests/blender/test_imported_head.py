"""An imported head in place of the embedded one: asked for by name, remembered by its takes, without hair to choose."""

from pathlib import Path

import bpy
import numpy as np
import pytest
import soundfile

from blender_addon import compat, settings, takes
from blender_addon.operators import FACETALK_OT_change_hair
from tests.service.fake_backend import UseBackend

pytestmark = pytest.mark.usefixtures("addon")


@pytest.fixture
def strip(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "line.wav", np.linspace(0, 1, 16000), 16000)
    scene = bpy.context.scene
    strips = compat.direct_strips(scene.sequence_editor_create())
    strips.new_sound("line", str(tmp_path / "line.wav"), 1, 5).select = True


def test_an_imported_head_is_asked_for_without_hair() -> None:
    wanted = bpy.context.scene.facetalk
    wanted.hair = "bob"
    assert settings.as_query(wanted, 25.0)["hair"] == "bob"
    assert settings.hair_reason(wanted) == ""
    wanted.head = "nphm"
    query = settings.as_query(wanted, 25.0)
    assert query["head"] == "nphm"
    assert "hair" not in query
    assert "no hair styles" in settings.hair_reason(wanted)


def test_takes_remember_their_head_and_keep_its_hair(strip: None, use_backend: UseBackend) -> None:
    use_backend()
    bpy.context.scene.facetalk.head = "nphm"
    assert bpy.ops.facetalk.generate() == {"FINISHED"}
    (face,) = takes.takes_of(bpy.context.scene)
    assert face.facetalk.head == "nphm"
    assert face.facetalk.models.endswith("nphm")
    bpy.context.view_layer.objects.active = face
    assert "An imported head has no hair styles" in FACETALK_OT_change_hair.disabled_reason(bpy.context)
