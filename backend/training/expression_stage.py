"""Training the expression field on correspondence."""

from collections.abc import Iterator

import torch
from torch import Tensor

from facetalk.head.expression_field import ExpressionField
from facetalk.head.head import MILLIMETRES
from facetalk.head.split_field import displace
from training.expression_samples import ExpressionCase, ExpressionCases

REPORTED_CASES = 12


class ExpressionStage:
    """Weighted error of the displacement of vertices, and of the linear fields, which are known as well."""

    name = "expression"

    def __init__(
        self, network: ExpressionField, cases: ExpressionCases, code_spread: Tensor, cases_per_step: int
    ) -> None:
        self.network, self.cases, self.cases_per_step = network, cases, cases_per_step
        self.device = code_spread.device
        self.code_spread = code_spread

    def losses(self, step: int) -> Iterator[Tensor]:
        """Losses of random cases, from a step on."""
        while True:
            first = step * self.cases_per_step
            step += 1
            cases = [self.cases.train(first + index) for index in range(self.cases_per_step)]
            yield torch.stack([self._loss(case) for case in cases]).mean()

    def _loss(self, case: ExpressionCase) -> Tensor:
        fields, predicted = self._predict(case)
        weight = case.weight.to(self.device)
        known = case.linear_fields.to(self.device)
        error = (predicted - case.displacement.to(self.device)).norm(dim=-1).mean(dim=0)
        # Naming the linear fields teaches the trunk far more per step than poses alone.
        linear = ((fields[: len(known)] - known) * self.code_spread[:, None, None]).norm(dim=0).mean(dim=-1)
        return ((error + linear) * weight).mean() * MILLIMETRES

    def _predict(self, case: ExpressionCase) -> tuple[Tensor, Tensor]:
        """The trunk's fields ``[K, N, 3]`` and the displacements ``[T, N, 3]`` of a case."""
        code, points, parts = (each.to(self.device) for each in (case.code, case.points, case.parts))
        fields = self.network.fields(points, parts, code)
        return fields, displace(fields, self.network.coefficients(case.expressions.to(self.device), code))

    @torch.no_grad()
    def report(self) -> dict[str, float]:
        """Mean error in mm on identities and expressions never trained on: everywhere, and on lips and lids."""
        everywhere, rims = [], []
        for number in range(REPORTED_CASES):
            case = self.cases.held_out(number)
            error = (self._predict(case)[1] - case.displacement.to(self.device)).norm(dim=-1) * MILLIMETRES
            everywhere.append(error.mean())
            rims.append(error[:, case.weight.to(self.device) >= case.weight.max()].mean())
        return {
            "held_out_mm": float(torch.stack(everywhere).mean()),
            "held_out_rims_mm": float(torch.stack(rims).mean()),
        }
