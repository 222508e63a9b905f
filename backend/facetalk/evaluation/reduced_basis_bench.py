"""What the ways from codes to points cost, and how far they are off (``docs/decoding.md``)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import torch
from rich.table import Table
from torch import Tensor

from facetalk import presets
from facetalk.animate import Animator
from facetalk.clip import Clip
from facetalk.evaluation.decoding_codes import TIMED_FRAMES, DecodingCodes, mixed_codes, spoken_codes
from facetalk.evaluation.motion_bench import LINE_SECONDS, LineSeconds, line_rows, looped, pipeline_seconds
from facetalk.head.head import MILLIMETRES, PREPARING_STEPS, Head
from facetalk.head.head_points import HeadPoints
from facetalk.head.parametric_head import PreparedPoints
from facetalk.head.published_head import PublishedHead
from facetalk.head.split_field import displace
from facetalk.topology.basis_building import MODES
from facetalk.topology.basis_cache import BasisCache
from facetalk.topology.reduced_basis import ReducedPoints
from facetalk.topology.template import Template
from facetalk.topology.wrap import wrap

SPOKEN_SECONDS = 15.0
REFERENCE_FRAMES = 8
REPEATS = 3  # the quickest counts: other programs only ever make it slower

T = TypeVar("T")
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class ReferenceField:
    """The expression field asked at every point of every frame, and nothing else: what a neural head is.

    Attributes:
        milliseconds: of a frame; the processor's own if it does the work.
        largest, mean: how far the head's own posing is off it in fresh frames before contact, which is the same for
            both, mm.
    """

    milliseconds: float
    largest: float
    mean: float


@dataclass(frozen=True)
class BasisFigures:
    """What is measured of a basis.

    Attributes:
        modes, asked: how many modes it has, and for how many points the head is asked.
        making_seconds, finding_seconds: to make it, all poses included, and to find it again on disk.
        milliseconds: of a frame; the processor's own if it does the work.
        largest, mean: how far fresh frames are off the head's own, mm.
        referred: share of the fresh frames that were left to the head.
        bounded: share of the fresh frames that were no farther off than their bound said.
    """

    modes: int
    asked: int
    making_seconds: float
    finding_seconds: float
    milliseconds: float
    largest: float
    mean: float
    referred: float
    bounded: float


@dataclass(frozen=True)
class DecodingBench:
    """What is measured of the ways from codes to points.

    Attributes:
        head: whose.
        points: how many there are.
        reference: of heads whose own posing does not ask its field in every frame; None for others.
        own: milliseconds a frame of the head's own posing.
        basis: None if none keeps the tolerance: then frames are the head's own.
        line: a line's way from its sound to posed frames; None without speech.
    """

    head: str
    points: int
    reference: ReferenceField | None
    own: float
    basis: BasisFigures | None
    line: LineSeconds | None


def bench_decoding(animator: Animator, clip: Clip, progress: Progress, identity: str = "average") -> DecodingBench:
    """Measure the embedded head's own posing, and a basis of it, wearing the animator's template.

    Args:
        animator: the models.
        clip: speech; repeated or cut to the lengths that are needed.
        progress: told of what is being measured and the share that is done.
        identity: whose face.

    Raises:
        UserError: no such identity.
    """
    head, template, code = animator.head, animator.template, animator.identity_code(identity)
    progress("codes", 0.0)
    codes = spoken_codes(animator, looped(clip, SPOKEN_SECONDS))
    vertices, parts = torch.from_numpy(wrap(head, code, template)), torch.from_numpy(template.parts).long()
    whole = head.prepare(vertices, parts, code, torch.from_numpy(template.mobility))
    rims = torch.from_numpy(template.groups["feature_edges"]).long()
    progress("line", 0.3)
    line = pipeline_seconds(animator, looped(clip, LINE_SECONDS))
    progress("field", 0.5)
    reference = _reference_field(head, vertices, parts, code, whole, torch.from_numpy(template.mobility), codes.fresh)
    progress("basis", 0.6)
    bench = measure(presets.HEAD, whole, codes, rims, reference=reference, line=line)
    progress("done", 1.0)
    return bench


def bench_published_decoding(head: PublishedHead, name: str, template: Template, progress: Progress) -> DecodingBench:
    """Measure a basis of a published head, at the skin's points of a template that lies in canonical space.

    Args:
        head: the head.
        name: what it is called.
        template: which heads share units and axes with.
        progress: told of what is being measured and the share that is done.
    """
    progress("poses", 0.0)
    skin = torch.from_numpy(template.vertices[template.parts == 0])
    code = head.identity("average")
    whole = head.prepare(skin, torch.zeros(len(skin)).long(), code)
    bench = measure(name, whole, mixed_codes(head), torch.empty(0, dtype=torch.long))
    progress("done", 1.0)
    return bench


def measure(
    name: str,
    whole: PreparedPoints,
    codes: DecodingCodes,
    always: Tensor,
    reference: ReferenceField | None = None,
    line: LineSeconds | None = None,
) -> DecodingBench:
    """Measure prepared points, and a basis of them if there is one.

    Args:
        name: of the head.
        whole: the points.
        codes: on the head's device.
        always: indices of points that the head is always asked for.
        reference, line: see ``DecodingBench``.
    """
    with TemporaryDirectory(prefix="facetalk-bases-") as folder:
        cache = BasisCache(Path(folder))
        making, points = _timed(lambda: _reduce(cache, whole, codes, always))
        finding, _ = _timed(lambda: _reduce(cache, whole, codes, always) if points is not None else None)
    consecutive = codes.fresh[:TIMED_FRAMES]
    own, reduced = [], []
    for _ in range(REPEATS):  # in turn, so that both meet the same machine
        own.append(_milliseconds(whole, consecutive))
        if points is not None:
            reduced.append(_milliseconds(points, consecutive))
    count = whole.pose(codes.fresh[:1]).points.shape[1]
    basis = None if points is None else _basis_figures(points, codes.fresh, min(reduced), making, finding)
    return DecodingBench(name, count, reference, min(own), basis, line)


def _reduce(cache: BasisCache, whole: PreparedPoints, codes: DecodingCodes, always: Tensor) -> ReducedPoints | None:
    return cache.reduce(whole, codes.making, codes.held_out, always, content=[])


def _basis_figures(
    points: ReducedPoints, fresh: Tensor, milliseconds: float, making: float, finding: float
) -> BasisFigures:
    """How far a basis is off the head's own posing in frames of fresh codes ``[T, E]``."""
    decoded, wanted = points.decode(fresh), points.whole.pose(fresh)
    off = (decoded.posed.points - wanted.points).norm(dim=2)[:, wanted.converged.all(dim=0)]
    return BasisFigures(
        modes=len(points.basis.modes),
        asked=len(points.basis.asked),
        making_seconds=making,
        finding_seconds=finding,
        milliseconds=milliseconds,
        largest=float(off.max()) * MILLIMETRES,
        mean=float(off.mean()) * MILLIMETRES,
        referred=float((decoded.bounds == 0.0).float().mean()),
        bounded=float(((off.amax(dim=1) <= decoded.bounds) | (decoded.bounds == 0.0)).float().mean()),
    )


