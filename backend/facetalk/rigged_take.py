"""A take as weights of a named rig: keys and correctives from some of its frames, weights for all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.errors import UserError
from facetalk.take import FrameBatch, KeyedTake, TakeSettings
from facetalk.topology.face_metric import FaceMetric
from facetalk.topology.named_rig import NamedRig, Vertices, Weights, decode_named_rig
from facetalk.topology.rig_correctives import find_correctives
from facetalk.topology.rig_solver import FRAMES_AT_ONCE, RigSolver
from facetalk.topology.straight_curves import straightened

if TYPE_CHECKING:
    from torch import Tensor

    from facetalk.head.head import Head
    from facetalk.topology.template import AnyMesh

Progress = Callable[[str, float], None]

SAMPLED_FRAMES = 300  # of a take, evenly spread, from which its correctives are made
STRAIGHT_MM = 0.02  # that leaving keys out of a curve moves what its shape key moves the farthest
LIPS = "lip_"  # how the groups of lips begin


class Poser(Protocol):
    """Who poses expression codes: ``facetalk.animate.Animator``, or a character."""

    @property
    def head(self) -> "Head":
        """Whose codes they are."""

    def mesh(self, identity: str, hair: str | None = None) -> "AnyMesh":
        """The mesh at rest."""

    def poses(
        self,
        codes: "Tensor",
        settings: TakeSettings,
        progress: Progress | None = None,
        *,
        rate: int,
        frame_count: int | None = None,
    ) -> Iterator[FrameBatch]:
        """Codes ``[T, E]`` as frames, in batches; as many as are asked for, or as cover the codes."""


@dataclass(frozen=True)
class RiggedTake:
    """A take, ready to be written.

    Attributes:
        mesh: the face at rest, with its hair.
        rig: its keys.
        weights: of all keys in every frame ``[F, K + J]``, on straight lines between as few of them as that takes.
        fps: frames per second.
        left: millimetres that keys leave over the lips, of every frame the mean and the worst ``[F, 2]``: of the named
            keys alone, and with correctives.
        worst: millimetres that no vertex of any frame is farther off than.
    """

    mesh: "AnyMesh"
    rig: NamedRig
    weights: Weights
    fps: float
    left: dict[str, NDArray[np.float64]]
    worst: float

    def keyed(self) -> KeyedTake:
        """The take as it is sent."""
        named, correctives = len(self.rig.names), len(self.rig.correctives)
        lowest = (0.0,) * named + (-1.0,) * correctives
        curves = self.weights.astype(np.float32)
        return KeyedTake(self.rig.key_names, lowest, self.rig.key_offsets, curves, self.worst)


def rig_take(
    poser: Poser,
    codes: "Tensor",
    settings: TakeSettings,
    progress: Progress,
    *,
    rate: int,
    frame_count: int | None = None,
) -> RiggedTake:
    """Make the rig of a face and the weights that play a take on it.

    Memory holds some hundred frames at a time, whatever the take's length.

    Args:
        poser: poses the face.
        codes: expression codes ``[T, E]``, as they are to be posed.
        settings: identity, hair and frame rate count.
        progress: told "keys" and "weights" and the fraction done.
        rate: of the codes, per second.
        frame_count: how many frames to make; None for as many as cover the codes.

    Raises:
        UserError: there are no codes, they are no finite numbers, or a setting cannot be used.
    """
    if len(codes) == 0 or not bool(codes.isfinite().all()):
        raise UserError("The take has no expression codes that are finite numbers: make the take again.")
    settings = replace(settings, intensity=1.0)
    mesh = poser.mesh(settings.identity, settings.hair)
    progress("keys", 0.0)

    def pose(some: "Tensor") -> Vertices:
        one_by_one = replace(settings, fps=float(rate))
        return np.concatenate([batch.vertices for batch in poser.poses(some, one_by_one, rate=rate)])

    metric = FaceMetric.of(mesh)
    rig = decode_named_rig(pose, poser.head.config["rig_controls"], poser.head.rig_to_code().cpu())
    rig = rig.with_correctives(_correctives(rig, metric, pose(_spread(codes))))
    progress("keys", 1.0)
    blocks = _blocks(poser.poses(codes, settings, rate=rate, frame_count=frame_count))
    frames = frame_count or max(1, round(len(codes) / rate * settings.fps))
    return _weigh(blocks, frames, mesh, RigSolver(rig, metric), settings.fps, progress)


def _spread(codes: "Tensor") -> "Tensor":
    """At most ``SAMPLED_FRAMES`` of the codes ``[T, E]``, evenly spread."""
    places = np.linspace(0, len(codes) - 1, min(SAMPLED_FRAMES, len(codes))).round().astype(np.int64)
    return codes[torch.from_numpy(places).to(codes.device)]


def _correctives(rig: NamedRig, metric: FaceMetric, frames: Vertices) -> Vertices:
    solver = RigSolver(rig, metric)
    return find_correctives(solver.residual(frames, solver.solve(frames)), metric)


def _weigh(
    blocks: Iterator[Vertices], frames: int, mesh: "AnyMesh", solver: RigSolver, fps: float, progress: Progress
) -> RiggedTake:
    """Solve all blocks of frames ``[n, V, 3]``, about ``frames`` in all."""
    groups = [members for name, members in mesh.groups.items() if name.startswith(LIPS)]
    lips = np.unique(np.concatenate(groups)) if groups else np.arange(len(mesh.vertices))
    weights: list[Weights] = []
    left: dict[str, list[NDArray[np.float64]]] = {"named keys": [], "with correctives": []}
    worst = 0.0
    farthest = solver.metric.millimetres * np.linalg.norm(solver.rig.key_offsets, axis=2).max(axis=1)
    tolerances = STRAIGHT_MM / np.maximum(farthest, STRAIGHT_MM).astype(np.float64)
    for block in blocks:
        weights.append(straightened(solver.solve(block), tolerances))
        for name, used in (("named keys", len(solver.rig.names)), ("with correctives", weights[-1].shape[1])):
            residual = solver.residual(block, weights[-1][:, :used])
            millimetres = solver.metric.millimetres * np.linalg.norm(residual, axis=2).astype(np.float64)
            of_lips = millimetres[:, lips]
            left[name].append(np.stack([of_lips.mean(axis=1), of_lips.max(axis=1)], axis=1))
        worst = max(worst, float(millimetres.max()))  # of the last, with correctives
        progress("weights", min(sum(map(len, weights)) / frames, 1.0))
    whole = {name: np.concatenate(parts) for name, parts in left.items()}
    return RiggedTake(mesh, solver.rig, np.concatenate(weights), fps, whole, worst)


def _blocks(batches: Iterator[FrameBatch]) -> Iterator[Vertices]:
    """The take's frames ``[n, V, 3]``, about as many at a time as are solved together."""
    held: list[Vertices] = []
    for batch in batches:
        held.append(batch.vertices)
        if sum(map(len, held)) >= FRAMES_AT_ONCE:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)
