"""Train the neural head: ``python -m training.train_head --data DATA/ict_facekit --output BUNDLE``.

Three networks, each trained on its own: the identity warp and the expression field on vertex correspondence, which
these heads have for free; the shape of the mean head's parts on signed distances. Hair is measured, not trained. They
may train at once in processes of their own (``--stages``). Every stage checkpoints every minute and resumes with the
same command; the bundle is written when no stage is left, or from the latest checkpoints with ``--export-only``.
With ``--begin-from BUNDLE`` networks begin with a published head's weights, and stages that are not trained keep them.
"""

import argparse
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.bundle import write_bundle
from facetalk.errors import UserError
from facetalk.head.anchored_networks import AnchoredNetworks, blend_width
from facetalk.head.head import MEASURING_POINTS
from facetalk.head.head_fields import build_fields
from facetalk.head.identity_field import HAIR_LATTICE
from facetalk.head.teeth import ROWS
from training.begun_head import BegunHead
from training.checkpoint import load_checkpoint
from training.code_tensors import code_tensors
from training.dental_arch import ArchWall, facing_out, on_triangles
from training.expression_samples import CaseCounts, ExpressionCases, as_tensor, sample_rig_weights
from training.expression_stage import ExpressionStage
from training.head_layout import HeadLayout, lay_out
from training.head_training_settings import RECIPES, STAGES, HeadTrainingSettings
from training.ict_heads import IctHeads
from training.rig import RIG_CONTROLS
from training.sculptures import Sculptures, sculpt
from training.shape_samples import Surface, distance_lattices, draw_shape_samples, spread_anchors
from training.shape_stage import ShapeStage
from training.training_heads import BOX, BROWS, CODE_SIZE_IDENTITY, PARTS, TrainingHeads, identity_code
from training.training_run import TrainingRun, last_lines
from training.warp_samples import WarpSamples
from training.warp_stage import WarpStage

Array = NDArray[np.float64]

log = logging.getLogger(__name__)


