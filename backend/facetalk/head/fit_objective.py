"""What fitting minimises: distances of a scan's points to a head's surface, and how unlikely the code is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.head.head import MILLIMETRES
from facetalk.head.parametric_head import ParametricHead
from facetalk.head.rest_surface import LEAST_GRADIENT, RestSurface, distance_and_gradient, visible_distance
from facetalk.head.scan import SurfaceSamples
from facetalk.head.similarity import Similarity

Array = NDArray[np.float64]

SPREAD_PROBE = 1e-3  # code entries at which the prior's curvature is probed
MOTION_UNIT = 0.02  # head units of motion at the rim of the head that the optimiser takes as one
HEAD_RADIUS = 0.4  # head units
HISTORY = 20  # steps that L-BFGS remembers


@dataclass(frozen=True)
class Stage:
    """One round of fitting: a choice of points, and so many steps.

    Attributes:
        points: how many, at most.
        steps: of L-BFGS, at most.
        width: of the robust kernel, mm; a distance well above it no longer pulls.
        prior: weight of the code's prior, mm^2.
    """

    points: int
    steps: int
    width: float
    prior: float

    @property
    def evaluations(self) -> int:
        """Of the field, at most; a step takes a little more than one."""
        return self.steps + self.steps // 4


class StageObjective:
    """What one stage minimises, over the code and a small similarity on top of the present transform.

    Variables are scaled so that a unit of each is a typical amount: code entries by the curvature of the prior, motions
    by what they do at the rim of the head. L-BFGS, which begins with steepest descent, needs it.
    """

    def __init__(
        self,
        head: ParametricHead,
        surface: RestSurface,
        samples: SurfaceSamples,
        stage: Stage,
        log_scale: float,
        scale_spread: float,
    ) -> None:
        self.head, self.stage, self.surface, self.samples = head, stage, surface, samples
        self.log_scale, self.scale_spread = log_scale, scale_spread
        self.distance = visible_distance(head)
        self.code_unit = _code_spread(head)
        turn = MOTION_UNIT / HEAD_RADIUS
        self.motion_unit = torch.tensor([turn] * 3 + [MOTION_UNIT] * 3 + [min(turn, scale_spread)], dtype=torch.float64)

    def minimise(
        self, code: Tensor, transform: Similarity, report: Callable[[float], None]
    ) -> tuple[Tensor, Similarity]:
        """The best code and transform; ``report`` is told the fraction done, and may raise to cancel."""
        points = canonical_points(self.surface, self.samples, transform).to(self.head.box)
        centre = points.mean(dim=0)
        # Away from the surface a value is only near the distance: its gradient, kept for the stage, mends the scale.
        _, gradient = distance_and_gradient(self.distance, points, code)
        slope = gradient.norm(dim=1).clamp(min=LEAST_GRADIENT)
        scaled = torch.where(self.code_unit > 0.0, code / self.code_unit, torch.zeros_like(code))
        variables = torch.cat([scaled, code.new_zeros(7)]).requires_grad_(True)
        optimiser = torch.optim.LBFGS(
            [variables],
            max_iter=self.stage.steps,
            max_eval=self.stage.evaluations,
            history_size=HISTORY,
            line_search_fn="strong_wolfe",
        )
        evaluations = 0

        def closure() -> Tensor:
            nonlocal evaluations
            report(min(1.0, evaluations / self.stage.evaluations))
            evaluations += 1
            optimiser.zero_grad()
            loss = self._energy(variables, points, centre, slope, transform)
            loss.backward()
            return loss

        optimiser.step(closure)
        return self._unpack(variables.detach(), centre, transform)

    def _energy(
        self, variables: Tensor, points: Tensor, centre: Tensor, slope: Tensor, transform: Similarity
    ) -> Tensor:
        code, motion = variables[:-7] * self.code_unit, variables[-7:] * self.motion_unit.to(variables)
        turned = (points - centre) @ torch.linalg.matrix_exp(_generator(motion)).T
        distance = self.distance(turned + centre + motion[3:6], code) / slope * MILLIMETRES
        squared = distance.square()
        # Geman and McClure (1987): a parabola that levels off at the width.
        pull = (squared / (1.0 + squared / self.stage.width**2)).mean()
        log_scale = motion[6] + np.log(transform.scale)
        size = ((log_scale - self.log_scale) / self.scale_spread).square()
        return pull + self.stage.prior * self.head.identity_prior(code) + size

    def _unpack(self, variables: Tensor, centre: Tensor, transform: Similarity) -> tuple[Tensor, Similarity]:
        motion = variables[-7:].double().cpu() * self.motion_unit
        matrix = torch.linalg.matrix_exp(_generator(motion)).numpy()
        scale = float(np.exp(motion[6]))
        middle = centre.double().cpu().numpy()
        step = Similarity(matrix / scale, scale, middle + motion[3:6].numpy() - matrix @ middle)
        return variables[:-7] * self.code_unit, transform.followed_by(step)


def _generator(motion: Tensor) -> Tensor:
    """The matrix ``[3, 3]`` whose exponential turns and scales, from ``[turn x 3, shift x 3, growth]``."""
    x, y, z = motion[:3]
    growth = motion[6]
    return torch.stack([growth, -z, y, z, growth, -x, -y, x, growth]).view(3, 3)


def _code_spread(head: ParametricHead) -> Tensor:
    """Typical size of every code entry ``[I]``, read off the curvature of the prior at the mean face.

    A prior that is the mean of ``(entry / spread)^2`` has the gradient ``2 entry / (I spread^2)``. An entry that the
    prior does not speak of, such as hair, has the size 0: it is not fitted.
    """
    probe = torch.full((head.identity_size,), SPREAD_PROBE, device=head.device, requires_grad=True)
    (gradient,) = torch.autograd.grad(head.identity_prior(probe), probe)
    spread = (2.0 * SPREAD_PROBE / (head.identity_size * gradient.abs())).sqrt()
    return torch.where(gradient.abs() > 0.0, spread, torch.zeros_like(spread))


def canonical_points(surface: RestSurface, samples: SurfaceSamples, transform: Similarity) -> Tensor:
    """Points of a scan in canonical space ``[N, 3]``."""
    normals = None if samples.normals is None else samples.normals @ transform.rotation.T
    return torch.from_numpy(surface.to_canonical(transform.apply(samples.points), normals))
