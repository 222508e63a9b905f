"""Training one network against the clock."""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.checkpoint import load_checkpoint, save_checkpoint

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 60.0


class TrainingRun:
    """Adam with a learning rate that warms up and falls by the clock, checkpoints, and a log of scores.

    A folder that holds a checkpoint is taken up where it stopped.

    Args:
        network: what is trained, in place.
        folder: of checkpoint and log.
        learning_rate: its highest value.
        steps: the budget in steps, instead of the minutes ``train`` is given.
    """

    def __init__(self, network: nn.Module, folder: Path, learning_rate: float, steps: int | None = None) -> None:
        self.network, self.folder = network, folder
        parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.Adam(parameters, lr=learning_rate, betas=(0.9, 0.99))
        self.rate, self.steps = learning_rate, steps
        self.step, self.seconds = 0, 0.0
        self.resume()

    def resume(self) -> None:
        """Take up the folder's checkpoint, if it has one."""
        found = load_checkpoint(self.folder)
        if found is None:
            return
        tensors, state = found
        self.network.load_state_dict(
            {name[8:]: value for name, value in tensors.items() if name.startswith("network.")}
        )
        slots = self.optimiser.state_dict()
        slots["state"] = {}
        for name, value in tensors.items():
            kind, _, rest = name.partition(".")
            if kind == "optimiser":
                index, _, field = rest.partition(".")
                slots["state"].setdefault(int(index), {})[field] = value
        self.optimiser.load_state_dict(slots)
        self.step, self.seconds = state["step"], state["seconds"]

    def train(self, losses: Iterator[Tensor], minutes: float, report: Callable[[], dict[str, float]]) -> None:
        """Step until the run has used its minutes (or its steps), over all its resumptions together."""
        last = time.monotonic()
        next_save = self.seconds + CHECKPOINT_SECONDS
        while (done := self._share_done(minutes)) < 1.0:
            self._set_rate(done)
            loss = next(losses)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimiser.step()
            self.step += 1
            now = time.monotonic()
            self.seconds, last = self.seconds + now - last, now
            if self.seconds >= next_save or self._share_done(minutes) >= 1.0:
                self._save(loss.item(), report())
                next_save = self.seconds + CHECKPOINT_SECONDS
                last = time.monotonic()

    def finished(self, minutes: float) -> bool:
        """Whether the run has used its minutes, or its steps."""
        return self._share_done(minutes) >= 1.0

    def _share_done(self, minutes: float) -> float:
        return self.seconds / (60.0 * minutes) if self.steps is None else self.step / self.steps

    def _set_rate(self, fraction: float) -> None:
        warm = min(1.0, (self.step + 1) / 100.0)
        cosine = 0.5 * (1.0 + np.cos(np.pi * min(1.0, fraction)))
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * warm * (0.01 + 0.99 * cosine)

    def _save(self, loss: float, figures: dict[str, float]) -> None:
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for index, slots in self.optimiser.state_dict()["state"].items():
            tensors.update({f"optimiser.{index}.{field}": torch.as_tensor(value) for field, value in slots.items()})
        save_checkpoint(self.folder, tensors, {"step": self.step, "seconds": self.seconds})
        line = {"step": self.step, "seconds": round(self.seconds, 1), "loss": loss, **figures}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        log.info("%s: %s", self.folder.name, line)


def last_lines(folder: Path, stages: Iterable[str]) -> dict[str, Any]:
    """The last line of the log of every stage that was trained in a run's folder, by name."""
    logs = {stage: folder / stage / "log.jsonl" for stage in stages}
    return {
        stage: json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
        for stage, path in logs.items()
        if path.exists()
    }
