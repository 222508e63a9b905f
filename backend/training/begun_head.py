"""A published head that a training run begins with, in place of networks that know nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from facetalk.bundle import Bundle, read_bundle, read_manifest
from facetalk.errors import UserError

# What must be the same, or weights do not fit.
SAME = ("parts", "moves_with", "hair_styles", "shape_size", "expression_size", "sizes", "rig_controls")


@dataclass(frozen=True)
class BegunHead:
    """The networks of a head bundle, and where they come from.

    Attributes:
        bundle: what was read.
        record: the bundle's name, the SHA-256 of its weights, and how it was trained itself; JSON values.
    """

    bundle: Bundle
    record: dict[str, Any]

    @classmethod
    def read(cls, folder: Path, config: Mapping[str, Any]) -> "BegunHead":
        """Read a bundle whose networks are to go on as those of a head of this configuration.

        Raises:
            UserError: the bundle is missing, damaged, no head, or a head of other sizes.
        """
        bundle = read_bundle(folder, "head")
        other = [name for name in SAME if bundle.config.get(name) != config[name]]
        if other:
            raise UserError(
                f"{folder} holds a head whose {', '.join(other)} are not those of this run: begin from a head that "
                "was trained with the same settings, or from none."
            )
        manifest = read_manifest(folder)
        record = {"name": manifest["name"], "sha256": manifest["sha256"], "training": manifest.get("training", {})}
        return cls(bundle, record)

    def rig_to_code(self) -> NDArray[np.float64]:
        """The linear map ``[R, E]`` from rig weights to its expression codes."""
        shape = (len(self.bundle.config["rig_controls"]), self.bundle.config["expression_size"])
        return np.asarray(self.bundle.tensor("rig_to_code", shape).double().numpy())

    def load(self, network: nn.Module, prefix: str) -> None:
        """Give a network the weights whose names begin with ``prefix.``; they were kept in half precision.

        Raises:
            UserError: some are missing, or of another shape.
        """
        state: dict[str, Tensor] = {name: weights.float() for name, weights in self.bundle.section(prefix).items()}
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise UserError(
                f"{self.bundle.folder} does not hold a complete head ({prefix}): get the bundle again."
            ) from error
