"""Training the identity warp on correspondence."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from facetalk.head.head import MILLIMETRES
from facetalk.head.identity_warp import IdentityWarp
from facetalk.head.split_field import displace
from training.expression_samples import as_tensor
from training.warp_samples import WarpBatch, WarpSamples

REPORTED_IDENTITIES = 8


class WarpStage:
    """The kit's modes are named to the warp's linear fields; random identities teach it what is not linear."""

    name = "warp"

    def __init__(
        self, network: IdentityWarp, samples: WarpSamples, points: int, identities: int, device: torch.device
    ) -> None:
        self.network, self.samples = network, samples
        self.points, self.identities, self.device = points, identities, device
        self.scale = 1.0 / float(np.square(samples.modes).mean())

    def losses(self, step: int) -> Iterator[Tensor]:
        """Losses of random batches, from a step on."""
        while True:
            step += 1
            batch = self.samples.draw(np.random.default_rng([step, 2]), self.points, self.identities)
            yield self._loss(batch)

    def _loss(self, batch: WarpBatch) -> Tensor:
        weight = torch.from_numpy(batch.weight).to(self.device)
        fields, predicted = self._predict(batch)
        modes, displacement = as_tensor(batch.modes).to(self.device), as_tensor(batch.displacement).to(self.device)
        linear = ((fields[: len(modes)] - modes).square().mean(dim=(0, 2)) * weight).mean() * self.scale
        error = (predicted - displacement).norm(dim=-1).mean(dim=0) * MILLIMETRES
        return linear + (error * weight).mean()

    def _predict(self, batch: WarpBatch) -> tuple[Tensor, Tensor]:
        points, parts = torch.from_numpy(batch.points).to(self.device), torch.from_numpy(batch.parts).to(self.device)
        fields = self.network.field.fields(points, parts)
        coefficients = self.network.coefficients(torch.from_numpy(batch.shapes).to(self.device))
        return fields, displace(fields, coefficients)

    @torch.no_grad()
    def report(self) -> dict[str, float]:
        """Mean distance in mm of vertices from where they should be, on training and held-out identities."""
        figures = {}
        for name, first in (("train", 1), ("held_out", self.samples.train)):
            batch = self.samples.on_surface(np.arange(first, min(first + REPORTED_IDENTITIES, self.samples.identities)))
            rows = np.random.default_rng(0).choice(len(batch.points), min(8000, len(batch.points)), replace=False)
            batch = batch.rows(rows)
            error = (self._predict(batch)[1] - as_tensor(batch.displacement).to(self.device)).norm(dim=-1) * MILLIMETRES
            figures[f"{name}_mm"] = float(error.mean())
            figures[f"{name}_skin_mm"] = float(error[:, torch.from_numpy(batch.parts == 0)].mean())
        return figures
