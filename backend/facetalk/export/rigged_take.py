"""A take as weights of a named rig: keys and correctives from some of its frames, weights for all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.errors import UserError
from facetalk.take import TakeSettings
from facetalk.topology.face_metric import MILLIMETRES, FaceMetric
from facetalk.topology.named_rig import NamedRig, Vertices, Weights, decode_named_rig
from facetalk.topology.rig_correctives import find_correctives
from facetalk.topology.rig_solver import FRAMES_AT_ONCE, RigSolver

if TYPE_CHECKING:
    from torch import Tensor

    from facetalk.animate import Animator
    from facetalk.topology.template import FaceMesh

Progress = Callable[[str, float], None]

CODE_RATE = 50.0  # codes per second
SAMPLED_FRAMES = 400  # of a take, evenly spread, from which its correctives are made
LIPS = "lip_"  # how the groups of lips begin


@dataclass(frozen=True)
class RiggedTake:
    """A take, ready to be written.

    Attributes:
        mesh: the face at rest, with its hair.
        rig: its keys.
        weights: of all keys in every frame ``[F, K + J]``.
        fps: frames per second.
        left: millimetres that keys leave over the lips, of every frame the mean and the worst ``[F, 2]``: of the named
            keys alone, and with correctives.
    """

    mesh: "FaceMesh"
    rig: NamedRig
    weights: Weights
    fps: float
    left: dict[str, NDArray[np.float64]]


def rig_take(animator: "Animator", codes: "Tensor", settings: TakeSettings, progress: Progress) -> RiggedTake:
    """Make the rig of a face and the weights that play a take on it.

    Memory holds some hundred frames at a time, whatever the take's length.

    Args:
        animator: poses the face.
        codes: expression codes ``[T, E]`` at 50 Hz, as they are to be posed.
        settings: identity, hair and frame rate count.
        progress: told "keys" and "weights" and the fraction done.

    Raises:
        UserError: there are no codes, they are no finite numbers, or a setting cannot be used.
    """
    if len(codes) == 0 or not bool(codes.isfinite().all()):
        raise UserError("The take has no expression codes that are finite numbers: make the take again.")
    settings = replace(settings, intensity=1.0)
    mesh = animator.mesh(settings.identity, settings.hair)
    progress("keys", 0.0)

    def pose(some: "Tensor") -> Vertices:
        return np.concatenate([b.vertices for b in animator.poses(some, replace(settings, fps=CODE_RATE))])

    metric = FaceMetric.of(mesh)
    rig = decode_named_rig(pose, animator.head.config["rig_controls"], animator.head.rig_to_code().cpu())
    rig = rig.with_correctives(_correctives(rig, metric, pose(_spread(codes))))
    progress("keys", 1.0)
    return _weigh(animator, codes, settings, mesh, RigSolver(rig, metric), progress)


def _spread(codes: "Tensor") -> "Tensor":
    """At most ``SAMPLED_FRAMES`` of the codes ``[T, E]``, evenly spread."""
    places = np.linspace(0, len(codes) - 1, min(SAMPLED_FRAMES, len(codes))).round().astype(np.int64)
    return codes[torch.from_numpy(places).to(codes.device)]


def _correctives(rig: NamedRig, metric: FaceMetric, frames: Vertices) -> Vertices:
    solver = RigSolver(rig, metric)
    return find_correctives(solver.residual(frames, solver.solve(frames)), metric)


def _weigh(
    animator: "Animator",
    codes: "Tensor",
    settings: TakeSettings,
    mesh: "FaceMesh",
    solver: RigSolver,
    progress: Progress,
) -> RiggedTake:
    groups = [members for name, members in mesh.groups.items() if name.startswith(LIPS)]
    lips = np.unique(np.concatenate(groups)) if groups else np.arange(len(mesh.vertices))
    weights: list[Weights] = []
    left: dict[str, list[NDArray[np.float64]]] = {"named keys": [], "with correctives": []}
    total = max(1, round(len(codes) / CODE_RATE * settings.fps))
    done = 0
    for frames in _blocks(animator, codes, settings):
        found = solver.solve(frames)
        weights.append(found)
        for name, used in (("named keys", len(solver.rig.names)), ("with correctives", found.shape[1])):
            residual = solver.residual(frames, found[:, :used])[:, lips]
            millimetres = MILLIMETRES * np.linalg.norm(residual.astype(np.float64), axis=2)
            left[name].append(np.stack([millimetres.mean(axis=1), millimetres.max(axis=1)], axis=1))
        done += len(frames)
        progress("weights", min(done / total, 1.0))
    summed = {name: np.concatenate(parts) for name, parts in left.items()}
    return RiggedTake(mesh, solver.rig, np.concatenate(weights), settings.fps, summed)


def _blocks(animator: "Animator", codes: "Tensor", settings: TakeSettings) -> Iterator[Vertices]:
    """The take's frames ``[n, V, 3]``, as many at a time as are solved together."""
    held: list[Vertices] = []
    for batch in animator.poses(codes, settings):
        held.append(batch.vertices)
        if sum(map(len, held)) >= FRAMES_AT_ONCE:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)
