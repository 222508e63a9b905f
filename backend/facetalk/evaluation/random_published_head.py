"""A head of the published layout whose weights are random: to measure on where nobody's weights are at hand.

What it says is noise; what it costs is what a published head of that width costs.
"""

import numpy as np
import torch
from torch import Tensor

from facetalk.head.published_head import PublishedHead

ANCHORS, PAIRS = 39, 16  # of NPHM
GLOBAL, LOCAL, EXPRESSION, COMPRESSED, AMBIENT = 64, 32, 200, 32, 2
ANCHOR_WIDTH, LOCAL_WIDTH = 128, 200
SKIP = 3  # the layer of the deformation that takes its inputs again
EXPRESSIONS = 12  # rows of the code table
# Of the deformation's weights: small ones in its middle make a smooth field, as training does, in place of one that has
# a kink everywhere; and the last ones have expressions move points by millimetres.
MIDDLE_GAIN, LAST_GAIN = 0.5, 3.0
BOX = [[-0.55, -0.5, -0.95], [0.55, 0.75, 0.4]]


def random_published_head(width: int, device: torch.device, seed: int = 0) -> PublishedHead:
    """A backward NPHM of random weights.

    Args:
        width: of the deformation network's layers; the published one's is 512.
        device: where it belongs.
        seed: another one is another head.
    """
    random = np.random.default_rng(seed)
    identity = GLOBAL + (ANCHORS + 1) * LOCAL
    told = 3 + COMPRESSED + EXPRESSION
    deformation = [(width, told), (width, width), (width, width), (width, width + told), (width, width), (width, width)]
    inputs = 3 + AMBIENT + GLOBAL + LOCAL
    experts = [(LOCAL_WIDTH, inputs), *[(LOCAL_WIDTH, LOCAL_WIDTH)] * 3, (1, LOCAL_WIDTH)]
    anchors = [(ANCHOR_WIDTH, GLOBAL), (ANCHOR_WIDTH, ANCHOR_WIDTH), (3 * ANCHORS, ANCHOR_WIDTH)]
    tensors = {
        "anchor_mean": _tensor(random.uniform(-0.3, 0.3, (ANCHORS, 3))),
        **_layers(random, "anchor_network", anchors),
        **_layers(random, "experts", experts, members=ANCHORS + 1 - PAIRS),
        **_layers(random, "deformation", [*deformation, (3 + AMBIENT, width)], gains=(MIDDLE_GAIN, LAST_GAIN)),
        "compressor.weight": _tensor(random.uniform(-0.1, 0.1, (COMPRESSED, identity + 3 * ANCHORS))),
        "compressor.bias": _tensor(random.uniform(-0.1, 0.1, COMPRESSED)),
        "codes.identity": _unit(random, 2, identity),
        "codes.expression": _unit(random, EXPRESSIONS, EXPRESSION),
    }
    config = {"family": "nphm-backward", "parts": ["skin"], "box": BOX, "blend": {"nearest": 8, "spread": 4.0}}
    return PublishedHead(config, tensors, device)


def _layers(
    random: np.random.Generator,
    name: str,
    shapes: list[tuple[int, int]],
    members: int = 1,
    gains: tuple[float, float] = (1.0, 1.0),
) -> dict[str, Tensor]:
    """Layers of so many networks; gains of all of them but the last, and of that."""
    tensors = {}
    for layer, shape in enumerate(shapes):
        bound = np.sqrt(6.0 / shape[1]) * gains[layer == len(shapes) - 1]
        tensors[f"{name}.weights.{layer}"] = _tensor(random.uniform(-bound, bound, (members, *shape)))
        tensors[f"{name}.biases.{layer}"] = _tensor(random.uniform(-0.05, 0.05, (members, shape[0])))
    return tensors


def _unit(random: np.random.Generator, rows: int, size: int) -> Tensor:
    directions = random.normal(size=(rows, size))
    return _tensor(directions / np.linalg.norm(directions, axis=1, keepdims=True))


def _tensor(array: np.ndarray) -> Tensor:  # type: ignore[type-arg]
    return torch.from_numpy(array.astype(np.float32))
