"""Inversion of a smooth map of space, point by point.

Backward heads map posed points to canonical ones; one topology over time needs the way back. As in SNARF (Chen et al.,
ICCV 2021) every point has its own 3 x 3 quasi-Newton iteration; points that it does not bring home get damped Newton
steps with exact Jacobians.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

BROYDEN_STEPS = 12
NEWTON_STEPS = 20
STEP_LIMIT = 0.08  # head units, 2 cm: expressions move no point much further
DAMPING_LIMIT = 1 / 64
FOLLOWING_LIMIT = 0.008  # head units, 2 mm: farthest that a field may change under a point in one go
FOLLOWING_STEPS = 16  # and the most goes it is divided into
PROBE_STRIDE = 8  # every so many points are asked how far the field changes
JACOBIANS_PER_CHUNK = 4_096  # points whose derivatives are in memory at a time

Field = Callable[[Tensor], Tensor]  # [M, 3] -> [M, 3]


@dataclass(frozen=True)
class Roots:
    """Points that a field maps to given targets.

    Attributes:
        points: ``[N, 3]``; the best found where the search failed.
        errors: distance ``[N]`` of their images from the targets.
        inverse_jacobians: ``[N, 3, 3]``, approximate, for a warm start nearby.
    """

    points: Tensor
    errors: Tensor
    inverse_jacobians: Tensor


@torch.no_grad()
def find_roots(field: Field, targets: Tensor, start: Roots, tolerance: float) -> Roots:
    """Find points ``p`` with ``field(p) = target``.

    Args:
        field: a smooth map that treats every row by itself.
        targets: ``[N, 3]``.
        start: where to begin; its errors are not read.
        tolerance: distance from the target that is good enough.
    """
    roots = _broyden(field, targets, start, tolerance)
    failed = (roots.errors > tolerance).nonzero()[:, 0]
    if len(failed):
        rest = Roots(roots.points[failed], roots.errors[failed], roots.inverse_jacobians[failed])
        _put(roots, failed, _newton(field, targets[failed], rest, tolerance))
    return roots


def follow_roots(
    fields: Callable[[Tensor], Field], targets: Tensor, start: Roots, before: Tensor, code: Tensor, tolerance: float
) -> Roots:
    """Follow roots while the field changes from one code ``[K]`` to another, in steps short enough to stay on track.

    Where a mouth opens, a point between the lips has two roots, one on either lip. The way it came decides.

    Args:
        fields: the field of a code.
        targets: ``[N, 3]``.
        start: roots of the field of ``before``.
        before: code ``[K]`` to start from.
        code: code ``[K]`` to go to.
        tolerance: distance from the target that is good enough.
    """
    moved = (fields(code)(start.points[::PROBE_STRIDE]) - targets[::PROBE_STRIDE]).norm(dim=1)
    steps = min(FOLLOWING_STEPS, max(1, math.ceil(float(moved.max()) / FOLLOWING_LIMIT))) if len(moved) else 1
    on_the_way = max(tolerance, FOLLOWING_LIMIT / 8)
    for step in range(1, steps):
        start = find_roots(fields(torch.lerp(before, code, step / steps)), targets, start, on_the_way)
    return find_roots(fields(code), targets, start, tolerance)


def start_at(field: Field, points: Tensor) -> Roots:
    """A start at points ``[N, 3]``, with the field's Jacobians there."""
    _, jacobians = value_and_jacobian(field, points)
    return Roots(points, points.new_full((len(points),), torch.inf), _inverse(jacobians))


def value_and_jacobian(field: Field, points: Tensor) -> tuple[Tensor, Tensor]:
    """A field's values ``[N, 3]`` and Jacobians ``[N, 3, 3]`` (output, input) at points ``[N, 3]``."""
    values, jacobians = [], []
    for chunk in points.detach().split(JACOBIANS_PER_CHUNK):
        with torch.enable_grad():
            chunk = chunk.clone().requires_grad_(True)
            value = field(chunk)
            rows = [torch.autograd.grad(value[:, axis].sum(), chunk, retain_graph=True)[0] for axis in range(3)]
        values.append(value.detach())
        jacobians.append(torch.stack(rows, dim=1))
    return torch.cat(values), torch.cat(jacobians)