@torch.no_grad()
def _reference_field(
    head: Head, vertices: Tensor, parts: Tensor, identity: Tensor, own: HeadPoints, mobility: Tensor, codes: Tensor
) -> ReferenceField:
    """What frames of codes ``[T, E]`` cost by the field at every vertex, and how far the split one is off it."""
    shape = identity[: head.shape_size]
    moving = torch.tensor([*head.config["moves_with"], 0])[parts].to(head.device)
    sources = head.identity_field.warp.backward_warp(vertices.to(head.device), moving, shape, PREPARING_STEPS)
    field, condition = head.expression_field.field, head.expression_field.compress(shape)
    coefficients = head.expression_field.coefficients(codes, shape)
    clock = _clock(head.device)
    seconds = []
    for _ in range(REPEATS):
        start = clock()
        for frame in coefficients[:REFERENCE_FRAMES]:
            field.displacement(sources, moving, frame, condition).cpu()
        seconds.append((clock() - start) / REFERENCE_FRAMES)
    off = []
    for frame in coefficients:
        wanted = mobility.to(sources)[:, None] * field.displacement(sources, moving, frame, condition)
        off.append((displace(own.fields, frame[None])[0] - wanted).norm(dim=1))
    distances = MILLIMETRES * torch.stack(off)
    return ReferenceField(1000.0 * min(seconds), float(distances.max()), float(distances.mean()))


def _milliseconds(points: PreparedPoints, codes: Tensor) -> float:
    """Of a frame, posed among others."""
    clock = _clock(codes.device)
    start = clock()
    points.pose(codes).points.cpu()
    return 1000.0 * (clock() - start) / len(codes)


def _clock(device: torch.device) -> Callable[[], float]:
    """A processor's own time where it does the work, so that other programs count less."""
    return time.process_time if device.type == "cpu" else time.perf_counter


def bench_table(bench: DecodingBench, device: str) -> Table:
    """The figures, one row each, beside what they should be of the way that takes are posed by."""
    table = Table("what", title=f"Decoding {bench.head} on {device}", title_justify="left")
    table.add_column("measured", justify="right")
    table.add_column("aim")
    slowest = bench.own if bench.reference is None else bench.reference.milliseconds
    table.add_row("points", f"{bench.points:,}")
    if bench.reference is not None:
        table.add_row("the expression field at every point of every frame", f"{slowest:.2f} ms")
    own_aim = "" if bench.reference is None else ">= 20 x"
    table.add_row("the head's own posing, contact and all", f"{bench.own:.2f} ms, {slowest / bench.own:.1f} x", own_aim)
    if bench.reference is not None:
        table.add_row("off the field, largest", f"{bench.reference.largest:.5f} mm", "< 0.1")
        table.add_row("off the field, mean", f"{bench.reference.mean:.5f} mm", "< 0.02")
    if bench.basis is None:
        table.add_row("a basis", f"none of up to {MODES[-1]} modes", "keeps 0.1 mm: frames are the head's own")
    else:
        _add_basis(table, bench.basis, slowest)
    if bench.line is not None:
        for (what, figure), aim in zip(line_rows(bench.line), (">= 2 x", "< 1.5"), strict=True):
            table.add_row(what, figure, aim)
    return table


def _add_basis(table: Table, basis: BasisFigures, slowest: float) -> None:
    speed = f"{basis.milliseconds:.2f} ms, {slowest / basis.milliseconds:.1f} x"
    table.add_row("posing by a basis", speed, ">= 20 x")
    table.add_row("modes, and points that the head is asked for", f"{basis.modes}, {basis.asked:,}")
    table.add_row("off the head's own, largest", f"{basis.largest:.3f} mm", "< 0.1")
    table.add_row("off the head's own, mean", f"{basis.mean:.4f} mm", "< 0.02")
    table.add_row("frames within their bound", f"{basis.bounded:.1%}", "all")
    table.add_row("frames left to the head", f"{basis.referred:.1%}")
    table.add_row("made in, found again in", f"{basis.making_seconds:.1f} s, {basis.finding_seconds:.2f} s")


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
