"""How near a neural head is to the heads that its training left out (``docs/measures.md``)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.evaluation.crossings import crossings
from facetalk.evaluation.held_out_heads import (
    CLOSED_LIDS,
    CLOSED_LIPS,
    EXPRESSION,
    EYEBALLS,
    LIDS,
    LIPS,
    PARTS,
    REST,
    SKIN,
    HeadShapes,
    HeldOutHeads,
)
from facetalk.evaluation.identity_surface import fit_to_rest, skin_mesh, surface_distances
from facetalk.evaluation.visible_gap import tallest_opening
from facetalk.head.head import MILLIMETRES
from facetalk.head.meshing import TriangleMesh
from facetalk.head.parametric_head import ParametricHead
from facetalk.head.scan import Scan

Array = NDArray[np.float64]
Report = Callable[[float], None]
Progress = Callable[[str, float], None]

WINDOW = 0.06  # head units above and below the corners of a mouth or an eye (15 mm) that are looked at
OF_HEAD, OF_TRUTH = "the head", "the truth"  # whose gaps and crossings
OWN_CODE, FITTED, TRAINED = "held-out, own code", "held-out, fitted", "training"  # identities
CLOSURES = {"lips at rest": (REST, (LIPS,)), "lips at p, b, m": (CLOSED_LIPS, (LIPS,)), "lids": (CLOSED_LIDS, LIDS)}
ANY_CROSSING = "any of these"
MESHING_SHARE = 0.3  # of the time of a fit


@dataclass
class Cases:
    """One measure of many cases, which are identities, frames or closures.

    Attributes:
        values: those of every case, one or many.
    """

    values: list[Array] = field(default_factory=list)

    @property
    def mean(self) -> float:
        """Of all values."""
        return float(np.concatenate(self.values).mean())

    @property
    def p95(self) -> float:
        """95th percentile of all values."""
        return float(np.quantile(np.concatenate(self.values), 0.95))

    @property
    def worst(self) -> float:
        """The largest mean of a case."""
        return max(float(case.mean()) for case in self.values)


CasesByName = dict[tuple[str, str], Cases]


@dataclass
class HeadMeasures:
    """What ``facetalk evaluate head`` measures.

    Attributes:
        surfaces: distances of surfaces in mm by group of identities and region; a case is an identity.
        expressions: distances of posed vertices in mm by group and region; a case is a frame.
        gaps: what closed lips and lids leave open in mm, of the head or the truth, by closure; each is a case.
        crossings: 100 where surfaces are through each other, else 0, of the head or the truth, by surfaces; a case is
            an identity with all its frames.
    """

    surfaces: CasesByName = field(default_factory=dict)
    expressions: CasesByName = field(default_factory=dict)
    gaps: CasesByName = field(default_factory=dict)
    crossings: CasesByName = field(default_factory=dict)


def measure_head(
    head: ParametricHead,
    rig_to_code: Tensor,
    heads: HeldOutHeads,
    progress: Progress,
    identities: int | None = None,
    fits: int | None = None,
    resolution: int = 256,
    surfaces: bool = True,
) -> HeadMeasures:
    """Measure a head.

    Args:
        head: has the parts of ``held_out_heads.PARTS``; its identity code begins with the shape code.
        rig_to_code: from rig weights to its expression codes ``[R, E]``.
        heads: what it is measured against.
        progress: told what is being done and the fraction done; may raise to cancel.
        identities: how many identities to measure, of either group; all by default.
        fits: to how many of these to fit a code, which takes the most time; all by default.
        resolution: of the neural surface's mesh, samples per axis.
        surfaces: whether to measure the surfaces of identities, or poses alone, which takes a tenth of the time.

    Raises:
        UserError: the head is so far off that it has no skin, or that no identity can be fitted.
    """
    comparison = _Comparison(head, rig_to_code, heads, resolution, HeadMeasures())
    work = list(comparison.work(identities, fits, surfaces))
    for done, (name, measure) in enumerate(work):
        measure(partial(_report_share, progress, name, done, len(work)))
    progress("done", 1.0)
    return comparison.measures


def pose_identity(head: ParametricHead, rig_to_code: Tensor, heads: HeldOutHeads, number: int) -> Array:
    """The vertices ``[T, V, 3]`` of a held-out identity in its poses, carried from its canonical pose by a head."""
    parts = torch.tensor([head.parts.index(part) for part in PARTS])[torch.from_numpy(heads.part_of_vertex)]
    canonical = torch.from_numpy(heads.held_out.canonical[number]).to(head.device)
    prepared = head.prepare(canonical, parts.to(head.device), identity_code(head, heads.held_out, number))
    codes = torch.from_numpy(heads.weights[number]).to(rig_to_code) @ rig_to_code
    return np.asarray(prepared.pose(codes.to(head.device)).points.double().cpu().numpy())


def identity_code(head: ParametricHead, shapes: HeadShapes, number: int) -> Tensor:
    """The identity code ``[I]`` of a shape code, bald."""
    shape = torch.from_numpy(shapes.codes[number])
    return torch.cat([shape, torch.zeros(head.identity_size - len(shape))]).to(head.device)


def visible_gap(heads: HeldOutHeads, vertices: Array, band: str) -> float:
    """How far a band of a posed head ``[V, 3]`` stands open at its tallest, in head units, seen from the front."""
    behind = heads.regions["inner_mouth" if band == LIPS else "eye_sockets"]
    skin = heads.triangles[SKIN]
    triangles = np.concatenate([skin, *(heads.triangles[part] for part in PARTS if part != SKIN)])
    closing = np.zeros(len(triangles), dtype=np.bool_)
    closing[: len(skin)] = ~behind[skin].all(axis=1)
    corners = vertices[list(heads.bands[band].corners)]
    margin = np.array([0.0, WINDOW, 0.0])
    return tallest_opening(vertices, triangles, closing, corners.min(axis=0) - margin, corners.max(axis=0) + margin)


@dataclass(frozen=True)
class _Comparison:
    """A head, what it is measured against, and what has been found so far."""

    head: ParametricHead
    rig_to_code: Tensor
    heads: HeldOutHeads
    resolution: int
    measures: HeadMeasures

    def work(
        self, identities: int | None, fits: int | None, surfaces: bool
    ) -> Iterator[tuple[str, Callable[[Report], None]]]:
        """All that is to be done, by name."""
        for number in range(len(self.heads.held_out.codes))[:identities]:
            name = f"held-out identity {number + 1}"
            yield f"{name}: poses", partial(self._poses, number)
            if not surfaces:
                continue
            yield f"{name}: surface", partial(self._surface, OWN_CODE, self.heads.held_out, number)
            if fits is None or number < fits:
                yield f"{name}: fit", partial(self._fitted, number)
        for number in range(len(self.heads.trained.codes))[: identities if surfaces else 0]:
            name = f"training identity {number + 1}: surface"
            yield name, partial(self._surface, TRAINED, self.heads.trained, number)

    def _poses(self, number: int, report: Report) -> None:
        """Expressions, closures and crossings of a held-out identity; the latter two of the truth as well."""
        true = self.heads.posed[number].astype(np.float64)
        posed = pose_identity(self.head, self.rig_to_code, self.heads, number)
        distance = MILLIMETRES * np.linalg.norm(posed - true, axis=2)
        for region in ("lips", "lids", "face"):
            cases = self.measures.expressions.setdefault(("held-out", region), Cases())
            cases.values.extend(distance[self.heads.poses(EXPRESSION)][:, self.heads.regions[region]])
        for whose, vertices, fraction in ((OF_HEAD, posed, 0.5), (OF_TRUTH, true, 1.0)):
            self._closures(whose, vertices)
            found = crossings(self.heads, vertices)
            found[ANY_CROSSING] = np.any(list(found.values()), axis=0)
            for surfaces, frames in found.items():
                self.measures.crossings.setdefault((whose, surfaces), Cases()).values.append(100.0 * frames)
            report(fraction)

    def _closures(self, whose: str, vertices: Array) -> None:
        for closure, (kind, bands) in CLOSURES.items():
            cases = self.measures.gaps.setdefault((whose, closure), Cases())
            for frame in self.heads.poses(kind):
                gaps = [visible_gap(self.heads, vertices[frame], band) for band in bands]
                cases.values.append(np.array([MILLIMETRES * max(gaps)]))

    def _surface(self, group: str, shapes: HeadShapes, number: int, report: Report) -> None:
        """The neural surface of an identity's own code."""
        mesh = skin_mesh(self.head, identity_code(self.head, shapes, number), self.resolution, report)
        self._compare(group, mesh, shapes, number)

    def _fitted(self, number: int, report: Report) -> None:
        """The neural surface of the code that is fitted to a held-out identity at rest."""
        skin = self.heads.triangles[SKIN]
        outside = skin[self.heads.regions["outer_skin"][skin].all(axis=1)]
        visible = np.concatenate([outside, self.heads.triangles[EYEBALLS]])
        scan = Scan(self.heads.posed[number, self.heads.poses(REST)[0]].astype(np.float64), visible)
        generator = np.random.default_rng(number)
        fitting = 1.0 - MESHING_SHARE
        code, moved = fit_to_rest(self.head, scan, generator, lambda fraction: report(fitting * fraction))
        mesh = skin_mesh(self.head, code, self.resolution, lambda done: report(fitting + MESHING_SHARE * done))
        placed = TriangleMesh(moved.apply_inverse(mesh.vertices), mesh.triangles)
        self._compare(FITTED, placed, self.heads.held_out, number)

    def _compare(self, group: str, mesh: TriangleMesh, shapes: HeadShapes, number: int) -> None:
        truth = TriangleMesh(shapes.canonical[number].astype(np.float64), self.heads.triangles[SKIN])
        found = surface_distances(mesh, truth, self.head.box.double().cpu().numpy(), number)
        for region in ("face", "head"):
            within = self.heads.regions[region][truth.triangles[found.triangle]].all(axis=1)
            cases = self.measures.surfaces.setdefault((group, region), Cases())
            cases.values.append(MILLIMETRES * found.distance[within])


def _report_share(progress: Progress, name: str, done: int, of: int, fraction: float) -> None:
    progress(name, (done + fraction) / of)