def _broyden(field: Field, targets: Tensor, start: Roots, tolerance: float) -> Roots:
    """Broyden's first method on the inverse Jacobian, rows dropping out as they arrive."""
    points, inverse = start.points.clone(), start.inverse_jacobians.clone()
    misses = field(points) - targets
    best = Roots(points.clone(), misses.norm(dim=1), inverse)
    active = (best.errors > tolerance).nonzero()[:, 0]
    for _ in range(BROYDEN_STEPS):
        if not len(active):
            break
        step = _limited(-torch.einsum("nij,nj->ni", inverse[active], misses[active]))
        points[active] += step
        arrived = field(points[active]) - targets[active]
        inverse[active] = _updated(inverse[active], step, arrived - misses[active])
        misses[active] = arrived
        errors = arrived.norm(dim=1)
        better = errors < best.errors[active]
        best.points[active[better]] = points[active[better]]
        best.errors[active[better]] = errors[better]
        active = active[errors > tolerance]
    return best


def _updated(inverse: Tensor, step: Tensor, change: Tensor) -> Tensor:
    """The rank-one update that makes ``inverse`` explain the last step; left out where it would divide by nothing."""
    explained = torch.einsum("nij,nj->ni", inverse, change)
    row = torch.einsum("ni,nij->nj", step, inverse)
    scale = (step * explained).sum(dim=1)
    usable = scale.abs() > 1e-3 * (step * step).sum(dim=1)
    factor = torch.where(usable, 1 / torch.where(usable, scale, 1.0), 0.0)
    return inverse + factor[:, None, None] * (step - explained)[:, :, None] * row[:, None, :]


def _newton(field: Field, targets: Tensor, start: Roots, tolerance: float) -> Roots:
    """Newton's method, the step halved wherever it does not come nearer."""
    points, errors, inverse = start.points.clone(), start.errors.clone(), start.inverse_jacobians.clone()
    damping = torch.ones_like(errors)
    active = torch.arange(len(points), device=points.device)
    for _ in range(NEWTON_STEPS):
        if not len(active):
            break
        values, jacobians = value_and_jacobian(field, points[active])
        inverse[active] = _inverse(jacobians)
        step = _limited(-torch.einsum("nij,nj->ni", inverse[active], values - targets[active]))
        trial = points[active] + damping[active, None] * step
        trial_errors = (field(trial) - targets[active]).norm(dim=1)
        better = trial_errors < errors[active]
        points[active[better]] = trial[better]
        errors[active[better]] = trial_errors[better]
        damping[active] = torch.where(better, (2 * damping[active]).clamp(max=1.0), damping[active] / 2)
        active = active[(errors[active] > tolerance) & (damping[active] > DAMPING_LIMIT)]
    return Roots(points, errors, inverse)


def _inverse(jacobians: Tensor) -> Tensor:
    """Inverses ``[N, 3, 3]``; where a Jacobian is singular, its pseudo-inverse."""
    inverses, singular = torch.linalg.inv_ex(jacobians)
    broken = (singular != 0) | ~inverses.isfinite().all(dim=(1, 2))
    if bool(broken.any()):
        inverses[broken] = torch.linalg.pinv(jacobians[broken])
    return inverses


def _limited(steps: Tensor) -> Tensor:
    return steps * (STEP_LIMIT / steps.norm(dim=1, keepdim=True).clamp(min=STEP_LIMIT))


def _put(roots: Roots, rows: Tensor, values: Roots) -> None:
    roots.points[rows] = values.points
    roots.errors[rows] = values.errors
    roots.inverse_jacobians[rows] = values.inverse_jacobians
