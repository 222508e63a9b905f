"""Fitting: the identity code of a scan, by drawing its points onto the zero surface of the head's field.

As NPHM fits point clouds (Giebenhain et al., CVPR 2023, section 3.4): the distance field at the scan's points, and a
prior on the code. Besides, the scan's place, turn and size are refined together with the code; the rest pose of the
scan is undone, for fields describe the canonical pose; and a robust kernel, whose width falls from stage to stage,
lets go of what is no face: hair, clothes, noise. Only ``ParametricHead`` is asked of the head.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from facetalk.errors import UserError
from facetalk.head.alignment import Alignment, align
from facetalk.head.fit_objective import Stage, StageObjective, canonical_points
from facetalk.head.head import MILLIMETRES
from facetalk.head.parametric_head import ParametricHead
from facetalk.head.registration import Registration
from facetalk.head.rest_surface import (
    LEAST_GRADIENT,
    RestSurface,
    distance_and_gradient,
    in_face,
    mean_surface_points,
    rest_surface,
    seen_from_front,
    visible_distance,
)
from facetalk.head.scan import Scan, SurfaceSamples
from facetalk.head.similarity import Similarity

Array = NDArray[np.float64]

SEARCH_SAMPLES = 120_000  # to find the face in: 4 mm apart on a whole body
FIT_SAMPLES = 200_000  # to choose the head's points from
REPORT_POINTS = 8_000
REACH = 0.12  # head units from the surface (30 mm); further points are shoulders, long hair or another object
FACE_SHARE = 0.5  # of the points of a stage that are chosen from the face
FACING = 0.3  # cosine to the surface's normal, under which a point of a mesh lies on an inner wall
FAIR_FACE = 1.0  # mm; faces like those the head has learnt end at a third of it
FAR_FROM_PEOPLE = 4.0  # of the prior: twice a typical face's distance from the mean
MANY_OUTLIERS = 0.05
OUTLIER = 10.0  # mm from the fitted head; further points are counted apart


@dataclass(frozen=True)
class FitSettings:
    """How to fit.

    Attributes:
        stages: coarse to fine.
        known_scale, free_scale: deviation of log scale that counts as one mm^2: from the unit's, where that is sure;
            else, for characters of any size, from the alignment's.
        seed: of every random choice.
    """

    stages: tuple[Stage, ...] = (
        Stage(1000, 15, 8.0, 0.3),
        Stage(2000, 25, 4.0, 0.1),
        Stage(4000, 30, 2.0, 0.03),
        Stage(6000, 40, 1.5, 0.01),
    )
    known_scale: float = 0.005
    free_scale: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class Residual:
    """Distances of a scan's points to the fitted surface.

    Attributes:
        points: how many were measured.
        mean, p95, worst: millimetres of a human-sized head.
        outliers: share of points further than ``OUTLIER`` from the surface, which the other figures leave out.
    """

    points: int
    mean: float
    p95: float
    worst: float
    outliers: float


@dataclass(frozen=True)
class FittedIdentity:
    """What was found.

    Attributes:
        code: identity code ``[I]``, on the CPU.
        transform: from the scan to head space.
        head, face: residuals over all of the head that the scan shows, and over the face.
        prior: how unlikely the code is; about 1 for a typical face.
    """

    code: Tensor
    transform: Similarity
    head: Residual
    face: Residual
    prior: float

    def residuals(self) -> dict[str, float]:
        """The figures to keep with the identity, millimetres by name; those that could be measured."""
        figures = {
            f"{region} {name}": getattr(residual, field)
            for region, residual in (("face", self.face), ("head", self.head))
            for name, field in (("mean", "mean"), ("95 %", "p95"), ("worst", "worst"))
        }
        return {name: value for name, value in figures.items() if np.isfinite(value)}

    def remarks(self) -> list[str]:
        """What people should know before they use the face: one sentence each, none if all is well."""
        found = []
        if self.face.mean > FAIR_FACE:
            found.append(
                f"The head follows this face only to {self.face.mean:.1f} mm: it may be no neutral human face; "
                "look at the result."
            )
        if self.prior > FAR_FROM_PEOPLE:
            found.append("The face is far from those the head has learnt: expressions may look odd on it.")
        if self.face.outliers > MANY_OUTLIERS:
            found.append(
                f"{self.face.outliers:.0%} of the face is left out: it is something else, such as hair or glasses."
            )
        return found


Progress = Callable[[str, float], None]
"""Called with what is being done (``surface``, ``align``, ``fit``) and the fraction done; may raise to cancel."""


def fit_scan(
    head: ParametricHead,
    scan: Scan,
    *,
    landmarks: dict[str, Array] | None = None,
    units: str | None = None,
    settings: FitSettings | None = None,
    progress: Progress | None = None,
) -> tuple[FittedIdentity, Alignment]:
    """Align a scan and fit an identity to it.

    Args:
        head: any parametric head.
        scan: of a person or character, neutral, lips closed or nearly so.
        landmarks: positions in the scan by name (``alignment.LANDMARKS``), or None to find the face without.
        units: of the scan, one of ``alignment.METRES``, or None to find out.
        settings: how to fit.
        progress: told how far it is.

    Raises:
        UserError: no face is found in the scan, or its units cannot be.
    """
    settings, report = settings or FitSettings(), progress or _silent
    starts = mean_surface_points(head, lambda fraction: report("surface", fraction))[::2]
    surface = rest_surface(head, torch.zeros(head.identity_size, device=head.device), starts)
    report("align", 0.0)
    generator = np.random.default_rng(settings.seed)
    registration = Registration(surface, scan.sample(SEARCH_SAMPLES, generator), generator)
    alignment = align(registration, landmarks, units, generator)
    report("align", 1.0)
    samples = scan.sample(FIT_SAMPLES, generator)
    fitted = fit_identity(
        head, samples, alignment, settings, starts, generator, lambda fraction: report("fit", fraction)
    )
    return fitted, alignment


def fit_identity(
    head: ParametricHead,
    samples: SurfaceSamples,
    alignment: Alignment,
    settings: FitSettings,
    starts: Tensor,
    generator: np.random.Generator,
    progress: Callable[[float], None],
) -> FittedIdentity:
    """Find the code whose surface runs through a scan's points, refining the alignment with it.

    Args:
        head: any parametric head.
        samples: of the scan, in its own units; many, for stages choose from them.
        alignment: where to begin.
        settings: how to fit.
        starts: canonical points on the mean face, from ``mean_surface_points``.
        generator: chooses points.
        progress: called with the fraction done after every evaluation; may raise to cancel.

    Raises:
        UserError: too little of the scan lies near the head.
    """
    wanted = alignment.transform.scale * (alignment.size if alignment.is_human_size else 1.0)
    spread = settings.known_scale if alignment.is_human_size else settings.free_scale
    transform = alignment.transform
    code = torch.zeros(head.identity_size, device=head.device)
    total = sum(stage.points * stage.steps for stage in settings.stages)
    done = 0
    for stage in settings.stages:
        surface = rest_surface(head, code, starts)
        points = choose_points(surface, samples, transform, stage.points, generator)
        code, transform = StageObjective(head, surface, points, stage, np.log(wanted), spread).minimise(
            code, transform, partial(_report_stage, progress, done / total, stage.points * stage.steps / total)
        )
        done += stage.points * stage.steps
    progress(1.0)
    surface = rest_surface(head, code, starts)
    chosen = choose_points(surface, samples, transform, REPORT_POINTS, generator)
    distance, face = measure(head, code, surface, chosen, transform)
    prior = float(head.identity_prior(code))
    return FittedIdentity(code.cpu(), transform, _residual(distance), _residual(distance[face]), prior)


def choose_points(
    surface: RestSurface, samples: SurfaceSamples, transform: Similarity, count: int, generator: np.random.Generator
) -> SurfaceSamples:
    """Points of a scan that show the head, half of them of its face if there are that many.

    Raises:
        UserError: there are hardly any.
    """
    points = transform.apply(samples.points)
    low, high = surface.rest.min(axis=0), surface.rest.max(axis=0)
    # The field ends at its box: a point at the cut of the neck would be drawn to the rim.
    inside = np.flatnonzero(((points > low - REACH) & (points < high + REACH)).all(axis=1) & (points[:, 1] > low[1]))
    inside = generator.permutation(inside)[: 8 * count]
    distance, index = cKDTree(surface.rest).query(points[inside])
    near = distance < REACH
    if samples.normals is not None:
        turned = samples.normals[inside] @ transform.rotation.T
        facing = (turned * surface.normals[index]).sum(axis=1)
        # A mesh with its faces turned inside out shows it by the sign of most.
        near &= facing * (np.sign(np.median(facing)) or 1.0) > FACING
    usable = inside[near]
    face = in_face(points[usable]) & seen_from_front(points[usable])
    of_face = usable[face][: int(count * FACE_SHARE)]
    others = usable[~face][: count - len(of_face)]
    chosen = np.sort(np.concatenate([of_face, others]))
    if len(chosen) < 0.05 * count:
        raise UserError(
            "Hardly anything of the scan lies near the head: give --landmarks, or crop the scan to the head."
        )
    return SurfaceSamples(samples.points[chosen], None if samples.normals is None else samples.normals[chosen])


def measure(
    head: ParametricHead, code: Tensor, surface: RestSurface, samples: SurfaceSamples, transform: Similarity
) -> tuple[Array, NDArray[np.bool_]]:
    """Distances ``[N]`` of scan points to an identity's surface in mm, and which of them belong to the face."""
    rest = transform.apply(samples.points)
    canonical = canonical_points(surface, samples, transform).to(head.box)
    distance, gradient = distance_and_gradient(visible_distance(head), canonical, code.to(head.box))
    length = gradient.norm(dim=1).clamp(min=LEAST_GRADIENT)
    return (distance.abs() / length).double().cpu().numpy() * MILLIMETRES, in_face(rest) & seen_from_front(rest)


def _residual(distance: Array) -> Residual:
    if not len(distance):
        return Residual(0, float("nan"), float("nan"), float("nan"), 0.0)
    kept = distance[distance < OUTLIER]
    if not len(kept):
        return Residual(len(distance), float("nan"), float("nan"), float("nan"), 1.0)
    outliers = 1.0 - len(kept) / len(distance)
    return Residual(len(distance), float(kept.mean()), float(np.quantile(kept, 0.95)), float(kept.max()), outliers)


def _report_stage(progress: Callable[[float], None], before: float, share: float, fraction: float) -> None:
    progress(before + share * fraction)


def _silent(what: str, fraction: float) -> None:
    del what, fraction
