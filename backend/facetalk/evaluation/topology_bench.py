"""How well a template lies on neural heads, at rest in canonical pose and while they speak (``docs/measures.md``)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from torch import Tensor

from facetalk.animate import Animator
from facetalk.clip import Clip
from facetalk.evaluation.motion_bench import looped
from facetalk.head.head import MILLIMETRES, Head
from facetalk.head.identity_preset import list_identities
from facetalk.take import TakeSettings
from facetalk.topology.mesh_shape import bad_quads, crossing_faces, turned_over
from facetalk.topology.quad_relaxation import part_surface, project
from facetalk.topology.template import Template
from facetalk.topology.template_rims import template_rims
from facetalk.topology.wrap import wrap

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Progress = Callable[[str, float], None]

SPOKEN_SECONDS = 60.0
LOOKED_AT = 150  # frames of the spoken minute whose faces are tested against each other
WRAPPING_SHARE = 0.5  # of the time
FIRST_SEED = 1000  # of identities that are neither trained on nor named


@dataclass(frozen=True)
class Landing:
    """A template on one identity, in canonical pose.

    Attributes:
        seconds: it took to land.
        distances: of its vertices to the neural surface of their part ``[V]``, mm.
        middles: the same of the middles of its quads ``[Q]``: flat quads cut across what is round.
        features: of points on the head's own lines of lips and lids to the template's feature edges ``[N]``, mm.
        turned, crossing: quads that are turned over, and that go through others of their part.
        bad: quads with a corner that is too sharp or too blunt.
    """

    seconds: float
    distances: Array
    middles: Array
    features: Array
    turned: int
    crossing: int
    bad: int


@dataclass(frozen=True)
class TopologyBench:
    """What ``facetalk bench topology`` measures of a template.

    Attributes:
        template: its name.
        quads: it has.
        lids: which vertices are edges of lids, on the line where these touch, or hidden in eyeballs behind it ``[V]``.
        landings: one for each identity.
        spoken: share of the quads that go through others of their part, in every frame looked at ``[F]``.
    """

    template: str
    quads: int
    lids: NDArray[np.bool_]
    landings: tuple[Landing, ...]
    spoken: Array


def bench_topology(animator: Animator, clip: Clip, identities: int, progress: Progress) -> TopologyBench:
    """Measure the animator's template.

    Args:
        animator: the models.
        clip: speech; repeated or cut to a minute.
        identities: how many: the named ones first, then random ones.
        progress: told of what is being measured and the share that is done.
    """
    head, template = animator.head, animator.template
    landings = []
    names = bench_identities(identities)
    for done, name in enumerate(names):
        progress(name, WRAPPING_SHARE * done / len(names))
        landings.append(landing(head, animator.identity_code(name), template))
    spoken = crossing_while_speaking(animator, looped(clip, SPOKEN_SECONDS), progress)
    progress("done", 1.0)
    return TopologyBench(template.name, len(template.quads), lid_vertices(template), tuple(landings), spoken)


def bench_identities(count: int) -> list[str]:
    """Names of identities: the presets, then heads drawn at random."""
    named = list(list_identities())[: count // 2]
    return named + [f"random-{FIRST_SEED + seed}" for seed in range(count - len(named))]


@torch.no_grad()
def landing(head: Head, code: Tensor, template: Template) -> Landing:
    """Land a template on an identity code ``[I]`` and look at it."""
    start = time.perf_counter()
    landed = wrap(head, code, template)
    seconds = time.perf_counter() - start
    vertices, quads = landed.astype(np.float64), template.quads.astype(np.int64)
    middles = torch.from_numpy(landed[quads].mean(axis=1))
    return Landing(
        seconds=seconds,
        distances=surface_distances(head, code, torch.from_numpy(landed), template.parts),
        middles=surface_distances(head, code, middles, template.parts[quads[:, 0]]),
        features=feature_distances(head.rim_lines(code), vertices, quads, template.groups["feature_edges"]),
        turned=int(turned_over(vertices, quads).sum()),
        crossing=crossing_within_parts(vertices, quads, template.parts),
        bad=int(bad_quads(vertices, quads).sum()),
    )


def surface_distances(head: Head, code: Tensor, vertices: Tensor, parts: NDArray[np.int32]) -> Array:
    """How far vertices ``[V, 3]`` of parts ``[V]`` move on their way to the surface of their part ``[V]``, mm."""
    distances = np.zeros(len(vertices))
    for part in np.unique(parts):
        own = np.flatnonzero(parts == part)
        landed = project(vertices[own], part_surface(head, code, int(part)))
        distances[own] = (landed - vertices[own]).norm(dim=1).cpu().numpy()
    return distances * MILLIMETRES


def lid_vertices(template: Template) -> NDArray[np.bool_]:
    """Which vertices ``[V]`` are edges of lids, or what of the skin lies behind them."""
    lids = np.zeros(len(template.vertices), dtype=np.bool_)
    for rim in template_rims(template)[1:]:
        lids[template.quads[rim.quads]] = True
    return lids


def feature_distances(lines: dict[str, Tensor], vertices: Array, quads: Indices, features: NDArray[np.int32]) -> Array:
    """How far points of a head's own lines are from the edges between feature vertices ``[N]``, mm.

    Args:
        lines: closed lines ``[M, 3]`` by name.
        vertices: of the template ``[V, 3]``.
        quads: ``[Q, 4]``.
        features: vertices along lips and lids.
    """
    marked = np.zeros(len(vertices), dtype=np.bool_)
    marked[features] = True
    edges = np.unique(np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1), axis=0)
    edges = edges[marked[edges].all(axis=1)]
    begin, along = vertices[edges[:, 0]], vertices[edges[:, 1]] - vertices[edges[:, 0]]
    found = []
    for line in lines.values():
        points = line.double().cpu().numpy()
        share = ((points[:, None] - begin) * along).sum(axis=-1) / np.maximum((along**2).sum(axis=-1), 1e-12)
        places = begin + np.clip(share, 0.0, 1.0)[..., None] * along
        found.append(np.linalg.norm(places - points[:, None], axis=-1).min(axis=1))
    return np.concatenate(found) * MILLIMETRES


def crossing_within_parts(vertices: Array, quads: Indices, parts: NDArray[np.int32]) -> int:
    """How many quads go through others of their part: teeth in gums and brows in skin belong there."""
    part = parts[quads[:, 0]]
    return sum(len(crossing_faces(vertices, quads[part == index])) for index in np.unique(part))


def crossing_while_speaking(animator: Animator, clip: Clip, progress: Progress) -> Array:
    """Share of the quads that go through others of their part, in frames spread over a clip ``[F]``."""
    template, settings = animator.template, TakeSettings()
    every = max(1, animator.frame_count(clip, settings.fps) // LOOKED_AT)
    count, quads = animator.frame_count(clip, settings.fps), template.quads.astype(np.int64)
    shares = []
    for batch in animator.frames(clip, settings):
        for index, vertices in enumerate(batch.vertices, start=batch.first):
            if index % every == 0:
                shares.append(crossing_within_parts(vertices.astype(np.float64), quads, template.parts) / len(quads))
                progress("speaking", WRAPPING_SHARE + (1.0 - WRAPPING_SHARE) * index / count)
    return np.array(shares)


def bench_table(bench: TopologyBench, device: str) -> Table:
    """The figures, one row each, beside what they should be."""
    table = Table("what", title=f"The template {bench.template} on {device}", title_justify="left")
    table.add_column("measured", justify="right")
    table.add_column("aim")
    distances = np.concatenate([landing.distances for landing in bench.landings])
    features = np.concatenate([landing.features for landing in bench.landings])
    quads = bench.quads * len(bench.landings)
    table.add_row(
        "identities", str(len(bench.landings)), f"{bench.quads} quads, {len(bench.landings[0].distances)} vertices"
    )
    table.add_row("to the neural surface, mean", f"{distances.mean():.3f} mm", "< 0.05")
    table.add_row("99 %", f"{np.quantile(distances, 0.99):.3f} mm", "< 0.3")
    table.add_row("worst", f"{distances.max():.2f} mm")
    elsewhere = np.concatenate([landing.distances[~bench.lids] for landing in bench.landings])
    table.add_row("but for edges of lids and what they hide, mean, 99 %", _mean_and_most(elsewhere))
    middles = np.concatenate([landing.middles for landing in bench.landings])
    table.add_row("middles of quads, mean, 99 %", _mean_and_most(middles))
    table.add_row("lips and lids to the head's own, mean", f"{features.mean():.3f} mm", "< 0.5")
    table.add_row("99 %, worst", f"{np.quantile(features, 0.99):.2f}, {features.max():.2f} mm")
    table.add_row("turned over", f"{_sum(bench.landings, 'turned')} of {quads:,}", "none")
    table.add_row("through others", f"{_sum(bench.landings, 'crossing')} of {quads:,}", "none")
    table.add_row("with a corner under 20 or over 160 degrees", f"{_sum(bench.landings, 'bad') / quads:.3%}", "< 0.5 %")
    table.add_row("landing, longest", f"{max(landing.seconds for landing in bench.landings):.2f} s", "< 20")
    spoken = f"{bench.spoken.mean():.4%}, {bench.spoken.max():.3%}"
    table.add_row(f"through others while speaking, mean and worst of {len(bench.spoken)} frames", spoken, "< 0.1 %")
    return table


def _mean_and_most(distances: Array) -> str:
    return f"{distances.mean():.3f}, {np.quantile(distances, 0.99):.2f} mm"


def _sum(landings: Sequence[Landing], field: str) -> int:
    return sum(getattr(landing, field) for landing in landings)
