"""What each of two ranks does in `test_data_parallel`: ``torchrun ... two_ranks.py CORPUS HEAD RESULTS``.

Without results to write, the second rank fails before its first step, and the first one waits for it.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.training.tiny_motion import tiny_recipe
from training.data_parallel import Ranks, training_ranks
from training.motion_corpus import CodeSpace, MotionCorpus
from training.motion_training import MotionTraining

STEPS = 3


def prepared(corpus: Path, head: Path, ranks: Ranks) -> MotionTraining:
    """A run that trains expectation and decoder."""
    recipe, space = tiny_recipe(expects=True), CodeSpace.load(head)
    recipe = replace(recipe, training=replace(recipe.training, expectation_steps=0))
    training = MotionTraining([MotionCorpus.load(corpus)], space, recipe, ranks, torch.float32)
    training.start()
    return training


def train(corpus: Path, head: Path, results: Path | None = None) -> None:
    """Write each rank's gradients of the first step, its weights after the last, and what it takes for the time."""
    with training_ranks("cpu") as ranks:
        training = prepared(corpus, head, ranks)
        if results is None and not ranks.lead:
            sys.exit(1)
        training.take_step()
        parameters = list(training.network.parameters())
        tensors = {f"gradient{place}": each.grad for place, each in enumerate(parameters) if each.grad is not None}
        tensors = {name: each.clone() for name, each in tensors.items()}
        for _ in range(STEPS - 1):
            training.take_step()
        tensors |= {f"weight{place}": each.detach() for place, each in enumerate(parameters)}
        tensors["seconds"] = torch.tensor(ranks.leaders(10.0 + ranks.own))
        assert results is not None
        save_file(tensors, results / f"rank{ranks.own}.safetensors")


if __name__ == "__main__":
    train(*map(Path, sys.argv[1:]))
