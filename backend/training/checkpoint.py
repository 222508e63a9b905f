"""Checkpoints of a training run: tensors as safetensors, everything else as JSON; nothing is pickled."""

import json
import os
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

STATE_FILE = "checkpoint.json"


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint, so that a run killed at any moment leaves a whole one behind.

    Args:
        folder: the run's folder; made if needed.
        tensors: weights and optimiser state by name.
        state: JSON values; ``state["step"]`` names the checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"checkpoint-{state['step']:08d}.safetensors"
    partial = weights.with_suffix(".partial")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, partial)
    os.replace(partial, weights)
    partial.write_text(json.dumps({**state, "weights": weights.name}, indent=2), encoding="utf-8")
    # The state names its weights: until this line the old pair is valid, after it the new one.
    os.replace(partial, folder / STATE_FILE)
    for old in folder.glob("checkpoint-*.safetensors"):
        if old != weights:
            old.unlink()


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The folder's checkpoint as ``(tensors, state)``, or ``None`` where training has not saved one yet."""
    path = folder / STATE_FILE
    if not path.exists():
        return None
    state = json.loads(path.read_text(encoding="utf-8"))
    return load_file(folder / state["weights"]), state
