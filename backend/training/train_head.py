"""Train the neural head: ``python -m training.train_head --data DATA/ict_facekit --output BUNDLE``.

Two networks, trained one after the other against the clock: the identity field on signed-distance samples of canonical
heads, the expression field on vertex correspondence, which these heads have for free. Both stages checkpoint every
minute and resume with the same command. The bundle is written at the end, or from the latest checkpoint with
``--export-only``.
"""

import argparse
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.bundle import write_bundle
from facetalk.head.expression_field import displace
from facetalk.head.head import MEASURING_POINTS, align, build_fields, sample_identity_code
from training.expression_samples import CaseCounts, ExpressionCase, ExpressionCases, as_tensor, sample_rig_weights
from training.head_layout import HeadLayout, lay_out, linear_fit
from training.head_samples import BOX, SampleCounts, draw_samples, load_samples
from training.ict_heads import IctHeads
from training.rig import RIG_CONTROLS
from training.training_heads import CODE_SIZE_IDENTITY, PARTS, TrainingHeads
from training.training_run import TrainingRun

Array = NDArray[np.float64]

log = logging.getLogger(__name__)

LINEAR_FIT_HEADS = 150  # random heads that anchors and landmarks are fitted to
# Seeds of the identities that come with the bundle, chosen by eye among the first twenty to differ.
NAMED_IDENTITIES = {
    **{"bela": 2, "dora": 5, "emil": 8, "goran": 9, "hanna": 18, "ines": 4, "jun": 15, "kofi": 10},
    **{"lena": 12, "otto": 14},
}


@dataclass(frozen=True)
class HeadTrainingSettings:
    """What a run is made of. Both stages train for minutes, or, if ``steps`` is given, for so many steps each."""

    identities: int = 120
    held_out: int = 8
    samples: SampleCounts = field(default_factory=SampleCounts)
    identity_minutes: float = 20.0
    expression_minutes: float = 15.0
    identities_per_step: int = 4
    points_per_identity: int = 2048
    expressions_per_identity: int = 24
    learning_rate: float = 2e-3
    steps: int | None = None
    workers: int = 2
    identity_hidden: int = 96
    expression_hidden: int = 256


