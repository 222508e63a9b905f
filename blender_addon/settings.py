"""What the user asks of the next take; kept on the scene."""
# mypy: disable-error-code="misc, valid-type"

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from . import backend_process, character_object
from .client import Setting

OWN_HAIR = "as the face"
BALD = "bald"
PLAIN_STYLE = "neutral"
DEFAULT_MESH = "default"
OWN_HEAD = "FaceTalk"
IMPORTED_FACES = ("average", "subject-0", "random-0")  # what imported heads call theirs; other numbers can be typed
FRAMES, COMPACT, RIG = "frames", "compact", "rig"  # as the protocol names them


def _known_identities(settings: bpy.types.PropertyGroup, context: bpy.types.Context, edit_text: str) -> list[str]:
    if is_imported(settings):
        return list(IMPORTED_FACES)
    health = backend_process.last_health
    return list(health.identities) if health is not None else ["average"]


def _known_hair(settings: bpy.types.PropertyGroup, context: bpy.types.Context, edit_text: str) -> list[str]:
    health = backend_process.last_health
    return [OWN_HAIR, BALD, *(health.hair_styles if health is not None else ())]


def _known_styles(settings: bpy.types.PropertyGroup, context: bpy.types.Context, edit_text: str) -> list[str]:
    health = backend_process.last_health
    return list(health.styles) if health is not None and health.styles else [PLAIN_STYLE]


def _known_meshes(settings: bpy.types.PropertyGroup, context: bpy.types.Context, edit_text: str) -> list[str]:
    health = backend_process.last_health
    return [DEFAULT_MESH, *(health.templates if health is not None else ()), *sorted(_known_characters())]


def _known_heads(settings: bpy.types.PropertyGroup, context: bpy.types.Context, edit_text: str) -> list[str]:
    health = backend_process.last_health
    return [OWN_HEAD, *(health.heads if health is not None else ())]


def _known_characters() -> set[str]:
    """Characters in this file and, once it runs, of the backend."""
    health = backend_process.last_health
    return {*character_object.known_templates(), *(health.characters if health is not None else ())}


class FaceTalkSettings(bpy.types.PropertyGroup):
    """The settings of the next take."""

    mesh: StringProperty(
        name="Mesh",
        description=f"What performs: {DEFAULT_MESH} is FaceTalk's own mesh, light a coarse and fine a dense one; "
        "all others are characters of yours",
        default=DEFAULT_MESH,
        search=_known_meshes,
    )
    head: StringProperty(
        name="Head",
        description=f"Whose neural head performs: {OWN_HEAD} is the embedded one; all others are published heads of "
        "yours, imported and taught the rig",
        default=OWN_HEAD,
        search=_known_heads,
    )
    identity: StringProperty(name="Face", description="Whose head speaks", default="average", search=_known_identities)
    hair: StringProperty(
        name="Hair",
        description=f"A hair style, {BALD}, or {OWN_HAIR}: the hair that comes with it",
        default=OWN_HAIR,
        search=_known_hair,
    )
    style: StringProperty(
        name="Style",
        description="How the line is performed: plainly, lively, happily, as a song",
        default=PLAIN_STYLE,
        search=_known_styles,
    )
    seed: IntProperty(
        name="Seed", description="Every seed is another performance; the same seed is the same one", min=0
    )
    intensity: FloatProperty(
        name="Intensity",
        description="How strong the expression is: 0 is a still face, 1 is as the model has it",
        default=1.0,
        min=0.0,
        max=10.0,
        soft_max=2.0,
        subtype="FACTOR",
    )
    use_guidance: BoolProperty(name="Own Guidance", description="Use the value beside this in place of the model's own")
    guidance: FloatProperty(
        name="Guidance",
        description="How strictly the motion follows the speech; lower is freer",
        default=2.0,
        min=0.0,
        max=100.0,
        soft_max=10.0,
    )
    form: EnumProperty(
        name="Keys",
        description="What the performance is put on",
        items=[
            (FRAMES, "Every Frame", "A shape key for every frame: exact, and hard to edit"),
            (COMPACT, "Compact", "Some tens of shape keys with curves: a small file, to be scaled, mixed and layered"),
            (RIG, "ARKit Rig", "ARKit's 52 shape keys by name and some correctives, with curves that people can edit"),
        ],
        default=FRAMES,
    )
    tolerance_mm: FloatProperty(
        name="Tolerance (mm)",
        description="Millimetres that no vertex is farther off than; those of lips and lids half as far",
        default=0.1,
        min=0.01,
        max=10.0,
        soft_max=1.0,
        precision=2,
    )


def as_query(settings: FaceTalkSettings, fps: float) -> dict[str, Setting]:
    """The settings as query values of ``POST /v1/jobs``.

    Args:
        settings: of the scene.
        fps: the scene's true frame rate.
    """
    query: dict[str, Setting] = {
        "seed": settings.seed,
        "fps": fps,
        "intensity": round(settings.intensity, 6),  # Blender keeps 32 bits; the decimal is what was typed
        "form": settings.form,
    }
    if settings.mesh not in ("", DEFAULT_MESH):
        query["template"] = settings.mesh
    if not is_character(settings):
        query["identity"] = settings.identity
        query.update({"head": settings.head} if is_imported(settings) else hair_as_query(settings))
    if settings.form == COMPACT:
        query["tolerance_mm"] = round(settings.tolerance_mm, 6)
    if settings.style not in ("", PLAIN_STYLE):  # plain is what a backend does unasked
        query["style"] = settings.style
    if settings.use_guidance:
        query["guidance"] = round(settings.guidance, 6)
    return query


def is_character(settings: FaceTalkSettings) -> bool:
    """Whether a character of the user's is to perform, which has a face and hair of its own."""
    return settings.mesh in _known_characters()


def is_imported(settings: FaceTalkSettings) -> bool:
    """Whether an imported head is to perform; characters hang on the embedded one."""
    return settings.head not in ("", OWN_HEAD) and not is_character(settings)


def hair_reason(settings: FaceTalkSettings) -> str:
    """Why hair cannot be chosen for the next take, one sentence; empty if it can."""
    if is_character(settings):
        return "A character has a face and hair of its own: change those instead."
    return "An imported head has no hair styles: its surface shows what hair there is." if is_imported(settings) else ""


def hair_as_query(settings: FaceTalkSettings) -> dict[str, Setting]:
    """The wish for hair as a query value: nothing for the face's own."""
    return {} if settings.hair in ("", OWN_HAIR) else {"hair": settings.hair}


classes = (FaceTalkSettings,)


def register() -> None:
    """Add ``Scene.facetalk``."""
    for each in classes:
        bpy.utils.register_class(each)
    bpy.types.Scene.facetalk = PointerProperty(type=FaceTalkSettings)


def unregister() -> None:
    """Remove ``Scene.facetalk``; the data stays in the file."""
    del bpy.types.Scene.facetalk
    for each in reversed(classes):
        bpy.utils.unregister_class(each)
