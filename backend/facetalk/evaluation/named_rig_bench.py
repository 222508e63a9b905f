"""How near a named rig comes to the frames that it plays, and what it costs (``docs/rig.md``)."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from torch import Tensor

from facetalk.animate import Animator
from facetalk.evaluation.visible_gap import tallest_opening
from facetalk.head.head import MILLIMETRES as MILLIMETRES_OF_HEAD
from facetalk.head.head import UNITS_PER_METRE
from facetalk.rigged_take import RiggedTake, rig_take
from facetalk.take import TakeSettings
from facetalk.topology.arkit_keys import ARKIT_KEYS, key_code
from facetalk.topology.face_metric import MILLIMETRES, FaceMetric
from facetalk.topology.named_rig import NamedRig, Vertices
from facetalk.topology.rig_solver import RigSolver
from facetalk.topology.template import FaceMesh

Array = NDArray[np.float32]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
Progress = Callable[[str, float], None]

ARKIT, CORRECTED, UNSEEN = "52 keys", "all keys", "all keys, unseen"
REFERENCE = "the reference"
LIPS, SKIN = "lips", "skin"
REGIONS = {LIPS: "lip_", "lids": "lid_", "eyeballs": "eyeballs", "tongue": "tongue"}  # and how their groups begin
SHUT = 0.45  # millimetres: a lower opening is a shut mouth; between coarse quads 0.2 stay open to the eye
LOOK_EVERY = 4  # frames: looking takes long
NEARLY_SHUT = 2.0  # millimetres between the inner lips in the middle
LIP_DEPTH = 0.024  # metres behind the foremost point of the lips to which skin closes a mouth
WINDOW = 0.06  # head units above and below the corners of the mouth that are looked at
GAZE_KEY = "eyeLookOutLeft"


@dataclass(frozen=True)
class NamedRigBench:
    """What ``facetalk bench topology`` measures of a named rig.

    Attributes:
        identity: whose.
        frames: of the take.
        keys: how many named keys and correctives there are.
        megabytes: of all keys, as 32-bit floats.
        active: named weights above 0.001, mean over frames.
        milliseconds: to solve the weights of a frame.
        errors: distances in mm to the reference's vertices in every frame ``[F, N]``, by keys used and region; unseen
            is the second half of the take with correctives that were made of the first.
        openings: mm that lips leave open in those frames in which the reference shuts them, by whose they are ``[C]``.
        eye_error: mm by which the worst point of an eyeball is off where it is turned half as far as its key turns it.
    """

    identity: str
    frames: int
    keys: tuple[int, int]
    megabytes: float
    active: float
    milliseconds: float
    errors: dict[tuple[str, str], Array]
    openings: dict[str, Array]
    eye_error: float


def bench_named_rig(
    animator: Animator, codes: Tensor, rate: int, progress: Progress, identity: str = "average"
) -> NamedRigBench:
    """Measure the named rig of a face over a take.

    Args:
        animator: the models.
        codes: expression codes of the take ``[T, E]``.
        rate: codes per second.
        progress: told of what is being measured and the share that is done.
        identity: whose face.

    Raises:
        UserError: no such identity, or the codes are not finite.
    """
    settings = TakeSettings(identity=identity)
    take = rig_take(animator, codes, settings, progress, rate=rate)
    half = rig_take(animator, codes[: len(codes) // 2], settings, progress, rate=rate)
    comparison = _Comparison(take, half.rig, animator.mesh(identity))
    done = 0
    for batch in animator.poses(codes, settings, rate=rate):
        comparison.add(batch.vertices, batch.first)
        done += len(batch.vertices)
        progress("compare", done / len(take.weights))
    named, correctives = len(take.rig.names), len(take.rig.correctives)
    return NamedRigBench(
        identity=identity,
        frames=len(take.weights),
        keys=(named, correctives),
        megabytes=take.rig.key_offsets.nbytes / 1e6,
        active=float((take.weights[:, :named] > 1e-3).sum(axis=1).mean()),
        milliseconds=comparison.solve_milliseconds(),
        errors={case: np.concatenate(parts) for case, parts in comparison.errors.items()},
        openings={whose: np.array(values, np.float32) for whose, values in comparison.openings.items()},
        eye_error=_eye_error(animator, take, settings, rate),
    )


def bench_table(bench: NamedRigBench, device: str) -> Table:
    """The figures, one row each."""
    table = Table("what", title=f"The named rig of {bench.identity} on {device}", title_justify="left")
    for column in ("mean", "95 %", "worst"):
        table.add_column(column, justify="right")
    table.add_column("")
    for (used, region), errors in bench.errors.items():
        table.add_row(f"{region}, {used}", *_spread(errors, 3), "mm off the reference")
    table.add_section()
    for whose, openings in bench.openings.items():
        table.add_row(f"shut lips, {whose}", *_spread(openings, 2), f"mm open, {len(openings)} frames")
    table.add_row("eyeball, half turned", "", "", f"{bench.eye_error:.2f}", "mm off: keys go straight")
    table.add_section()
    named, correctives = bench.keys
    table.add_row("keys", f"{named} + {correctives}", "", "", f"named + correctives, {bench.megabytes:.1f} MB")
    table.add_row("weights above 0.001", f"{bench.active:.1f}", "", "", f"of {named}; {bench.frames} frames")
    table.add_row("solve", f"{bench.milliseconds:.2f}", "", "", "ms a frame")
    return table


def _spread(values: Array, digits: int) -> Iterator[str]:
    """Mean, 95th percentile and the largest."""
    if not values.size:
        return iter("---")
    return (f"{each:.{digits}f}" for each in (values.mean(), np.quantile(values, 0.95), values.max()))


class _Comparison:
    """A take's frames against what its rig makes of them, so far."""

    def __init__(self, take: RiggedTake, half: NamedRig, mesh: FaceMesh) -> None:
        """Prepare solvers of the take's own rig, with and without correctives, and of one made of its first half."""
        metric, rig = FaceMetric.of(mesh), take.rig
        count = len(ARKIT_KEYS)
        arkit = NamedRig(rig.neutral, rig.names[:count], rig.offsets[:count], rig.correctives[:0])
        self._solvers = {ARKIT: RigSolver(arkit, metric), CORRECTED: RigSolver(rig, metric)}
        self._unseen = RigSolver(half, metric)
        self._second_half = len(take.weights) // 2
        self._regions = dict(_regions(mesh))
        self._opening = _Opening(mesh)
        self._seconds, self._frames = 0.0, 0
        self.errors: dict[tuple[str, str], list[Array]] = {}
        self.openings: dict[str, list[float]] = {whose: [] for whose in (REFERENCE, ARKIT, CORRECTED)}

    def add(self, frames: Vertices, first: int) -> None:
        """Compare posed vertices ``[T, V, 3]``, the take's frames from ``first`` on."""
        looked_at = range((-first) % LOOK_EVERY, len(frames), LOOK_EVERY)
        openings = {n: self._opening.of(frames[n]) for n in looked_at if self._opening.may_be_shut(frames[n])}
        shut = [number for number, opening in openings.items() if opening < SHUT]
        self.openings[REFERENCE] += [openings[number] for number in shut]
        for used, solver in self._solvers.items():
            start = time.perf_counter()
            weights = solver.solve(frames)
            if used == CORRECTED:
                self._seconds, self._frames = self._seconds + time.perf_counter() - start, self._frames + len(frames)
            posed = solver.rig.pose(weights)
            self._measure(used, frames, posed)
            self.openings[used] += [self._opening.of(posed[number]) for number in shut]
        later = frames[max(0, self._second_half - first) :]
        self._measure(UNSEEN, later, self._unseen.rig.pose(self._unseen.solve(later)), only=LIPS)

    def solve_milliseconds(self) -> float:
        """Of a frame, all keys."""
        return 1000.0 * self._seconds / max(self._frames, 1)

    def _measure(self, used: str, frames: Vertices, posed: Vertices, only: str | None = None) -> None:
        distance = MILLIMETRES * np.linalg.norm(frames - posed, axis=2)
        for region in self._regions if only is None else (only,):
            members = self._regions[region]
            self.errors.setdefault((used, region), []).append(distance[:, members].astype(np.float32))


