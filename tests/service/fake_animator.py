"""An animator without models: a small grid that bobs, as quick or as slow as a test needs it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facetalk.errors import UserError
from facetalk.service.stream import Progress
from facetalk.take import BALD, FrameBatch, KeyedTake, TakeSettings, require_hair

if TYPE_CHECKING:
    from facetalk.clip import Clip

HAIR_COLOR = (0.25, 0.125, 0.0625, 1.0)


@dataclass(frozen=True)
class GridHair:
    """The attributes of ``facetalk.topology.template.HairMesh``, a grid that hangs behind the face."""

    style: str
    vertices: NDArray[np.float32]
    quads: NDArray[np.int32]
    uv: NDArray[np.float32]
    color: tuple[float, float, float, float]


@dataclass(frozen=True)
class GridMesh:
    """The attributes of ``facetalk.topology.template.FaceMesh``, on a grid of ``side`` x ``side`` quads."""

    vertices: NDArray[np.float32]
    quads: NDArray[np.int32]
    uv: NDArray[np.float32]
    materials: tuple[str, ...]
    material_index: NDArray[np.int32]
    colors: NDArray[np.float32]
    groups: dict[str, NDArray[np.int32]]
    hair: GridHair | None = None
    placement: NDArray[np.float64] | None = None

    @property
    def face_sizes(self) -> NDArray[np.int32]:
        return np.full(len(self.quads), 4, np.int32)

    @property
    def corners(self) -> NDArray[np.int32]:
        return self.quads.ravel()

    @property
    def corner_uv(self) -> NDArray[np.float32]:
        return self.uv.reshape(-1, 2)


def grid_mesh(side: int) -> GridMesh:
    steps = np.linspace(-0.1, 0.1, side + 1)
    x, z = np.meshgrid(steps, steps)
    corner = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).reshape(-1)
    quads = np.stack([corner, corner + 1, corner + side + 2, corner + side + 1], axis=1).astype(np.int32)
    vertices = np.stack([x, np.zeros_like(x), z], axis=-1).reshape(-1, 3).astype(np.float32)
    return GridMesh(
        vertices=vertices,
        quads=quads,
        uv=(vertices[quads][..., [0, 2]] * 5 + 0.5).astype(np.float32),
        materials=("skin", "teeth"),
        material_index=(np.arange(len(quads)) % 2).astype(np.int32),
        colors=np.ones((len(vertices), 4), np.float32),
        groups={"lips": np.arange(4, dtype=np.int32), "nobody": np.zeros(0, np.int32)},
    )


def grid_hair(side: int, style: str) -> GridHair:
    grid = grid_mesh(side)
    behind = np.array([0.0, 0.05 + 0.01 * len(style), 0.05], np.float32)
    return GridHair(style, grid.vertices + behind, grid.quads, grid.uv, HAIR_COLOR)


def frame_vertices(side: int, index: int, seed: int) -> NDArray[np.float32]:
    """What frame ``index`` of a take with ``seed`` must be, anywhere."""
    return grid_mesh(side).vertices + lift(index, seed)


def lift(index: int, seed: int) -> np.float32:
    """How far all vertices have gone in frame ``index``."""
    return np.float32(0.001) * np.float32(index + 1 + seed)


KEYED = KeyedTake(("up", "both"), (0.0, -1.0), np.zeros((0, 0, 0), np.float32), np.zeros((0, 0), np.float32), 0.05)
"""What is the same in every take of a ``FakeAnimator`` that comes in keys."""


@dataclass(frozen=True)
class FakeCharacter:
    """What is said of a mesh that became a character."""

    mesh: Any
    landmarks: Any

    def summary(self) -> str:
        return f"{len(self.mesh.vertices)} of {len(self.mesh.vertices)} vertices move."

    def remarks(self) -> list[str]:
        return ["The mesh has 1 open border: what is open stays open."]


@dataclass
class FakeAnimator:
    """The interfaces of ``facetalk.animate.Animator`` and ``facetalk.cast.Cast``."""

    side: int = 4
    hair_side: int = 3
    motion_steps: int = 5
    motion_step_seconds: float = 0.0
    batch_frames: int = 4
    batch_seconds: float = 0.0
    fail: Exception | None = None
    device: str = "cpu"
    models: tuple[str, ...] = ("fake-head", "fake-motion")
    meshes: dict[str, Any] = field(default_factory=dict)
    seen: list[Any] = field(default_factory=list)
    closed: bool = False

    def identities(self) -> list[str]:
        return ["average", "second"]

    def hair_styles(self) -> list[str]:
        return ["bob", "curls"]

    def styles(self) -> list[str]:
        return ["lively", "neutral"]

    def templates(self) -> list[str]:
        return ["coarse"]

    def characters(self) -> list[str]:
        return sorted(self.meshes)

    def heads(self) -> list[str]:
        return ["nphm"]

    def standing_in(self, head: str, template: str | None) -> "FakeAnimator":
        """A grid by another name."""
        return replace(self.performer(template), models=(*self.models, head))

    def performer(self, template: str | None) -> "FakeAnimator":
        """The grid, a coarser one, or a character."""
        if template is None:
            return self
        if template in self.templates():
            return replace(self, side=2)
        return FakePerformer(**{**vars(self), "character": self.meshes[template]})

    def add_character(self, mesh: Any, name: str, landmarks: Any, progress: Progress) -> FakeCharacter:  # noqa: ANN401
        for step in range(self.motion_steps):
            time.sleep(self.motion_step_seconds)
            progress("fit", (step + 1) / self.motion_steps)
        if self.fail is not None:
            raise self.fail
        self.meshes[name] = mesh
        return FakeCharacter(mesh, landmarks)

    def mesh(self, identity: str, hair: str | None = None) -> Any:  # noqa: ANN401 - GridMesh, or a character's
        """``average`` is bald, ``second`` wears a bob, unless other hair is asked for."""
        require_hair(hair, self.hair_styles())
        if identity not in self.identities():
            raise UserError(f"There is no identity {identity}: choose one of {', '.join(self.identities())}.")
        style = hair or {"average": BALD, "second": "bob"}[identity]
        worn = None if style == BALD else grid_hair(self.hair_side, style)
        return replace(grid_mesh(self.side), hair=worn)

    def frame_count(self, clip: "Clip", fps: float) -> int:
        return int(np.ceil(len(clip.samples) / 16000 * fps))

    def keyed(self, clip: "Clip", settings: TakeSettings, progress: Progress | None = None) -> KeyedTake:
        """Two keys: one lifts all vertices by frame and seed, one never plays."""
        frames = np.concatenate([batch.vertices for batch in self.frames(clip, settings, progress)])
        offsets = np.zeros((2, *frames.shape[1:]), np.float32)
        offsets[0] = frames[-1] - self.mesh(settings.identity, settings.hair).vertices
        curves = np.zeros((len(frames), 2), np.float32)
        curves[:, 0] = (np.arange(len(frames)) + 1 + settings.seed) / (len(frames) + settings.seed)
        return replace(KEYED, offsets=offsets, curves=curves)

    def frames(self, clip: "Clip", settings: TakeSettings, progress: Progress | None = None) -> Iterator[FrameBatch]:
        self.seen.append((clip, settings))
        report = progress or (lambda stage, fraction: None)
        try:
            report("speech", 1.0)
            for step in range(self.motion_steps):
                time.sleep(self.motion_step_seconds)
                report("motion", (step + 1) / self.motion_steps)
            if self.fail is not None:
                raise self.fail
            count = self.frame_count(clip, settings.fps)
            for first in range(0, count, self.batch_frames):
                time.sleep(self.batch_seconds)
                indices = range(first, min(first + self.batch_frames, count))
                rest = self.mesh(settings.identity, settings.hair).vertices
                yield FrameBatch(first, np.stack([rest + lift(i, settings.seed) for i in indices]))
                report("decode", indices.stop / count)
        finally:
            self.closed = True


@dataclass
class FakePerformer(FakeAnimator):
    """A character in place of the grid: a ``facetalk.topology.polygon_mesh.PolygonMesh``."""

    character: Any = None

    def mesh(self, identity: str, hair: str | None = None) -> Any:  # noqa: ANN401
        mesh = self.character
        return SimpleNamespace(
            vertices=mesh.vertices.astype(np.float32),
            face_sizes=mesh.face_sizes.astype(np.int32),
            corners=mesh.corners.astype(np.int32),
            corner_uv=mesh.corner_uv,
            materials=mesh.materials,
            material_index=mesh.material_index.astype(np.int32),
            colors=np.ones((len(mesh.vertices), 4), np.float32),
            groups={},
            placement=np.diag([0.01, 0.01, 0.01, 1.0]),
            hair=None,
        )
