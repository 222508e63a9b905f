"""How the template lands on heads that have no warp, measured on strangers: our own head in disguise."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from scipy.spatial.transform import Rotation
from torch import Tensor

from facetalk.animate import Animator
from facetalk.clip import Clip
from facetalk.evaluation.stranger_head import Disguise, StrangerHead
from facetalk.evaluation.topology_bench import FIRST_SEED
from facetalk.head.head import MILLIMETRES, UNITS_PER_METRE, to_blender
from facetalk.head.published_points import BackwardPoints
from facetalk.head.similarity import Similarity
from facetalk.imported_head import ImportedHead
from facetalk.take import TakeSettings
from facetalk.topology.face_model import SKIN, FaceModel
from facetalk.topology.mesh_shape import bad_quads, crossing_faces, turned_over
from facetalk.topology.surface_landing import land
from facetalk.topology.tensor_cache import TensorCache

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

BENDS = (0.0, 2.0)  # mm; the first are strangers that an identity of ours is exactly like
TURN, SIZES, SHIFT = 0.15, (0.85, 1.2), 0.05  # of strangers: radians, factors, head units
SPOKEN_FRAMES = 100  # that are compared with the truth
FOLLOWED_FRAMES, FOLLOWED_STRIDE = 20, 10  # of a backward field: how many, and every how many codes
COLD_FRAMES = 4  # of these that are found from rest as well
CORNERS = ("mouth_corner_left", "mouth_corner_right")
REGIONS = {
    "lips": ("lip_upper", "lip_lower"),
    "lids": ("lid_upper_left", "lid_lower_left", "lid_upper_right", "lid_lower_right"),
    "eyeballs": ("eyeballs",),
    "teeth": ("upper_teeth", "lower_teeth"),
}


@dataclass(frozen=True)
class StrangerLanding:
    """A template on one stranger, canonical; lengths in mm of a head of human size.

    Attributes:
        seconds: of the processor, all in all.
        settled: share of the outer skin that lies on the surface.
        distances: of the outer skin to the surface ``[N]``.
        astray: of every vertex from the truth ``[V]``.
        turned, crossing, bad: quads of the skin that are turned over, go through others, or have bad corners.
    """

    seconds: float
    settled: float
    distances: Array
    astray: Array
    turned: int
    crossing: int
    bad: int


@dataclass(frozen=True)
class Following:
    """A backward field through time; mm.

    Attributes:
        corners: how far the corners of the mouth are from their canonical places, by the field itself ``[T, 2]``.
        apart: distances of points found through time from those found from rest ``[T, N]``.
        missed: share of the points that were not found.
        milliseconds: of the processor, a frame.
    """

    corners: Array
    apart: Array
    missed: float
    milliseconds: float


@dataclass(frozen=True)
class LandingBench:
    """What ``facetalk bench landing`` measures.

    Attributes:
        landings: strangers by how much they are bent, mm.
        spoken: distances of lips from the truth in spoken frames ``[T, L]``, mm, by the bend.
        following: of a backward field.
        quads: of the skin.
        regions: vertices by the name of what they belong to; "skin" is the outer skin, "corners" the mouth's.
    """

    landings: dict[float, list[StrangerLanding]]
    spoken: dict[float, Array]
    following: Following
    quads: int
    regions: dict[str, NDArray[np.int64]]


def bench_landing(animator: Animator, clip: Clip, strangers: int, progress: Progress) -> LandingBench:
    """Measure landing and posing on strangers.

    Args:
        animator: the models.
        clip: speech.
        strangers: how many of each bend.
        progress: told of what is being measured and the share that is done.
    """
    model = FaceModel.of(animator.head, animator.template)
    codes = animator.codes(clip, TakeSettings())
    landings: dict[float, list[StrangerLanding]] = {bend: [] for bend in BENDS}
    spoken = {}
    done, total = 0, len(BENDS) * strangers
    for bend in BENDS:
        for number in range(strangers):
            progress(f"stranger {number} of {bend:g} mm", 0.8 * done / total)
            stranger, name = drawn_stranger(animator, number, bend), f"random-{FIRST_SEED + number}"
            landings[bend].append(stranger_landing(model, stranger, name))
            done += 1
        progress("speaking", 0.8 * done / total)
        spoken[bend] = lips_while_speaking(animator, stranger, name, codes)
    progress("backward", 0.8)
    backward = drawn_stranger(animator, 0, 0.0, backward=True)
    following = follow(model, backward, codes[::FOLLOWED_STRIDE][:FOLLOWED_FRAMES] @ backward.codes)
    progress("done", 1.0)
    return LandingBench(landings, spoken, following, len(_skin_quads(model)), _regions(model))


def drawn_stranger(animator: Animator, number: int, bend_mm: float, backward: bool = False) -> StrangerHead:
    """A stranger by number: the same one on every machine."""
    generator = np.random.default_rng(number)
    place = Similarity(
        Rotation.from_rotvec(generator.uniform(-TURN, TURN, 3)).as_matrix(),
        float(generator.uniform(*SIZES)),
        generator.uniform(-SHIFT, SHIFT, 3),
    )
    disguise = Disguise.drawn(animator.head.expression_size, place, bend_mm, number, backward)
    return StrangerHead(animator.head, disguise)


def stranger_landing(model: FaceModel, stranger: StrangerHead, name: str) -> StrangerLanding:
    """Land the template on an identity of a stranger and look at it."""
    identity = stranger.identity(name)
    start = time.process_time()
    landed = land(stranger, identity, model)
    seconds = time.process_time() - start
    outer = torch.from_numpy(landed.vertices[model.outer]).float()
    inside = ((outer > stranger.box[0]) & (outer < stranger.box[1])).all(dim=1)
    millimetres, quads = MILLIMETRES / stranger.size, _skin_quads(model)
    with torch.no_grad():
        distances = stranger.signed_distance(outer[inside], identity)[:, 0].abs().double().numpy()
    return StrangerLanding(
        seconds=seconds,
        settled=float(landed.settled[model.outer].mean()),
        distances=distances * millimetres,
        astray=np.linalg.norm(landed.vertices - stranger.truth(model.template, identity), axis=1) * millimetres,
        turned=int(turned_over(landed.vertices, quads).sum()),
        crossing=len(crossing_faces(landed.vertices, quads)),
        bad=int(bad_quads(landed.vertices, quads).sum()),
    )


def lips_while_speaking(animator: Animator, stranger: StrangerHead, name: str, codes: Tensor) -> Array:
    """How far lips are from the truth while a stranger speaks our codes ``[T, E]``: ``[F, L]``, mm."""
    codes = codes[:: max(1, len(codes) // SPOKEN_FRAMES)]
    settings = TakeSettings(identity=name, fps=50.0)
    with TemporaryDirectory(prefix="facetalk-landing-") as folder:
        imported = ImportedHead(animator, stranger, "stranger", [], TensorCache(Path(folder)))
        batches = imported.poses(codes, settings, rate=50, frame_count=len(codes))
        frames = np.concatenate([batch.vertices for batch in batches])
    truth = stranger.true_poses(animator.template, stranger.identity(name), codes)
    lips = np.concatenate([animator.template.groups[group] for group in REGIONS["lips"]])
    wanted = to_blender(torch.from_numpy(truth[:, lips])).numpy()
    return np.asarray(np.linalg.norm(frames[:, lips] - wanted, axis=2) * MILLIMETRES * UNITS_PER_METRE / stranger.size)


def follow(model: FaceModel, stranger: StrangerHead, codes: Tensor) -> Following:
    """Pose the outer skin of a stranger with a backward field by its codes ``[T, E]``."""
    identity = stranger.identity("average")
    truth = torch.from_numpy(stranger.truth(model.template, identity)[model.outer]).float()
    points = stranger.prepare(truth, torch.full((len(truth),), SKIN), identity)
    if not isinstance(points, BackwardPoints):
        raise TypeError("the stranger's field is a forward one")
    start = time.process_time()
    posed = points.pose(codes)
    milliseconds = 1000.0 * (time.process_time() - start) / len(codes)
    at = np.searchsorted(model.outer, [model.template.landmarks[name] for name in CORNERS])
    fields = [stranger.to_canonical(code) for code in stranger.expression_codes(identity, codes)]
    millimetres = MILLIMETRES / stranger.size
    with torch.no_grad():
        pairs = zip(fields, posed.points, strict=True)
        corners = torch.stack([(field(frame[at]) - truth[at]).norm(dim=1) for field, frame in pairs])
    last = range(len(codes) - COLD_FRAMES, len(codes))
    cold = torch.cat([points.pose(codes[frame : frame + 1]).points for frame in last])
    apart = (cold - posed.points[list(last)]).norm(dim=2)
    missed = float((~posed.converged).float().mean())
    return Following(corners.double().numpy() * millimetres, apart.double().numpy() * millimetres, missed, milliseconds)


def bench_table(bench: LandingBench, device: str) -> Table:
    """The figures, a column for each bend."""
    table = Table("what", title=f"Landing on strangers, on {device}", title_justify="left")
    for bend in bench.landings:
        table.add_column(f"bent by {bend:g} mm" if bend else "as ours", justify="right")

    def add(what: str, cells: Iterable[str]) -> None:
        table.add_row(what, *cells)

    every = list(bench.landings.values())
    add("strangers", (str(len(each)) for each in every))
    add("landing, mean and longest, processor seconds", map(_seconds, every))
    add("outer skin settled on the surface", (f"{np.mean([one.settled for one in each]):.2%}" for each in every))
    add("outer skin to the surface, mean / 99 % / worst, mm", map(_distances, every))
    for region, members in bench.regions.items():
        astray = (np.stack([one.astray[members] for one in each]) for each in every)
        add(f"{region} from the truth, median / 95 % / worst, mm", map(_quantiles, astray))
    for fault in ("turned", "crossing", "bad"):
        add(f"quads of the skin, {fault}", (_share(each, fault, bench.quads) for each in every))
    add("lips from the truth while speaking, median / 95 % / worst, mm", map(_quantiles, bench.spoken.values()))
    way = bench.following
    table.add_row("backward field: corners of the mouth off their places, worst, mm", f"{way.corners.max():.4f}", "")
    table.add_row("found through time or from rest, 99 % / worst, mm", _apart(way.apart), "")
    table.add_row("not found", f"{way.missed:.3%}", "")
    table.add_row("a frame of the outer skin", f"{way.milliseconds:.0f} ms", "")
    return table


def _seconds(landings: list[StrangerLanding]) -> str:
    taken = [each.seconds for each in landings]
    return f"{np.mean(taken):.1f}, {max(taken):.1f}"


def _distances(landings: list[StrangerLanding]) -> str:
    every = np.concatenate([each.distances for each in landings])
    return f"{every.mean():.4f} / {np.quantile(every, 0.99):.3f} / {every.max():.2f}"


def _quantiles(values: Array) -> str:
    return f"{np.median(values):.2f} / {np.quantile(values, 0.95):.2f} / {values.max():.2f}"


def _apart(values: Array) -> str:
    return f"{np.quantile(values, 0.99):.4f} / {values.max():.3f}"


def _share(landings: list[StrangerLanding], fault: str, quads: int) -> str:
    found = sum(getattr(each, fault) for each in landings)
    return f"{found} ({found / quads / len(landings):.3%})"


def _skin_quads(model: FaceModel) -> NDArray[np.int64]:
    template = model.template
    return template.quads[(template.parts[template.quads] == SKIN).all(axis=1)].astype(np.int64)


def _regions(model: FaceModel) -> dict[str, NDArray[np.int64]]:
    groups, landmarks = model.template.groups, model.template.landmarks
    found = {name: np.concatenate([groups[each] for each in members]) for name, members in REGIONS.items()}
    corners = np.array([landmarks[name] for name in CORNERS])
    return {"skin": model.outer, "corners of the mouth": corners, **found}
