"""Which device the models run on."""

import logging

import torch

from facetalk.errors import UserError

DEVICES = ("auto", "cpu", "cuda", "mps")

_log = logging.getLogger(__name__)


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` takes a GPU if there is one, else the CPU, and logs its choice.

    Raises:
        UserError: the name is unknown, or that GPU is not there.
    """
    if name not in DEVICES:
        raise UserError(f"There is no device {name!r}: choose one of {', '.join(DEVICES)}.")
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(candidate for candidate in ("cuda", "mps", "cpu") if present[candidate])
        _log.info("using %s", describe_device(torch.device(name)))
    elif not present[name]:
        raise UserError(f"This machine has no {name} device that torch can use: choose auto or cpu.")
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """The device in words: the GPU's name, or the CPU's number of threads."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "mps":
        return "mps (Apple GPU)"
    return f"cpu ({torch.get_num_threads()} threads)"
