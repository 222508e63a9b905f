"""The add-on's preferences: where the backend's Python is, and whether it works."""
# mypy: disable-error-code="misc, valid-type"

import bpy
from bpy.props import StringProperty

from . import backend_process


class FaceTalkPreferences(bpy.types.AddonPreferences):
    """Edit > Preferences > Add-ons > FaceTalk."""

    bl_idname = __package__

    backend_python: StringProperty(
        name="Backend Python",
        description=(
            "The Python that has facetalk installed. If empty: the environment variable FACETALK_PYTHON, "
            "or the checkout this add-on runs from"
        ),
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the preferences."""
        layout = self.layout
        layout.prop(self, "backend_python")
        row = layout.row()
        row.operator("facetalk.check_backend", icon="CHECKMARK")
        health = backend_process.last_health
        if health is not None:
            row.label(text=f"Version {health.version} on {health.device}")
            layout.label(text="Models: " + ", ".join(health.models))
        layout.label(text="The backend runs on this machine only; no sound leaves it.", icon="LOCKED")


def backend_python(context: bpy.types.Context) -> str:
    """The Python the user has set, or an empty string."""
    addon = context.preferences.addons.get(__package__)
    return str(addon.preferences.backend_python) if addon is not None else ""


classes = (FaceTalkPreferences,)