def _regions(mesh: FaceMesh) -> Iterator[tuple[str, Indices]]:
    for region, start in REGIONS.items():
        members = [group for name, group in mesh.groups.items() if name.startswith(start)]
        yield region, np.unique(np.concatenate(members)).astype(np.int64)
    yield SKIN, np.unique(mesh.quads[mesh.material_index == mesh.materials.index(SKIN)]).astype(np.int64)


class _Opening:
    """How far a mouth stands open to the eye, in millimetres."""

    def __init__(self, mesh: FaceMesh) -> None:
        """Find what closes the mouth of a face at rest: the skin that is not behind its lips."""
        quads = mesh.quads.astype(np.int64)
        self._triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        lips = np.concatenate([mesh.groups["lip_upper"], mesh.groups["lip_lower"]])
        ahead = mesh.vertices[:, 1] < mesh.vertices[lips, 1].min() + LIP_DEPTH
        skin = mesh.material_index == mesh.materials.index(SKIN)
        self._closing: Flags = ahead[self._triangles].all(axis=1) & np.concatenate([skin, skin])
        self._inner_lips = [mesh.landmarks[f"inner_lip_{side}"] for side in ("upper", "lower")]
        self._corners = [mesh.landmarks[f"mouth_corner_{side}"] for side in ("left", "right")]

    def may_be_shut(self, vertices: Vertices) -> bool:
        """Whether the middle of the lips of a face ``[V, 3]`` is so low that a look is worth its time."""
        upper, lower = vertices[self._inner_lips, 2]
        return bool(MILLIMETRES * (upper - lower) < NEARLY_SHUT)

    def of(self, vertices: Vertices) -> float:
        """Of a posed face ``[V, 3]``."""
        x, y, z = vertices.astype(np.float64).T
        seen = UNITS_PER_METRE * np.stack([x, z, -y], axis=1)
        corners, margin = seen[self._corners], np.array([0.0, WINDOW, 0.0])
        low, high = corners.min(axis=0) - margin, corners.max(axis=0) + margin
        flat = seen[self._triangles][:, :, :2]
        within = ((flat.max(axis=1) > low[:2]) & (flat.min(axis=1) < high[:2])).all(axis=1)
        triangles, closing = self._triangles[within], self._closing[within]
        return MILLIMETRES_OF_HEAD * tallest_opening(seen, triangles, closing, low, high)


def _eye_error(animator: Animator, take: RiggedTake, settings: TakeSettings, rate: int) -> float:
    code = 0.5 * key_code(GAZE_KEY, animator.head.config["rig_controls"], animator.head.rig_to_code().cpu())
    (batch,) = animator.poses(code[None], settings, rate=rate)
    weights = np.zeros((1, len(take.rig.names)))
    weights[0, take.rig.names.index(GAZE_KEY)] = 0.5
    off = MILLIMETRES * np.linalg.norm(batch.vertices[0] - take.rig.pose(weights)[0], axis=1)
    return float(off[take.mesh.groups["eyeballs"]].max())
