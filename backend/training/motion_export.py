"""The bundle that a run of training the motion model ends in."""

from dataclasses import asdict
from pathlib import Path

from facetalk.bundle import write_bundle
from training.motion_training import MotionTraining
from training.rig import RIG_CONTROLS

LICENCE = "MIT"


def export(training: MotionTraining, folder: Path, quality: dict[str, float]) -> None:
    """Write the moving average as a motion bundle, weights in float16."""
    tensors = {f"denoiser.{name}": each.half() for name, each in training.averaged.state_dict().items()}
    # Statistics stay in float32: a speech channel's may be beyond what float16 holds.
    for name, each in training.averaged.named_buffers():
        tensors[f"denoiser.{name}"] = each
    tensors["code_mean"] = training.statistics.code_mean
    tensors["code_deviation"] = training.statistics.code_deviation
    tensors["rig_to_code"] = training.space.rig_to_code
    sources = dict.fromkeys(line for corpus in training.corpora for line in corpus.sources)
    write_bundle(
        folder,
        kind="motion",
        name=folder.name,
        config={
            "denoiser": asdict(training.network.config),
            "sampling": asdict(training.model().settings),
            "rig_controls": list(RIG_CONTROLS),
            "speech": asdict(training.speech),
        },
        tensors=tensors,
        licence=LICENCE,
        attributions=list(sources),
        training={
            "preset": training.recipe.name,
            **asdict(training.settings),
            "begun_from": training.before,
            "steps": training.step,
            "seconds": round(training.seconds),
            "held_out": quality,
        },
    )
