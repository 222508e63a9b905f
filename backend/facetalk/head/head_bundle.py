"""Head bundles of every kind, the embedded head's and imported ones."""

from pathlib import Path

import torch

from facetalk.bundle import read_bundle
from facetalk.head.head import Head
from facetalk.head.published_head import PublishedHead


def load_head(folder: Path, device: torch.device) -> Head | PublishedHead:
    """The head in a bundle, whichever kind it is.

    Raises:
        UserError: the bundle is missing, damaged, or holds no head.
    """
    kind = PublishedHead if "family" in read_bundle(folder, "head").config else Head
    return kind.load(folder, device)
