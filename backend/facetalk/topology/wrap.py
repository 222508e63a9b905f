"""Landing the template on an identity, in canonical pose."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.head.head import Head
from facetalk.topology.template import Template


@torch.no_grad()
def wrap(head: Head, identity: Tensor, template: Template) -> NDArray[np.float32]:
    """Vertices ``[V, 3]`` of the template on an identity, canonical, head units.

    The template lies on the mean head, and the identity warp says where every point of that comes to lie: lip lines,
    lid rims and ears land on their own kind because the warp was learned from heads that correspond point by point.

    Args:
        head: the head.
        identity: code ``[I]``.
        template: the template.
    """
    parts = torch.from_numpy(template.parts.astype(np.int64))
    landed = head.carry(torch.from_numpy(template.vertices), parts, identity)
    return np.ascontiguousarray(landed.cpu().numpy(), dtype=np.float32)
