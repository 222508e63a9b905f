"""What a take's stream consists of (docs/protocol.md, section Records). Free of bpy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


class BackendError(Exception):
    """The backend cannot go on, or is not there. The message is one sentence for the user."""


class StreamError(BackendError):
    """The stream was cut off, or is not what docs/protocol.md says."""


@dataclass(frozen=True)
class Hello:
    """What a take is, and the sizes of all that follows.

    Attributes:
        version: the backend's version.
        vertex_count: V.
        face_count: P.
        corner_count: C, of all faces.
        placement: takes vertices to Blender's metres, rows of ``[4, 4]``; None if they are there.
        frame_count: frames that will come.
        fps: frames per second.
        materials: material names, in the order of ``Topology.material_index``.
        groups: name and size of every vertex group.
        settings: what was asked for, as plain JSON values.
        models: names of the model bundles that made the take.
        device: where they ran.
    """

    version: str
    vertex_count: int
    face_count: int
    corner_count: int
    placement: tuple[tuple[float, ...], ...] | None
    frame_count: int
    fps: float
    materials: tuple[str, ...]
    groups: tuple[tuple[str, int], ...]
    settings: dict[str, Any]
    models: tuple[str, ...]
    device: str


@dataclass(frozen=True)
class Topology:
    """The mesh of a take.

    Attributes:
        vertices: float32 ``[V, 3]`` neutral face; metres, z up, looking along -Y, once placed.
        face_sizes: int32 ``[P]``, corners of every face, three or more.
        corners: int32 ``[C]``, vertices of all corners, face by face.
        uv: float32 ``[C, 2]``, one per corner.
        materials: material names.
        material_index: int32 ``[P]`` into ``materials``.
        colors: float32 ``[V, 4]`` linear RGBA.
        groups: vertex indices, int32, by group name.
        placement: of ``Hello``.
    """

    vertices: NDArray[np.float32]
    face_sizes: NDArray[np.int32]
    corners: NDArray[np.int32]
    uv: NDArray[np.float32]
    materials: tuple[str, ...]
    material_index: NDArray[np.int32]
    colors: NDArray[np.float32]
    groups: dict[str, NDArray[np.int32]]
    placement: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True)
class Hair:
    """The hair of a take, at rest on the neutral face; it does not move with expressions.

    Attributes:
        style: its name.
        vertices: float32 ``[H, 3]``, axes and units of ``Topology.vertices``.
        quads: int32 ``[K, 4]``.
        uv: float32 ``[K, 4, 2]``, one per corner.
        color: linear RGBA, 0 to 1.
    """

    style: str
    vertices: NDArray[np.float32]
    quads: NDArray[np.int32]
    uv: NDArray[np.float32]
    color: tuple[float, float, float, float]


@dataclass(frozen=True)
class Progress:
    """How far (0 to 1) a stage (speech, motion, decode) has come."""

    stage: str
    fraction: float


@dataclass(frozen=True)
class Frame:
    """One frame: its index from 0 and its vertices, float32 ``[V, 3]``."""

    index: int
    vertices: NDArray[np.float32]


@dataclass(frozen=True)
class Keys:
    """What keys a take comes in, if not in frames.

    Attributes:
        names: all different.
        lowest: the least weight that each is made for; the most is 1.
        error_mm: millimetres that no vertex of any frame is farther off than.
    """

    names: tuple[str, ...]
    lowest: tuple[float, ...]
    error_mm: float


@dataclass(frozen=True)
class Key:
    """One key: its index from 0, what a weight of 1 moves ``[V, 3]``, and its weights ``[F]``; float32."""

    index: int
    offsets: NDArray[np.float32]
    curve: NDArray[np.float32]


@dataclass(frozen=True)
class CharacterMade:
    """A character was made of a mesh: its template's name, what was made of it, and what is unusual."""

    name: str
    summary: str
    remarks: tuple[str, ...]


Record = Hello | Topology | Hair | Progress | Frame | Keys | Key
