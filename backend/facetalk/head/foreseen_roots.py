"""Roots of many frames at once, from where they are foreseen to be.

Following a point from frame to frame asks the field for one frame at a time. Whoever foresees where the points come to
be, to a millimetre or so, needs no frame before: all points of all frames are corrected together, in two or three
evaluations, by Broyden's method (``root_finding``).
"""

from collections.abc import Callable

import torch
from torch import Tensor

STEPS = 3  # pairs of corrections at most; what is not home then is left to whoever follows it from frame to frame
SAFETY = 2.0  # on what a correction is foreseen to leave
FARTHEST = 0.02  # head units, 5 mm: a point that goes farther was not foreseen, and may come to another root


@torch.no_grad()
def foreseen_roots(
    fields: Callable[[Tensor, Tensor], Tensor],
    codes: Tensor,
    targets: Tensor,
    foreseen: Tensor,
    inverse_jacobians: Tensor,
    tolerance: float,
) -> tuple[Tensor, Tensor]:
    """Find points ``p`` with ``field(p) = target`` in every frame.

    Args:
        fields: the field of frames: maps points ``[T, N, 3]`` under codes ``[T, K]``.
        codes: of the frames ``[T, K]``.
        targets: ``[N, 3]``, the same in all frames.
        foreseen: about where the points are ``[T, N, 3]``.
        inverse_jacobians: of the field there, about ``[N, 3, 3]``.
        tolerance: distance from the target that is good enough.

    Returns:
        The points ``[T, N, 3]``, and whether each was found near where it was foreseen ``[T, N]``.
    """
    points, inverse = foreseen.clone(), inverse_jacobians.expand(*foreseen.shape, 3).clone()
    misses = fields(points, codes) - targets
    errors = misses.norm(dim=2)
    left = torch.arange(len(points), device=points.device)
    for _ in range(STEPS):
        left = left[(errors[left] > tolerance).any(dim=1)]
        if not len(left):
            break
        step = -(inverse[left] @ misses[left][..., None])[..., 0]
        points[left] += step
        arrived = fields(points[left], codes[left]) - targets
        inverse[left] = _updated(inverse[left], step, arrived - misses[left])
        # As much as this step has left of the miss, the next one will leave of the rest: it need not be looked at.
        rest, before = arrived.norm(dim=2), misses[left].norm(dim=2)
        points[left] -= (inverse[left] @ arrived[..., None])[..., 0]
        errors[left] = SAFETY * rest * rest / before.clamp(min=1e-12)
        misses[left] = arrived
        again = left[(errors[left] > tolerance).any(dim=1)]
        if len(again):
            misses[again] = fields(points[again], codes[again]) - targets
            errors[again] = misses[again].norm(dim=2)
    near = (points - foreseen).norm(dim=2) <= FARTHEST
    return points, (errors <= tolerance) & near


def _updated(inverse: Tensor, step: Tensor, change: Tensor) -> Tensor:
    """Broyden's rank-one update of inverse Jacobians ``[..., 3, 3]``, left out where it would divide by nothing."""
    explained = (inverse @ change[..., None])[..., 0]
    row = (step[..., None, :] @ inverse)[..., 0, :]
    scale = (step * explained).sum(dim=-1)
    usable = scale.abs() > 1e-3 * (step * step).sum(dim=-1)
    factor = torch.where(usable, 1.0 / torch.where(usable, scale, 1.0), 0.0)
    return inverse + (factor[..., None] * (step - explained))[..., None] * row[..., None, :]