class HeadTraining:
    """One run: its data, its networks, its folder."""

    def __init__(
        self,
        heads: TrainingHeads,
        layout: HeadLayout,
        sculpt: Callable[[], Sculptures],
        folder: Path,
        settings: HeadTrainingSettings,
        device: torch.device,
    ) -> None:
        self.heads, self.layout, self.folder, self.settings, self.device = heads, layout, folder, settings, device
        self._sculpt = sculpt
        self.begun: BegunHead | None = None
        self.mean_with: str | None = None
        self.mean = heads.canonical(identity_code(0), heads.calibrate(identity_code(0)))
        self.config = self._config()
        torch.manual_seed(0)
        self.identity_field, self.expression_field = build_fields(self.config)
        self._place_anchors()
        self.identity_field.to(device)
        self.expression_field.to(device)

    @cached_property
    def sculptures(self) -> Sculptures:
        """Brows and hair on the mean head."""
        return self._sculpt()

    def _config(self) -> dict[str, Any]:
        settings = self.settings
        anchors = ("anchors", "shape_anchors")
        widths = ("warp_hidden", "shape_hidden", "expression_hidden")
        return {
            "parts": [*PARTS, BROWS],
            "moves_with": [*range(len(PARTS)), 0],
            "hair_styles": list(self.sculptures.hair),
            "box": BOX.tolist(),
            "shape_size": CODE_SIZE_IDENTITY,
            "expression_size": int(self.layout.rig_to_code.shape[1]),
            "sizes": {name: getattr(settings, name) for name in (*anchors, *widths)},
            "landmarks": list(self.layout.landmarks),
            "arches": {row: wall.frame._asdict() for row, wall in self.arches().items()},
            "rim_lines": {name: rims.line for name, rims in self.layout.rims.items()},
            "measuring_points": list(MEASURING_POINTS),
            "rig_controls": list(RIG_CONTROLS),
        }

    def _place_anchors(self) -> None:
        """Put every network's anchors where its work is."""
        inside = np.all((self.mean > BOX[0]) & (self.mean < BOX[1]), axis=1) & (self.layout.importance > 0.0)
        points = self.mean[inside]
        # Lips and lids count more, and the face more than the skull.
        density = self.layout.importance[inside] ** 0.25 * np.where(points[:, 2] > 0.0, 1.6, 1.0)
        field = self.identity_field
        for networks, anchors in (
            (field.warp.field.trunk, spread_anchors(points, density, self.settings.anchors)),
            (self.expression_field.field.trunk, spread_anchors(points, density, self.settings.anchors)),
            (field.shape, spread_anchors(points, density, self.settings.shape_anchors)),
        ):
            _place(networks, anchors)
        field.part_boxes.copy_(_boxes(self.surfaces()))
        styles = list(self.sculptures.hair.values())
        field.hair_boxes.copy_(_boxes(styles))
        boxes = field.hair_lattice_boxes().double().numpy()
        lattice = distance_lattices(self.folder / "hair_lattices.safetensors", styles, boxes, HAIR_LATTICE)
        field.hair_lattice.copy_(torch.from_numpy(lattice))

    def arches(self) -> dict[str, ArchWall]:
        """The mean head's rows of teeth as walls."""
        fronts = {row: facing_out(self.mean, self.heads.triangles_of[row]) for row in ROWS}
        return {row: ArchWall.of(on_triangles(self.mean, front)).chamfered() for row, front in fronts.items()}

    def surfaces(self) -> list[Surface]:
        """The parts of the mean head, brows last."""
        importance = self.layout.importance
        parts = [Surface(self.mean, self.heads.triangles_of[part], importance) for part in PARTS]
        return [*(surface.compact() for surface in parts), self.sculptures.brows]

    def stage(self, name: str) -> WarpStage | ShapeStage | ExpressionStage:
        """A stage with its data."""
        if name == "warp":
            return self._warp_stage()
        if name == "expression":
            return self._expression_stage()
        return self._shape_stage()

    def _warp_stage(self) -> WarpStage:
        settings = self.settings
        samples = WarpSamples(self.heads, self.layout.importance, settings.identities, settings.held_out, BOX)
        return WarpStage(self.identity_field.warp, samples, settings.warp_points, settings.warp_identities, self.device)

    def _shape_stage(self) -> ShapeStage:
        settings, surfaces = self.settings, self.surfaces()
        counts = [settings.skin_samples] + [settings.part_samples] * (len(surfaces) - 1)
        samples = draw_shape_samples(self.folder / "shape_samples.safetensors", surfaces, counts, BOX)
        return ShapeStage(self.identity_field.shape, samples, settings.shape_points, self.device)

    def _expression_stage(self) -> ExpressionStage:
        settings = self.settings
        counts = CaseCounts(
            settings.identities, settings.held_out, settings.expression_points, settings.expressions_per_case
        )
        cases = ExpressionCases(self.heads, self.layout, counts)
        typical = sample_rig_weights(np.random.default_rng(0), 2000) @ self.layout.rig_to_code
        spread = as_tensor(np.concatenate([[1.0], typical.std(axis=0)])).to(self.device)
        return ExpressionStage(self.expression_field, cases, spread, settings.cases_per_step)

    def begin_from(self, bundle: Path) -> None:
        """Take a published head's networks, hair, and what its codes mean; a checkpoint of this run goes before.

        Raises:
            UserError: the bundle is no whole head, or one of other sizes.
        """
        begun = BegunHead.read(bundle, self.config)
        begun.load(self.identity_field, "identity_field")
        begun.load(self.expression_field, "expression_field")
        self.layout = replace(self.layout, rig_to_code=begun.rig_to_code())
        self.begun = begun

    def run(self, name: str) -> TrainingRun:
        """The run of a stage, its network taken up from the latest checkpoint."""
        field = self.identity_field
        networks = {"warp": field.warp, "shape": field.shape, "expression": self.expression_field}
        return TrainingRun(networks[name], self.folder / name, self.settings.learning_rate, self.settings.steps)

    def take_up(self) -> bool:
        """Take all networks up from their latest checkpoints, and tell whether no stage is left to train.

        None is left where a network is a published head's and has not been trained on.
        """
        runs = {name: self.run(name) for name in STAGES}
        return all(
            run.finished(self.settings.minutes[name]) or (self.begun is not None and run.step == 0)
            for name, run in runs.items()
        )

    def train(self, name: str) -> None:
        """Train a stage to the end of its minutes."""
        run, stage = self.run(name), self.stage(name)
        run.train(stage.losses(run.step), self.settings.minutes[name], stage.report)

    @torch.no_grad()
    def take_mean_with(self, other: Path) -> None:
        """Replace the expression field's weights by the mean of its own and those of a run that began from it.

        Two ends of one descent err on opposite sides, and their mean on neither (Izmailov et al., "Averaging weights
        leads to wider optima and better generalization", 2018).

        Raises:
            UserError: the other run's folder holds no expression field.
        """
        found = load_checkpoint(other / "expression")
        if found is None:
            raise UserError(f"{other} holds no checkpoint of an expression field: give the folder of another run.")
        for name, weights in self.expression_field.named_parameters():
            weights.lerp_(found[0][f"network.{name}"].to(weights), 0.5)
        self.mean_with = other.name

    def export(self, output: Path, notice: str) -> None:
        """Write the head bundle from the networks as they are.

        Raises:
            UserError: a network has neither been trained nor begun from a published head.
        """
        untrained = [name for name in STAGES if load_checkpoint(self.folder / name) is None]
        if untrained and self.begun is None:
            raise UserError(
                f"{self.folder} holds no checkpoint of {', '.join(untrained)}: train these stages first, or give a "
                "published head with --begin-from."
            )
        tensors = code_tensors(self.heads, self.layout)
        landmarks = np.array(list(self.layout.landmarks.values()))
        tensors["landmarks"] = as_tensor(self.mean[landmarks])
        tensors["eyeballs"] = as_tensor(self.mean[self.layout.eyeballs])
        tensors["gaze"] = as_tensor(self.layout.gaze)
        tensors |= {f"rims.{name}": as_tensor(self.mean[rims.vertices]) for name, rims in self.layout.rims.items()}
        tensors |= {f"arches.{row}": as_tensor(wall.radius) for row, wall in self.arches().items()}
        for name, network in (("identity_field", self.identity_field), ("expression_field", self.expression_field)):
            # Where things are stays float32: in half precision an anchor is off by up to 0.06 mm.
            for key, value in network.state_dict().items():
                exact = key.endswith(("anchors", "radius", "boxes"))
                tensors[f"{name}.{key}"] = value if exact else value.half()
        write_bundle(
            output,
            kind="head",
            name="FaceTalk head",
            config=self.config,
            tensors=tensors,
            licence="MIT",
            attributions=["Trained on ICT-FaceKit (light), (c) 2020 USC Institute for Creative Technologies, MIT."],
            training={
                "settings": asdict(self.settings),
                "log": last_lines(self.folder, STAGES),
                "expression_mean_with": self.mean_with,
                "begun_from": None if self.begun is None else self.begun.record,
            },
            texts={"LICENSE-ICT-FaceKit.txt": notice},
        )


