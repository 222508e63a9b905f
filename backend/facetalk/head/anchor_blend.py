"""How the published heads blend the local networks around their anchors."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

SIGMA_NEIGHBOURS = 8  # the blend width of the backward models follows these, however many are evaluated


@dataclass(frozen=True)
class KernelBlend:
    """Weights of NPHM 2023: Gaussians around every anchor; the anchor-free network is at a fixed distance.

    Attributes:
        floor: added to the sum of the weights. The published networks have 1e-6, which makes their values collapse away
            from the anchors; with 0 the zero level is the same, and the values stay near distances.
    """

    floor: float = 1e-6

    def __call__(self, points: Tensor, anchors: Tensor) -> Tensor:
        """Weights ``[N, A + 1]`` of points ``[N, 3]`` for anchors ``[A, 3]``, the anchor-free network last."""
        distances = (points[:, None] - anchors).norm(dim=2)
        squared = functional.pad((distances + 1e-5) ** 2, (0, 1), value=0.2)
        kernel = torch.exp(-squared / 0.01)
        return _without_negligible(kernel / (kernel.sum(dim=1, keepdim=True) + self.floor))


@dataclass(frozen=True)
class NearestBlend:
    """Weights of the backward models: the nearest anchors, with a width that follows how far those are.

    Attributes:
        nearest: anchors evaluated per point.
        spread: largest distance of the first ``SIGMA_NEIGHBOURS``, in blend widths.
    """

    nearest: int
    spread: float

    def __call__(self, points: Tensor, anchors: Tensor) -> Tensor:
        """Weights ``[N, A + 1]`` of points ``[N, 3]`` for anchors ``[A, 3]``, the anchor-free network last."""
        distances = (points[:, None] - anchors).norm(dim=2)
        nearest, chosen = distances.topk(self.nearest, dim=1, largest=False)
        width = nearest[:, :SIGMA_NEIGHBOURS].amax(dim=1, keepdim=True) / self.spread
        kernel = torch.exp(-((functional.pad(nearest, (0, 1), value=0.75) / width) ** 2) / 2)
        weights = kernel / (kernel.sum(dim=1, keepdim=True) + 1e-8)
        columns = functional.pad(chosen, (0, 1), value=len(anchors))
        every = weights.new_zeros(len(points), len(anchors) + 1).scatter(1, columns, weights)
        return _without_negligible(every)


Blend = KernelBlend | NearestBlend


def blend_of(settings: Mapping[str, float], floor: float = 0.0) -> Blend:
    """The blend of a bundle's ``config.blend``: empty for NPHM 2023, ``nearest`` and ``spread`` for the others."""
    if not settings:
        return KernelBlend(floor)
    return NearestBlend(int(settings["nearest"]), float(settings["spread"]))


def _without_negligible(weights: Tensor) -> Tensor:
    """Zero for weights too small to be seen in a sum of this precision, so that their networks need not run."""
    negligible = torch.finfo(weights.dtype).eps / 100 * weights.detach().amax(dim=1, keepdim=True)
    return torch.where(weights > negligible, weights, 0.0)
