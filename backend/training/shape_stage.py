"""Training fields of signed distance on samples."""

from collections.abc import Iterator

import torch
from torch import Tensor

from facetalk.head.anchored_networks import AnchoredNetworks
from facetalk.head.head import MILLIMETRES
from training.shape_samples import ShapeSamples

HELD_OUT_SHARE = 50  # every fiftieth sample is never trained on
NEAR = 0.008  # head units: samples this near a surface are reported on
FALL_OFF = 0.02  # head units over which the loss cares less and less


class ShapeStage:
    """L1 of the signed distance, weighted to the surface; every sample speaks of one channel."""

    name = "shape"

    def __init__(self, network: AnchoredNetworks, samples: ShapeSamples, points: int, device: torch.device) -> None:
        self.network, self.count, self.device = network, points, device
        self.points = torch.from_numpy(samples.points).to(device)
        self.channel = torch.from_numpy(samples.channel).to(device)
        self.distance = torch.from_numpy(samples.distance).to(device)
        every = torch.arange(len(self.points), device=device)
        self.train, self.held_out = every[every % HELD_OUT_SHARE > 0], every[every % HELD_OUT_SHARE == 0]

    def losses(self, step: int) -> Iterator[Tensor]:
        """Losses of random batches, from a step on."""
        generator = torch.Generator().manual_seed(step)
        while True:
            drawn = torch.randint(len(self.train), (self.count,), generator=generator)
            rows = self.train[drawn.to(self.device)]
            weight = torch.exp(-self.distance[rows].abs() / FALL_OFF) + 0.05
            yield (self._error(rows) * weight).sum() / weight.sum() * MILLIMETRES

    def _error(self, rows: Tensor) -> Tensor:
        values = self.network(self.points[rows]).gather(1, self.channel[rows, None])[:, 0]
        return (values - self.distance[rows]).abs()

    @torch.no_grad()
    def report(self) -> dict[str, float]:
        """Mean error in mm of samples within 2 mm of a surface, trained on and not."""
        figures = {}
        for name, rows in (("train", self.train[: 4 * self.count]), ("held_out", self.held_out[: 4 * self.count])):
            near = rows[self.distance[rows].abs() < NEAR]
            figures[f"{name}_mm"] = float(self._error(near).mean() * MILLIMETRES)
        return figures