def _boxes(surfaces: list[Surface]) -> Tensor:
    return as_tensor(np.array([[each.vertices.min(axis=0), each.vertices.max(axis=0)] for each in surfaces]))


def _place(networks: AnchoredNetworks, anchors: Array) -> None:
    networks.anchors.copy_(as_tensor(anchors))
    networks.radius.copy_(blend_width(networks.anchors))


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train the neural head and write its bundle.")
    parser.add_argument("--data", type=Path, required=True, help="folder with ict_light.npz and its LICENSE")
    parser.add_argument("--output", type=Path, required=True, help="bundle to write")
    parser.add_argument("--run", type=Path, default=Path("work/head_run"), help="folder of samples and checkpoints")
    parser.add_argument("--recipe", choices=RECIPES, help="how long every stage trains; by the device if not given")
    parser.add_argument("--stages", nargs="*", choices=STAGES, default=STAGES, help="stages to train now")
    parser.add_argument("--begin-from", type=Path, metavar="BUNDLE", help="published head whose weights to begin with")
    parser.add_argument("--scale", type=float, default=1.0, help="of the recipe's minutes")
    parser.add_argument("--learning-rate", type=float, default=HeadTrainingSettings.learning_rate, help="its highest")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--mean-with", type=Path, metavar="RUN", help="export the mean of both expression fields")
    parser.add_argument("--export-only", action="store_true", help="write the bundle from the latest checkpoints")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    recipe = options.recipe or ("cpu" if options.device == "cpu" else "gpu")
    minutes = {name: options.scale * each for name, each in RECIPES[recipe].items()}
    settings = HeadTrainingSettings(recipe=recipe, minutes=minutes, learning_rate=options.learning_rate)
    heads = IctHeads.load(options.data)
    device = torch.device(options.device)
    training = HeadTraining(heads, lay_out(heads), lambda: sculpt(heads, options.run), options.run, settings, device)
    if options.begin_from is not None:
        training.begin_from(options.begin_from)
    if not options.export_only:
        for name in options.stages:
            training.train(name)
    finished = training.take_up()
    if options.export_only or finished:
        if options.mean_with is not None:
            training.take_mean_with(options.mean_with)
        training.export(options.output, (options.data / "LICENSE").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
