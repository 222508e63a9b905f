"""A run of training the motion model on disk: saved, gone on with, or begun from."""

import logging
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from facetalk.bundle import read_bundle, read_manifest
from facetalk.errors import UserError
from facetalk.motion.denoiser import DenoiserConfig
from training.checkpoint import load_checkpoint, save_checkpoint
from training.motion_corpus import CorpusStatistics
from training.motion_training import MotionTraining

log = logging.getLogger(__name__)

OPTIMISER_STATE = ("exp_avg", "exp_avg_sq", "step")


def save(training: MotionTraining, folder: Path) -> None:
    """Write a checkpoint."""
    tensors = {f"network.{name}": each for name, each in training.network.state_dict().items()}
    tensors |= {f"averaged.{name}": each for name, each in training.averaged.state_dict().items()}
    tensors |= {f"statistics.{name}": each for name, each in vars(training.statistics).items()}
    for name, parameter in training.network.named_parameters():
        for kind in OPTIMISER_STATE:
            if parameter in training.optimiser.state:
                tensors[f"{kind}.{name}"] = training.optimiser.state[parameter][kind]
    state = {
        "step": training.step,
        "seconds": training.seconds,
        "before": training.before,
        "denoiser": asdict(training.network.config),
    }
    save_checkpoint(folder, tensors, state)


def resume(training: MotionTraining, folder: Path) -> bool:
    """Continue from a folder's checkpoint; false where there is none.

    Raises:
        UserError: the checkpoint is of a network of other sizes.
    """
    found = load_checkpoint(folder)
    if found is None:
        return False
    tensors, state = found
    if DenoiserConfig(**state["denoiser"]) != training.network.config:
        raise UserError(f"{folder} holds a run of other sizes: choose another --run folder or remove it.")
    for part in ("network", "averaged"):
        module = getattr(training, part)
        module.load_state_dict(_section(tensors, part))
    training.statistics = CorpusStatistics(
        **{name: each.to(training.device) for name, each in _section(tensors, "statistics").items()}
    )
    training.step, training.seconds, training.before = state["step"], state["seconds"], state.get("before", [])
    for name, parameter in training.network.named_parameters():
        if f"exp_avg.{name}" in tensors:
            state = {kind: tensors[f"{kind}.{name}"] for kind in OPTIMISER_STATE}
            # Adam counts on the CPU.
            training.optimiser.state[parameter] = {
                kind: each if kind == "step" else each.to(training.device) for kind, each in state.items()
            }
    return True


def begin_from(training: MotionTraining, folder: Path) -> None:
    """Begin a run of its own with what fits of others' weights; a network of other sizes takes over less.

    Ears, gestures and expectation are learned anew in the first phases; normalisation is that of this run's data.

    Args:
        training: the run that begins.
        folder: another run's, or a motion bundle.

    Raises:
        UserError: the folder holds neither.
    """
    given, training.before = _trained_weights(folder)
    anew: tuple[str, ...] = ()
    if training.network.expectation is not None:
        # The answer of a decoder without expectation is all of the motion, not a correction of it.
        leaves = () if "expectation.context.weight" in given else ("leave.",)
        anew = ("audio.", "gestures.", "expectation.", *leaves)
    own = training.network.state_dict()
    fitting = {
        name: each
        for name, each in given.items()
        if name in own and own[name].shape == each.shape and not name.startswith(anew)
    }
    log.info("%d of %d tensors taken over from %s", len(fitting), len(own), folder)
    training.network.load_state_dict({**own, **fitting})
    training.start()


def _trained_weights(folder: Path) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
    """The weights in a folder, and steps and seconds of all the runs that made them."""
    found = load_checkpoint(folder)
    if found is not None:
        tensors, state = found
        earlier = state.get("before", [])
        return _section(tensors, "averaged"), [*earlier, _spent(state["step"], state["seconds"])]
    if not (folder / "manifest.json").exists():
        raise UserError(f"{folder} holds neither a checkpoint nor a motion bundle to begin from: train that run first.")
    weights = read_bundle(folder, "motion").section("denoiser")
    training = read_manifest(folder)["training"]
    return weights, [*training["begun_from"], _spent(training["steps"], training["seconds"])]


def _spent(steps: int, seconds: float) -> dict[str, float]:
    return {"steps": steps, "seconds": round(seconds)}


def _section(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    start = name + "."
    return {key[len(start) :]: tensor for key, tensor in tensors.items() if key.startswith(start)}
