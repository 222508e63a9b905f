"""Templates of the user's own: a mesh and how it hangs on the head, as a bundle that is written once."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.bundle import Bundle, read_bundle, write_bundle
from facetalk.errors import UserError
from facetalk.head.head import UNITS_PER_METRE
from facetalk.head.similarity import Similarity
from facetalk.presets import shipped_templates
from facetalk.topology.mesh_binding import MeshBinding
from facetalk.topology.polygon_mesh import PolygonMesh

NAME = re.compile(r"[a-z0-9_-]{1,64}")
MANIFEST = "manifest.json"
CLAY = (0.55, 0.42, 0.36, 1.0)  # linear: what has no colours of its own
# Head axes, y up and face along +z, to Blender's, z up and face along -Y.
TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class OwnTemplate:
    """A mesh of the user's own, bound to a head.

    Attributes:
        name: of ``[a-z0-9_-]``.
        head: name of the head bundle that it is bound to.
        mesh: as its file has it.
        binding: how it hangs on the head.
    """

    name: str
    head: str
    mesh: PolygonMesh
    binding: MeshBinding

    def face(self) -> "OwnMesh":
        """The mesh at rest, as it is sent to Blender."""
        mesh = self.mesh
        return OwnMesh(
            vertices=mesh.vertices.astype(np.float32),
            face_sizes=mesh.face_sizes.astype(np.int32),
            corners=mesh.corners.astype(np.int32),
            corner_uv=mesh.corner_uv,
            materials=mesh.materials,
            material_index=mesh.material_index.astype(np.int32),
            colors=np.tile(np.array(CLAY, np.float32), (len(mesh.vertices), 1)),
            groups={"moving": self.binding.moving.astype(np.int32)},
            placement=placement(self.binding.transform),
        )


@dataclass(frozen=True)
class OwnMesh:
    """What is sent of the user's own mesh; see ``facetalk.topology.template.AnyMesh``."""

    vertices: NDArray[np.float32]
    face_sizes: NDArray[np.int32]
    corners: NDArray[np.int32]
    corner_uv: NDArray[np.float32]
    materials: tuple[str, ...]
    material_index: NDArray[np.int32]
    colors: NDArray[np.float32]
    groups: dict[str, NDArray[np.int32]]
    placement: NDArray[np.float64]
    hair: None = None


def placement(transform: Similarity) -> NDArray[np.float64]:
    """The matrix ``[4, 4]`` that takes a mesh to Blender's metres, from the one that takes it to head space."""
    matrix = np.eye(4)
    matrix[:3, :3] = TO_BLENDER @ (transform.scale * transform.rotation) / UNITS_PER_METRE
    matrix[:3, 3] = TO_BLENDER @ transform.translation / UNITS_PER_METRE
    return matrix


def own_folder() -> Path:
    """Where the user's own templates are: ``FACETALK_TEMPLATES`` if set, else ``~/.facetalk/templates``."""
    configured = os.environ.get("FACETALK_TEMPLATES")
    return Path(configured) if configured else Path.home() / ".facetalk/templates"


def list_own_templates() -> tuple[str, ...]:
    """Names of the user's own templates, by alphabet."""
    found = (path.parent.name for path in own_folder().glob(f"*/{MANIFEST}"))
    return tuple(sorted(name for name in found if NAME.fullmatch(name)))


def template_folder(name: str) -> Path:
    """The folder of a template of the user's own.

    Raises:
        UserError: the name cannot be one, or a template that comes along has it.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"A template cannot be named {name!r}: use up to 64 of a-z, 0-9, _ and -.")
    if name in shipped_templates():
        raise UserError(f"A template that comes along is named {name} already: choose another name.")
    return own_folder() / name


def require_own_template(name: str) -> Path:
    """The folder of a template of the user's own, by its name or its path.

    Raises:
        UserError: there is none.
    """
    for folder in (Path(name), own_folder() / name):
        if (folder / MANIFEST).is_file():
            return folder
    known = ", ".join((*shipped_templates(), *list_own_templates()))
    raise UserError(f"There is no template {name}: choose one of {known}, or make one with `facetalk template`.")


def is_worn(folder: Path) -> bool:
    """Whether a template of the user's own is one that every identity wears, and not a mesh with a face of its own.

    Args:
        folder: the bundle's, with a manifest; that it is damaged is said by whoever reads the bundle.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(manifest, dict) and manifest.get("kind") == "topology"