class HeadTraining:
    """One run: its data, its networks, its folder."""

    def __init__(
        self,
        load: Callable[[], TrainingHeads],
        layout: HeadLayout,
        folder: Path,
        settings: HeadTrainingSettings,
        device: torch.device,
    ) -> None:
        self.load, self.layout, self.folder, self.settings, self.device = load, layout, folder, settings, device
        self.heads = load()
        generator = np.random.default_rng(0)
        # Anchors and landmarks, one fit for both: posing the random heads is what costs.
        fitted = np.concatenate([layout.anchors, np.array(list(layout.landmarks.values()))])
        mean, modes = linear_fit(self.heads, fitted, LINEAR_FIT_HEADS, generator)
        anchors = len(layout.anchors)
        self.landmark_mean, self.landmark_modes = mean[anchors:], modes[:, anchors:]
        self.config = self._config()
        counts = CaseCounts(
            settings.identities, settings.held_out, settings.points_per_identity, settings.expressions_per_identity
        )
        self.cases = ExpressionCases(self.heads, layout, counts)
        torch.manual_seed(0)
        self.identity_field, self.expression_field = build_fields(self.config)
        self.identity_field.anchor_mean.data = as_tensor(mean[:anchors])
        self.identity_field.anchor_modes.data = as_tensor(modes[:, :anchors])
        self.identity_field.to(device)
        self.expression_field.to(device)
        typical = sample_rig_weights(generator, 2000) @ layout.rig_to_code
        self.code_spread = as_tensor(np.concatenate([[1.0], typical.std(axis=0)])).to(device)

    def _config(self) -> dict[str, Any]:
        settings, layout = self.settings, self.layout
        return {
            "parts": list(PARTS),
            "box": [list(corner) for corner in BOX],
            "identity_size": CODE_SIZE_IDENTITY,
            "expression_size": int(layout.rig_to_code.shape[1]),
            "anchors": len(layout.anchors),
            "anchor_pairs": layout.anchor_pairs,
            "identity_field": {"hidden": settings.identity_hidden},
            "expression_field": {"hidden": settings.expression_hidden},
            "landmarks": list(layout.landmarks),
            "identities": ["average", *NAMED_IDENTITIES],
            "measuring_points": list(MEASURING_POINTS),
            "rig_controls": list(RIG_CONTROLS),
        }

    def run(self, stage: str) -> TrainingRun:
        """The run of a stage, ``identity`` or ``expression``, its network taken up from the latest checkpoint."""
        network = self.identity_field if stage == "identity" else self.expression_field
        return TrainingRun(network, self.folder / stage, self.settings.learning_rate, self.settings.steps)

    def train_identity(self) -> None:
        """Fit the identity field: L1 of the signed distance, weighted to the surface."""
        counts = self.settings.samples
        files = draw_samples(
            self.load,
            self.layout.importance,
            self.folder / "samples",
            self.settings.identities,
            counts,
            self.settings.workers,
        )
        sets = [{name: torch.from_numpy(array) for name, array in load_samples(file).items()} for file in files]
        train, held_out = sets[: -self.settings.held_out], sets[-self.settings.held_out :]
        generator = torch.Generator().manual_seed(0)

        def batches() -> Iterator[Tensor]:
            while True:
                yield self._identity_loss(train, generator)

        def report() -> dict[str, float]:
            fixed = torch.Generator().manual_seed(1)
            return {
                "train_mm": self._distance_error(train[: self.settings.held_out], fixed),
                "held_out_mm": self._distance_error(held_out, fixed),
            }

        run = self.run("identity")
        run.train(batches(), self.settings.identity_minutes, report)

    def train_expression(self) -> None:
        """Fit the expression field: weighted L1 of the displacement of kit vertices."""
        generator = np.random.default_rng(0)

        def batches() -> Iterator[Tensor]:
            while True:
                yield self._expression_loss(self.cases, generator)

        run = self.run("expression")
        run.train(batches(), self.settings.expression_minutes, self.displacement_error)

    def _identity_loss(self, sets: list[dict[str, Tensor]], generator: torch.Generator) -> Tensor:
        codes, points, distances = self._draw(sets, self.settings.identities_per_step, generator)
        known = ~distances.isnan()
        target = torch.where(known, distances, 0.0)
        weight = known * (torch.exp(-target.abs() / 0.02) + 0.05)
        error = (self.identity_field(points, codes) - target).abs()
        return (error * weight).sum() / weight.sum()

    def _draw(
        self, sets: list[dict[str, Tensor]], identities: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        chosen = torch.randint(len(sets), (identities,), generator=generator).tolist()
        count = self.settings.points_per_identity
        rows = [torch.randint(len(sets[i]["points"]), (count,), generator=generator) for i in chosen]
        codes = torch.stack([sets[i]["code"] for i in chosen])
        points = torch.stack([sets[i]["points"][row] for i, row in zip(chosen, rows, strict=True)])
        distances = torch.stack([sets[i]["distances"][row] for i, row in zip(chosen, rows, strict=True)])
        return codes.to(self.device), points.to(self.device), distances.to(self.device)

    @torch.no_grad()
    def _distance_error(self, sets: list[dict[str, Tensor]], generator: torch.Generator) -> float:
        """Mean error in mm of samples within 2 mm of a surface."""
        codes, points, distances = self._draw(sets, 8, generator)
        near = distances.abs() < 0.008
        return float((self.identity_field(points, codes) - distances)[near].abs().mean() * 250.0)

    def _expression_loss(self, cases: ExpressionCases, generator: np.random.Generator) -> Tensor:
        losses = []
        for _ in range(self.settings.identities_per_step // 2):
            case = cases.draw(generator)
            fields, predicted = self._displacements(case)
            weight = case.weight.to(self.device)[:, None]
            known = case.linear_fields.to(self.device)
            spread = self.code_spread[:, None, None]
            losses.append(((predicted - case.displacement.to(self.device)).abs() * weight).mean())
            # The linear fields are known too: naming them teaches the trunk far more per step than poses alone.
            linear = (fields[: len(known)] - known) * spread
            losses.append((linear.abs() * weight).sum(dim=0).mean())
        return torch.stack(losses).sum()

    def _displacements(self, case: ExpressionCase) -> tuple[Tensor, Tensor]:
        """The trunk's fields ``[K, N, 3]`` and the displacements ``[T, N, 3]`` of a case."""
        code, points, parts = (each.to(self.device) for each in (case.code, case.points, case.parts))
        with torch.no_grad():
            aligned = align(self.identity_field, points[None], code[None])[0]
        fields = self.expression_field.fields(points, aligned, parts, code)
        coefficients = self.expression_field.coefficients(case.expressions.to(self.device), code)
        return fields, displace(fields, coefficients)

    @torch.no_grad()
    def displacement_error(self) -> dict[str, float]:
        """Mean error in mm on identities and expressions never trained on: everywhere, and on lips and lids."""
        cases, generator = self.cases, np.random.default_rng(1)
        everywhere, rims = [], []
        for _ in range(8):
            case = cases.draw(generator, held_out=True)
            predicted = self._displacements(case)[1]
            error = (predicted - case.displacement.to(self.device)).norm(dim=-1) * 250.0
            everywhere.append(error.mean())
            rims.append(error[:, case.weight.to(self.device) >= case.weight.max()].mean())
        return {
            "held_out_mm": float(torch.stack(everywhere).mean()),
            "held_out_rims_mm": float(torch.stack(rims).mean()),
        }

    def export(self, output: Path, notice: str) -> None:
        """Write the head bundle from the networks as they are."""
        tensors: dict[str, Tensor] = {
            "landmark_mean": as_tensor(self.landmark_mean),
            "landmark_modes": as_tensor(self.landmark_modes),
            "identities": _named_identities(),
            **self._code_tensors(),
        }
        for name, network in (("identity_field", self.identity_field), ("expression_field", self.expression_field)):
            # Anchors stay float32: a half-precision anchor is off by up to 0.06 mm.
            for key, value in network.state_dict().items():
                tensors[f"{name}.{key}"] = value if key.startswith("anchor") else value.half()
        write_bundle(
            output,
            kind="head",
            name="FaceTalk head",
            config=self.config,
            tensors=tensors,
            licence="MIT",
            attributions=["Trained on ICT-FaceKit (light), (c) 2020 USC Institute for Creative Technologies, MIT."],
            training={"settings": asdict(self.settings), "log": _last_reports(self.folder)},
            texts={"LICENSE-ICT-FaceKit.txt": notice},
        )

    def _code_tensors(self) -> dict[str, Tensor]:
        """What expression codes mean: maps to and from rig weights, and to the mean head's measuring points."""
        heads, layout = self.heads, self.layout
        average = np.zeros(CODE_SIZE_IDENTITY)
        calibration = heads.calibrate(average)
        to_rig = np.linalg.pinv(layout.rig_to_code)
        moved = heads.linear_controls(average, calibration, layout.measuring_points)
        rest = heads.pose(average, calibration, np.zeros((1, len(RIG_CONTROLS))))[0]
        left, right = layout.outer_eyes
        return {
            "rig_to_code": as_tensor(layout.rig_to_code),
            "code_to_rig": as_tensor(to_rig),
            "code_to_points": as_tensor(np.tensordot(to_rig, moved, axes=1)),
            "points_rest": as_tensor(rest[layout.measuring_points]),
            "eye_distance": torch.tensor(float(np.linalg.norm(rest[left] - rest[right]))),
        }


def _last_reports(folder: Path) -> dict[str, Any]:
    reports = {}
    for stage in ("identity", "expression"):
        path = folder / stage / "log.jsonl"
        if path.exists():
            reports[stage] = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
    return reports


def _named_identities() -> Tensor:
    codes = [sample_identity_code(seed, CODE_SIZE_IDENTITY) for seed in NAMED_IDENTITIES.values()]
    return torch.stack([torch.zeros(CODE_SIZE_IDENTITY), *codes])


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train the neural head and write its bundle.")
    parser.add_argument("--data", type=Path, required=True, help="folder with ict_light.npz and its LICENSE")
    parser.add_argument("--output", type=Path, required=True, help="bundle to write")
    parser.add_argument("--run", type=Path, default=Path("work/head_run"), help="folder of samples and checkpoints")
    parser.add_argument("--identities", type=int, default=HeadTrainingSettings.identities)
    parser.add_argument("--identity-minutes", type=float, default=HeadTrainingSettings.identity_minutes)
    parser.add_argument("--expression-minutes", type=float, default=HeadTrainingSettings.expression_minutes)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--export-only", action="store_true", help="write the bundle from the latest checkpoints")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = HeadTrainingSettings(
        identities=options.identities,
        identity_minutes=options.identity_minutes,
        expression_minutes=options.expression_minutes,
    )
    load = partial(IctHeads.load, options.data)
    training = HeadTraining(load, lay_out(load()), options.run, settings, torch.device(options.device))
    if options.export_only:
        training.run("identity")
        training.run("expression")
    else:
        training.train_expression()
        training.train_identity()
    training.export(options.output, (options.data / "LICENSE").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
