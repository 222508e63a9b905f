"""The template: a quad mesh with UVs, parts, materials, groups and landmarks, and the mesh made of it for Blender."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facetalk.bundle import Bundle, read_bundle
from facetalk.errors import UserError

Indices = NDArray[np.int32]


@dataclass(frozen=True)
class HairMesh:
    """Hair on one identity: it does not move with expressions, so it is an object of its own.

    Attributes:
        style: its name.
        vertices: ``[V, 3]``; on the mean head in head units within a template, in metres, z up, on a face.
        quads: ``[Q, 4]``.
        uv: ``[Q, 4, 2]``, per corner.
        color: linear RGBA.
    """

    style: str
    vertices: NDArray[np.float32]
    quads: Indices
    uv: NDArray[np.float32]
    color: tuple[float, float, float, float]


@dataclass(frozen=True)
class Template:
    """A template, lying on the average head in canonical pose.

    Attributes:
        name: of the topology.
        vertices: ``[V, 3]`` head units.
        quads: ``[Q, 4]``.
        uv: ``[Q, 4, 2]``, per corner.
        parts: part index of every vertex ``[V]``, in the order of the head's parts.
        materials: material names.
        material_index: ``[Q]``.
        colors: ``[V, 4]`` linear RGBA.
        groups: vertex groups by name.
        landmarks: single vertices by name.
        mobility: how far expressions may move every vertex, 0 to 1 ``[V]``: 0 on the skull. A field that is nearly
            still there would make it shiver; the paper weighs its deformations down away from the mouth likewise.
        hair: by style.
    """

    name: str
    vertices: NDArray[np.float32]
    quads: Indices
    uv: NDArray[np.float32]
    parts: Indices
    materials: tuple[str, ...]
    material_index: Indices
    colors: NDArray[np.float32]
    groups: dict[str, Indices]
    landmarks: dict[str, int]
    mobility: NDArray[np.float32]
    hair: dict[str, HairMesh]

    @classmethod
    def load(cls, folder: Path) -> "Template":
        """Read a topology bundle.

        Raises:
            UserError: the bundle is missing, damaged, or of other shapes than a template's.
        """
        bundle = read_bundle(folder, "topology")
        vertices = bundle.tensor("vertices", (None, 3)).numpy()
        quads = bundle.tensor("quads", (None, 4)).numpy().astype(np.int32)
        if quads.min() < 0 or quads.max() >= len(vertices):
            raise UserError(f"{folder}: quads name vertices that do not exist: get the bundle again.")
        groups = bundle.section("groups")
        return cls(
            name=bundle.name,
            vertices=vertices,
            quads=quads,
            uv=bundle.tensor("uv", (len(quads), 4, 2)).numpy(),
            parts=bundle.tensor("parts", (len(vertices),)).numpy().astype(np.int32),
            materials=tuple(bundle.config["materials"]),
            material_index=bundle.tensor("material_index", (len(quads),)).numpy().astype(np.int32),
            colors=bundle.tensor("colors", (len(vertices), 4)).numpy(),
            groups={name: tensor.numpy().astype(np.int32) for name, tensor in groups.items()},
            mobility=bundle.tensor("mobility", (len(vertices),)).numpy(),
            landmarks={str(name): int(vertex) for name, vertex in bundle.config["landmarks"].items()},
            hair=_read_hair_styles(bundle),
        )


def _read_hair_styles(bundle: Bundle) -> dict[str, HairMesh]:
    """The hair of a template, or of the one beside it whose hair it wears."""
    other = bundle.config.get("hair_of")
    worn = bundle if other is None else read_bundle(bundle.folder.parent / Path(str(other)).name, "topology")
    return {style: _read_hair(worn, style) for style in worn.config["hair_styles"]}


def _read_hair(bundle: Bundle, style: str) -> HairMesh:
    vertices = bundle.tensor(f"hair.{style}.vertices", (None, 3)).numpy()
    quads = bundle.tensor(f"hair.{style}.quads", (None, 4)).numpy().astype(np.int32)
    if quads.min() < 0 or quads.max() >= len(vertices):
        raise UserError(f"{bundle.folder}: the hair {style} names vertices that do not exist: get the bundle again.")
    uv = bundle.tensor(f"hair.{style}.uv", (len(quads), 4, 2)).numpy()
    red, green, blue = bundle.config["hair_color"]
    return HairMesh(style, vertices, quads, uv, (red, green, blue, 1.0))


@dataclass(frozen=True)
class FaceMesh:
    """The mesh Blender receives: a template on one identity, at rest.

    Attributes:
        vertices: ``[V, 3]`` metres, z up, the identity's neutral face.
        quads, uv, materials, material_index, colors, groups, landmarks: as in ``Template``.
        hair: the identity's hair, or None if it is bald.
    """

    vertices: NDArray[np.float32]
    quads: Indices
    uv: NDArray[np.float32]
    materials: tuple[str, ...]
    material_index: Indices
    colors: NDArray[np.float32]
    groups: dict[str, Indices]
    landmarks: dict[str, int]
    hair: HairMesh | None = None

    @property
    def face_sizes(self) -> Indices:
        """Corners of every face ``[Q]``: four."""
        return np.full(len(self.quads), 4, np.int32)

    @property
    def corners(self) -> Indices:
        """Vertices of all corners, face by face ``[4 Q]``."""
        return self.quads.ravel()

    @property
    def corner_uv(self) -> NDArray[np.float32]:
        """``[4 Q, 2]``."""
        return self.uv.reshape(-1, 2)

    @property
    def placement(self) -> None:
        """The mesh is where it belongs in Blender's metres."""
        return None


class AnyMesh(Protocol):
    """What is sent of a mesh: the template's on a face, or one of the user's own.

    Attributes:
        vertices: ``[V, 3]``, at rest.
        face_sizes: corners of every face ``[P]``, three or more.
        corners: vertices of all corners, face by face ``[C]``.
        corner_uv: ``[C, 2]``.
        materials, material_index, colors, groups: as in ``Template``, for every face.
        hair: the hair, or None.
        placement: takes the vertices to metres, z up, looking along -Y ``[4, 4]``; None if they are there.
    """

    @property
    def vertices(self) -> NDArray[np.float32]: ...  # noqa: D102

    @property
    def face_sizes(self) -> Indices: ...  # noqa: D102

    @property
    def corners(self) -> Indices: ...  # noqa: D102

    @property
    def corner_uv(self) -> NDArray[np.float32]: ...  # noqa: D102

    @property
    def materials(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def material_index(self) -> Indices: ...  # noqa: D102

    @property
    def colors(self) -> NDArray[np.float32]: ...  # noqa: D102

    @property
    def groups(self) -> dict[str, Indices]: ...  # noqa: D102

    @property
    def hair(self) -> HairMesh | None: ...  # noqa: D102

    @property
    def placement(self) -> NDArray[np.float64] | None: ...  # noqa: D102