def has_own_face(name: str) -> bool:
    """Whether a template of a name is a mesh of the user's own, with a face of its own.

    Raises:
        UserError: there is no such template.
    """
    return name not in shipped_templates() and not is_worn(require_own_template(name))


def require_template(name: str) -> None:
    """Check that there is a template of a name: one that comes along, or the user's own.

    Raises:
        UserError: there is none; it says which there are.
    """
    if name not in shipped_templates():
        require_own_template(name)


def write_own_template(folder: Path, template: OwnTemplate, source: str) -> None:
    """Write a template as a bundle, whole or not at all.

    Args:
        folder: the bundle's.
        template: what is written.
        source: name of the mesh's file.
    """
    mesh, binding = template.mesh, template.binding
    transform = binding.transform
    tensors = {
        "vertices": torch.from_numpy(mesh.vertices),
        "face_sizes": torch.from_numpy(mesh.face_sizes.astype(np.int32)),
        "corners": torch.from_numpy(mesh.corners.astype(np.int32)),
        "corner_uv": torch.from_numpy(mesh.corner_uv),
        "material_index": torch.from_numpy(mesh.material_index.astype(np.int32)),
        "code": binding.code.cpu(),
        "rotation": torch.from_numpy(transform.rotation.copy()),
        "translation": torch.from_numpy(transform.translation.copy()),
        "moving": torch.from_numpy(binding.moving.astype(np.int32)),
        "canonical": torch.from_numpy(binding.canonical),
        "parts": torch.from_numpy(binding.parts.astype(np.int32)),
        "mobility": torch.from_numpy(binding.mobility),
        "body": torch.from_numpy(binding.body.astype(np.int32)),
    }
    config = {
        "head": template.head,
        "materials": list(mesh.materials),
        "scale": transform.scale,
        "inside_out": binding.inside_out,
    }
    write_bundle(
        folder,
        kind="mesh",
        name=template.name,
        config=config,
        tensors=tensors,
        licence="LicenseRef-own",
        attributions=[f"The user's own mesh: {source}."],
        training={"command": "facetalk template"},
    )


def read_own_template(folder: Path, head: str, identity_size: int, parts: int) -> OwnTemplate:
    """Read a template.

    Args:
        folder: the bundle's.
        head: name of the head bundle in use.
        identity_size, parts: of that head.

    Raises:
        UserError: the bundle is missing, damaged, or made for another head.
    """
    bundle = read_bundle(folder, "mesh")
    if bundle.config.get("head") != head:
        raise UserError(f"{folder} was made for the head {bundle.config.get('head')}, not {head}: make it again.")
    mesh = _read_mesh(bundle)
    moving = _indices(bundle, "moving", len(mesh.vertices))
    count = len(moving)
    transform = Similarity(
        bundle.tensor("rotation", (3, 3)).numpy().astype(np.float64),
        float(bundle.config["scale"]),
        bundle.tensor("translation", (3,)).numpy().astype(np.float64),
    )
    binding = MeshBinding(
        code=bundle.tensor("code", (identity_size,)),
        transform=transform,
        moving=moving,
        canonical=bundle.tensor("canonical", (count, 3)).numpy(),
        parts=_indices(bundle, "parts", parts, count),
        mobility=bundle.tensor("mobility", (count,)).numpy(),
        body=bundle.tensor("body", (count,)).numpy().astype(np.int64),
        inside_out=bool(bundle.config["inside_out"]),
    )
    return OwnTemplate(bundle.name, head, mesh, binding)


def _read_mesh(bundle: Bundle) -> PolygonMesh:
    vertices = bundle.tensor("vertices", (None, 3)).numpy().astype(np.float64)
    sizes = bundle.tensor("face_sizes", (None,)).numpy().astype(np.int64)
    corners = _indices(bundle, "corners", len(vertices), int(sizes.sum()))
    materials = tuple(str(name) for name in bundle.config["materials"])
    index = _indices(bundle, "material_index", len(materials), len(sizes))
    return PolygonMesh(
        vertices, sizes, corners, bundle.tensor("corner_uv", (len(corners), 2)).numpy(), materials, index
    )


def _indices(bundle: Bundle, name: str, end: int, count: int | None = None) -> NDArray[np.int64]:
    values = bundle.tensor(name, (count,)).numpy().astype(np.int64)
    if len(values) and not 0 <= values.min() <= values.max() < end:
        raise UserError(f"{bundle.folder}: {name} names what does not exist: make the template again.")
    return values
