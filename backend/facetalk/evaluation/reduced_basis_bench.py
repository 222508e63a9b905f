"""What posing by a reduced basis gains, and how far it is off (``docs/decoding.md``)."""

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
from facetalk.errors import UserError
from facetalk.evaluation.motion_bench import LINE_SECONDS, LineSeconds, line_rows, looped, pipeline_seconds
from facetalk.head.head import MILLIMETRES, Head
from facetalk.head.parametric_head import PreparedPoints
from facetalk.head.published_head import PublishedHead
from facetalk.take import TakeSettings
from facetalk.topology.basis_cache import BasisCache
from facetalk.topology.reduced_basis import ReducedPoints
from facetalk.topology.template import Template
from facetalk.topology.wrap import wrap

SPOKEN_SECONDS = 15.0
SEEDS = (0, 1, 2)  # of the takes that modes come from, that certify, and that are measured
SPOKEN_STEP = 4  # of a take's frames, every so many
RANDOM = (500, 200, 100)  # random expressions likewise
CONTROLS = 6  # raised at random in one of them
PUBLISHED = (240, 80, 40)  # mixtures of a published head's own expressions likewise
MIXED = 3  # expressions in one of them
TIMED_FRAMES = 100  # in one go
REFERENCE_FRAMES = 8
REPEATS = 3  # the quickest counts: other programs only ever make it slower

T = TypeVar("T")
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Codes:
    """Expression codes ``[T, E]`` of one kind that share no seed.

    Attributes:
        making: what a basis is made of.
        held_out: what certifies it.
        fresh: what it is measured on; the first are consecutive frames.
    """

    making: Tensor
    held_out: Tensor
    fresh: Tensor


@dataclass(frozen=True)
class BasisBench:
    """What is measured of a basis.

    Attributes:
        head: whose.
        points, modes, asked: how many points there are, how many modes, and how many points the head is asked for.
        making_seconds, finding_seconds: to make the basis, all poses included, and to find it again on disk.
        reference: milliseconds a frame of the expression field alone, asked at every point of every frame; None for
            heads that do nothing else. These and the following are the processor's own if it does the work.
        exact, reduced: milliseconds a frame of the head's own posing, and of the basis's.
        largest, mean: how far fresh frames are off the head's own, mm.
        referred: share of the fresh frames that were left to the head.
        bounded: share of the fresh frames that were no farther off than their bound said.
        line: a line's way from its sound to posed frames; None without speech.
    """

    head: str
    points: int
    modes: int
    asked: int
    making_seconds: float
    finding_seconds: float
    reference: float | None
    exact: float
    reduced: float
    largest: float
    mean: float
    referred: float
    bounded: float
    line: LineSeconds | None


