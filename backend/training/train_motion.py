"""Train the motion model: ``python -m training.train_motion --corpus FOLDER --head BUNDLE --output BUNDLE``.

The learning rate follows a wall-clock budget, so that the same command finishes in the same time on any
machine. The same command resumes a run that was stopped. On several GPUs the command is ``torchrun --nproc-per-node N
-m training.train_motion`` with the same options. See ``docs/training.md``.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from facetalk.errors import UserError
from training.data_parallel import Ranks, training_ranks
from training.motion_checkpoint import begin_from, resume, save
from training.motion_corpus import CodeSpace, MotionCorpus
from training.motion_export import export
from training.motion_recipe import MotionRecipe
from training.motion_training import MotionTraining

log = logging.getLogger(__name__)


def train(training: MotionTraining, run: Path, output: Path) -> dict[str, float]:
    """Train until the wall-clock budget is spent, then evaluate and export.

    Returns:
        the last scores; none on ranks that do not lead.
    """
    settings, ranks = training.settings, training.ranks
    last_save = last_evaluation = training.seconds
    clock = _stopwatch()
    while training.seconds < 60 * settings.minutes:
        loss = training.take_step()
        training.seconds += clock()
        if ranks.lead and (training.step % 20 == 0 or training.step == 1):
            _record(run, {"step": training.step, "seconds": training.seconds, "loss": loss})
        if ranks.lead and training.seconds - last_evaluation > settings.evaluation_seconds:
            last_evaluation = training.seconds
            _record(run, {"step": training.step, "seconds": training.seconds, **training.evaluate()})
        if ranks.lead and training.seconds - last_save > settings.checkpoint_seconds:
            last_save = training.seconds
            save(training, run)
        training.seconds = ranks.leaders(training.seconds + clock())
    if not ranks.lead:
        return {}
    save(training, run)
    quality = training.evaluate()
    _record(run, {"step": training.step, "seconds": training.seconds, **quality})
    export(training, output, quality)
    return quality


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        with training_ranks(options.device) as ranks:
            training = _prepare(options, ranks)
            if not options.export_only:
                train(training, options.run, options.output)
            elif training.step == 0:
                raise UserError(f"{options.run} holds no checkpoint to export: train first.")
            elif ranks.lead:
                export(training, options.output, training.evaluate())
    except UserError as error:
        log.error("%s", error)
        return 1
    return 0


def _prepare(options: argparse.Namespace, ranks: Ranks) -> MotionTraining:
    corpora = [MotionCorpus.load(folder) for folder in options.corpus]
    precision = torch.bfloat16 if ranks.device.type == "cuda" else torch.float32
    recipe = _recipe(options)
    for folder, corpus in zip(options.corpus, corpora, strict=True):
        if corpus.speech.rate != recipe.rate:
            raise UserError(
                f"{folder} was made with {corpus.speech}, but {recipe.name} needs {recipe.rate} per second: make a "
                "corpus with another speech encoder (--speech), or choose another --preset."
            )
    if options.shares is not None and (len(options.shares) != len(corpora) or not min(options.shares) > 0):
        raise UserError("Every corpus needs a share above 0: give as many --shares as corpora.")
    training = MotionTraining(corpora, CodeSpace.load(options.head), recipe, ranks, precision)
    resumed = resume(training, options.run)
    if ranks.leaders(training.step) != training.step:
        raise UserError(
            f"Not every process finds the same checkpoint in {options.run}: choose a folder that all share."
        )
    if resumed:
        return training
    if options.begin_from is not None:
        begin_from(training, options.begin_from)
    else:
        training.start()
    return training


def _recipe(options: argparse.Namespace) -> MotionRecipe:
    """The preset, with what the command line changes of it."""
    recipe = MotionRecipe.load(options.preset)
    sizes = {"width": options.width, "layers": options.layers, "alignment_half_width": options.alignment}
    if options.no_expectation:
        sizes["expects"] = False
    settings = {"minutes": options.minutes, "batch": options.batch, "peak_rate": options.peak_rate}
    if options.shares is not None:
        settings["shares"] = tuple(options.shares)
    return replace(
        recipe,
        denoiser=replace(recipe.denoiser, **_given(sizes)),
        training=replace(recipe.training, seed=options.seed, **_given(settings)),
    )


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.train_motion", description=__doc__)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True, help="corpus folders")
    parser.add_argument("--shares", type=float, nargs="+", help="of the crops, one for every corpus; else by frames")
    parser.add_argument("--head", type=Path, required=True, help="head bundle whose codes are learned")
    parser.add_argument("--output", type=Path, required=True, help="motion bundle to write")
    # torchrun takes --run for the beginning of an option of its own.
    parser.add_argument("--run", "--run-folder", type=Path, default=Path("work/motion_run"), help="checkpoints and log")
    parser.add_argument(
        "--preset", default="facetalk-speech", metavar="NAME", help="of presets/trainings, or a .json file like these"
    )
    parser.add_argument("--minutes", type=float, help="wall-clock budget; what is not said here is the preset's")
    parser.add_argument("--batch", type=int, help="crops per step, on each GPU")
    parser.add_argument("--begin-from", type=Path, help="run or motion bundle whose weights a new run begins with")
    parser.add_argument("--peak-rate", type=float, help="of learning")
    parser.add_argument("--width", type=int, help="of the network")
    parser.add_argument("--layers", type=int, help="of the decoder")
    parser.add_argument("--alignment", type=int, help="half width of the mask")
    parser.add_argument("--no-expectation", action="store_true", help="let the decoder predict all of the motion")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--export-only", action="store_true", help="write the bundle from the run's checkpoint")
    return parser.parse_args(arguments)


def _stopwatch() -> Callable[[], float]:
    """A function that returns the seconds since its last call."""
    last = time.monotonic()

    def lap() -> float:
        nonlocal last
        now = time.monotonic()
        spent, last = now - last, now
        return spent

    return lap


def _record(run: Path, entry: dict[str, Any]) -> None:
    run.mkdir(parents=True, exist_ok=True)
    with (run / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
    log.info("%s", "  ".join(f"{key} {value:.4g}" for key, value in entry.items()))


if __name__ == "__main__":
    sys.exit(main())
