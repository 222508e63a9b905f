"""What each part of the motion model is good for: equally short trainings, each without one part.

    python -m training.motion_ablations --corpus work/speech_corpus work/grid_lips --shares 0.4 0.6 \\
        --talkers TALKERS --run work/ablations --steps 250

Every variant is trained from scratch for the same number of steps, and judged as `facetalk evaluate --talkers` does it.
A variant that has its steps in ``--run`` is not trained again.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from facetalk import presets
from facetalk.animate import Animator
from facetalk.errors import UserError
from facetalk.evaluation.report import (
    COLUMNS,
    TalkerScores,
    evaluate_talkers,
    median_values,
    read_recordings,
    score_values,
)
from facetalk.head.head import Head
from facetalk.motion.denoiser import FilmNorm
from facetalk.speech.speech_encoder import encoder_for
from facetalk.take import TakeSettings
from facetalk.topology.template import Template
from training.data_parallel import Ranks
from training.motion_checkpoint import resume, save
from training.motion_corpus import CodeSpace, MotionCorpus
from training.motion_recipe import MotionRecipe
from training.motion_training import MotionTraining

log = logging.getLogger(__name__)

CHECKPOINT_STEPS = 100


@dataclass(frozen=True)
class Ablation:
    """One variant.

    Attributes:
        name: what is left out.
        change: of the recipe.
        corpora: how many of the corpora, from the first on, are kept; ``None``: all.
        film: whether diffusion time and style modulate the layers.
    """

    name: str
    change: Callable[[MotionRecipe], MotionRecipe] = lambda recipe: recipe
    corpora: int | None = None
    film: bool = True


def _denoiser(**changes: object) -> Callable[[MotionRecipe], MotionRecipe]:
    return lambda recipe: replace(recipe, denoiser=replace(recipe.denoiser, **changes))  # type: ignore[arg-type]


def _training(**changes: object) -> Callable[[MotionRecipe], MotionRecipe]:
    return lambda recipe: replace(recipe, training=replace(recipe.training, **changes))  # type: ignore[arg-type]


ABLATIONS = (
    Ablation("all parts"),
    Ablation("no expectation", _denoiser(expects=False)),
    Ablation("not told of gestures", _denoiser(gesture_width=0)),
    Ablation("spread not restored", _training(most_gain=1.0)),
    Ablation("no alignment mask", _denoiser(alignment_half_width=1_000_000)),
    Ablation("no FiLM", film=False),
    Ablation("no augmentation", _training(scale=(1.0, 1.0), feature_noise=0.0, feature_dropout=0.0)),
    Ablation("languages as they come", _training(language_power=1.0)),
    Ablation("no recorded lips", corpora=1),
)


def prepare(ablation: Ablation, corpora: list[MotionCorpus], recipe: MotionRecipe, head: Path) -> MotionTraining:
    """The training of a variant, from scratch."""
    kept = corpora[: ablation.corpora]
    changed = ablation.change(recipe)
    if len(kept) < len(corpora):
        changed = replace(changed, training=replace(changed.training, shares=None))
    alone = Ranks(torch.device("cpu"))
    training = MotionTraining(kept, CodeSpace.load(head), changed, alone, torch.float32)
    if not ablation.film:
        for module in training.network.modules():
            if isinstance(module, FilmNorm):
                module.film.requires_grad_(requires_grad=False)  # it begins as none
    return training


def train(training: MotionTraining, folder: Path, steps: int) -> None:
    """Train from where the folder stands: what is learned first, then so many steps of the decoder.

    Rates fall by steps, not by the clock.
    """
    if not resume(training, folder):
        training.start()
    while (taken := training.decoder_steps) < steps:
        # The decoder's rate falls by the share of the minutes that is spent.
        training.seconds = 60 * training.settings.minutes * taken / steps
        training.take_step()
        if training.step % CHECKPOINT_STEPS == 0 or training.decoder_steps == steps:
            save(training, folder)


def judge(training: MotionTraining, talkers: Path, takes: int) -> list[float]:
    """Medians over recordings of what ``COLUMNS`` lists, and the ratio of spreads of upper face and lips."""
    device = torch.device("cpu")
    model = training.model()
    model.denoiser.eval()
    head = Head.load(presets.preset(presets.HEAD), device)
    template = Template.load(presets.preset(presets.TOPOLOGY))
    animator = Animator(encoder_for(model.speech, device), model, head, template)
    recordings = read_recordings(talkers)
    scores = evaluate_talkers(animator, recordings, takes, lambda name, _: log.debug("%s", name), TakeSettings())
    return [*median_values([_take(each) for each in scores]), _ratio(scores)]


def _take(scores: TalkerScores) -> list[float]:
    return median_values([score_values(score) for score in scores.takes])


def _ratio(scores: list[TalkerScores]) -> float:
    lips, upper_face = np.median([each.spread for each in scores], axis=0)
    return float(upper_face / lips)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line of a Markdown table for every variant; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.motion_ablations", description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, nargs="+", required=True, help="corpora, synthetic ones first")
    parser.add_argument("--shares", type=float, nargs="+", required=True, help="of the crops, one for every corpus")
    parser.add_argument("--talkers", type=Path, required=True, help="recordings with tracked lips")
    parser.add_argument("--head", type=Path, default=presets.preset(presets.HEAD), help="head bundle")
    parser.add_argument("--run", type=Path, default=Path("work/ablations"), help="folder of checkpoints")
    parser.add_argument("--steps", type=int, default=250, help="of every variant's decoder")
    parser.add_argument("--takes", type=int, default=2, help="of every recording")
    parser.add_argument("--only", nargs="+", choices=[each.name for each in ABLATIONS], help="variants (default all)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        corpora = [MotionCorpus.load(folder) for folder in options.corpus]
        recipe = MotionRecipe.load("facetalk-speech")
        recipe = replace(recipe, training=replace(recipe.training, shares=tuple(options.shares)))
        names = [name.replace("\n", " ") for name in COLUMNS]
        sys.stdout.write(f"| | {' | '.join(names)} | ratio |\n| {'--- | ' * (len(names) + 2)}\n")
        for ablation in ABLATIONS:
            if options.only is None or ablation.name in options.only:
                training = prepare(ablation, corpora, recipe, options.head)
                train(training, options.run / ablation.name.replace(" ", "_"), options.steps)
                values = judge(training, options.talkers, options.takes)
                sys.stdout.write(f"| {ablation.name} | {' | '.join(f'{value:.2f}' for value in values)} |\n")
                sys.stdout.flush()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