def bench_decoding(animator: Animator, clip: Clip, progress: Progress, identity: str = "average") -> BasisBench:
    """Measure a basis of the embedded head wearing the animator's template.

    Args:
        animator: the models.
        clip: speech; repeated or cut to the lengths that are needed.
        progress: told of what is being measured and the share that is done.
        identity: whose face.

    Raises:
        UserError: no such identity, or no basis keeps the tolerance.
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
    spoken = codes.fresh[:REFERENCE_FRAMES]
    reference = min(_field_milliseconds(head, vertices, parts, code, spoken) for _ in range(REPEATS))
    progress("basis", 0.6)
    bench = measure(presets.HEAD, whole, codes, rims, reference=reference, line=line)
    progress("done", 1.0)
    return bench


def bench_published_decoding(head: PublishedHead, name: str, template: Template, progress: Progress) -> BasisBench:
    """Measure a basis of a published head, at the skin's points of a template that lies in canonical space.

    Args:
        head: the head.
        name: what it is called.
        template: which heads share units and axes with.
        progress: told of what is being measured and the share that is done.

    Raises:
        UserError: no basis keeps the tolerance.
    """
    progress("poses", 0.0)
    skin = torch.from_numpy(template.vertices[template.parts == 0])
    code = head.identity("average")
    whole = head.prepare(skin, torch.zeros(len(skin)).long(), code)
    sizes = (PUBLISHED[0], PUBLISHED[1], PUBLISHED[2])
    making, held_out, fresh = (mixed_expressions(head, count, seed) for seed, count in zip(SEEDS, sizes, strict=True))
    bench = measure(name, whole, Codes(making, held_out, fresh), torch.empty(0, dtype=torch.long))
    progress("done", 1.0)
    return bench


def measure(
    name: str,
    whole: PreparedPoints,
    codes: Codes,
    always: Tensor,
    reference: float | None = None,
    line: LineSeconds | None = None,
) -> BasisBench:
    """Make a basis of prepared points and measure it.

    Args:
        name: of the head.
        whole: the points.
        codes: on the head's device.
        always: indices of points that the head is always asked for.
        reference, line: see ``BasisBench``.

    Raises:
        UserError: no basis keeps the tolerance.
    """
    with TemporaryDirectory(prefix="facetalk-bases-") as folder:
        cache = BasisCache(Path(folder))
        making_seconds, points = _timed(lambda: _reduce(cache, whole, codes, always))
        finding_seconds, points = _timed(lambda: _reduce(cache, whole, codes, always))
    decoded, wanted = points.decode(codes.fresh), whole.pose(codes.fresh)
    off = (decoded.posed.points - wanted.points).norm(dim=2)[:, wanted.converged.all(dim=0)]
    consecutive = codes.fresh[:TIMED_FRAMES]
    exact, reduced = [], []
    for _ in range(REPEATS):  # in turn, so that both meet the same machine
        exact.append(_milliseconds(whole, consecutive))
        reduced.append(_milliseconds(points, consecutive))
    return BasisBench(
        head=name,
        points=len(points.basis.middle),
        modes=len(points.basis.modes),
        asked=len(points.basis.asked),
        making_seconds=making_seconds,
        finding_seconds=finding_seconds,
        reference=reference,
        exact=min(exact),
        reduced=min(reduced),
        largest=float(off.max()) * MILLIMETRES,
        mean=float(off.mean()) * MILLIMETRES,
        referred=float((decoded.bounds == 0.0).float().mean()),
        bounded=float(((off.amax(dim=1) <= decoded.bounds) | (decoded.bounds == 0.0)).float().mean()),
        line=line,
    )


def _reduce(cache: BasisCache, whole: PreparedPoints, codes: Codes, always: Tensor) -> ReducedPoints:
    points = cache.reduce(whole, codes.making, codes.held_out, always, content=[])
    if points is None:
        raise UserError("No basis of few modes follows this head: its own posing is the way to go.")
    return points


def spoken_codes(animator: Animator, clip: Clip) -> Codes:
    """Codes of takes of a clip, and of random expressions."""
    head, sets = animator.head, []
    for seed, count in zip(SEEDS, RANDOM, strict=True):
        take = animator.codes(clip, TakeSettings(seed=seed))
        spoken = take[:TIMED_FRAMES] if seed == SEEDS[-1] else take[::SPOKEN_STEP]
        sets.append(torch.cat([spoken, random_expressions(head, count, seed)]))
    return Codes(*sets)


def random_expressions(head: Head, count: int, seed: int) -> Tensor:
    """Codes ``[T, E]`` in which a few rig controls are raised at random."""
    generator = torch.Generator().manual_seed(seed)
    rig = head.rig_to_code()
    raised = torch.rand(count, len(rig), generator=generator).argsort(dim=1)[:, :CONTROLS]
    weights = torch.zeros(count, len(rig)).scatter(1, raised, torch.rand(count, CONTROLS, generator=generator))
    return weights.to(rig) @ rig


def mixed_expressions(head: PublishedHead, count: int, seed: int) -> Tensor:
    """Codes ``[T, E]`` between a published head's expressions of training, each a step from the one before."""
    generator = torch.Generator().manual_seed(seed)
    table = head.tables["expression"]
    stations = torch.rand(count // 4 + 2, len(table), generator=generator)
    stations *= stations >= stations.topk(min(MIXED, len(table)), dim=1).values[:, -1:]
    stations /= stations.sum(dim=1, keepdim=True)
    place = torch.arange(count) / 4.0
    share = (place % 1.0)[:, None]
    mixture = stations[place.long()] * (1.0 - share) + stations[place.long() + 1] * share
    return mixture.to(table) @ table


@torch.no_grad()
def _field_milliseconds(head: Head, vertices: Tensor, parts: Tensor, identity: Tensor, codes: Tensor) -> float:
    """Of a frame in which the expression field is asked at every vertex, and nothing else is done."""
    shape = identity[: head.shape_size]
    moving = torch.tensor([*head.config["moves_with"], 0])[parts].to(head.device)
    sources = head.identity_field.warp.backward_warp(vertices.to(head.device), moving, shape)
    field, condition = head.expression_field.field, head.expression_field.compress(shape)
    coefficients = head.expression_field.coefficients(codes, shape)
    clock = _clock(head.device)
    start = clock()
    for frame in coefficients:
        field.displacement(sources, moving, frame, condition).cpu()
    return 1000.0 * (clock() - start) / len(codes)


def _milliseconds(points: PreparedPoints, codes: Tensor) -> float:
    """Of a frame, posed among others."""
    clock = _clock(codes.device)
    start = clock()
    points.pose(codes).points.cpu()
    return 1000.0 * (clock() - start) / len(codes)


def _clock(device: torch.device) -> Callable[[], float]:
    """A processor's own time where it does the work, so that other programs count less."""
    return time.process_time if device.type == "cpu" else time.perf_counter


def bench_table(bench: BasisBench, device: str) -> Table:
    """The figures, one row each, beside what they should be."""
    table = Table("what", title=f"Decoding {bench.head} on {device}", title_justify="left")
    table.add_column("measured", justify="right")
    table.add_column("aim")
    slowest = bench.exact if bench.reference is None else bench.reference
    table.add_row("points", f"{bench.points:,}")
    table.add_row("modes, and points that the head is asked for", f"{bench.modes}, {bench.asked:,}")
    if bench.reference is not None:
        table.add_row("the expression field at every point of every frame", f"{bench.reference:.2f} ms")
    table.add_row("the head's own posing, contact and all", f"{bench.exact:.2f} ms, {slowest / bench.exact:.1f} x")
    table.add_row("posing by the basis", f"{bench.reduced:.2f} ms, {slowest / bench.reduced:.1f} x", ">= 20 x")
    table.add_row("off, largest", f"{bench.largest:.3f} mm", "< 0.1")
    table.add_row("off, mean", f"{bench.mean:.4f} mm", "< 0.02")
    table.add_row("frames within their bound", f"{bench.bounded:.1%}", "all")
    table.add_row("frames left to the head", f"{bench.referred:.1%}")
    table.add_row("made in, found again in", f"{bench.making_seconds:.1f} s, {bench.finding_seconds:.2f} s")
    if bench.line is not None:
        for (what, figure), aim in zip(line_rows(bench.line), (">= 2 x", "< 1.5"), strict=True):
            table.add_row(what, figure, aim)
    return table


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
