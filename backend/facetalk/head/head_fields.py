"""The fields of a head bundle, by the sizes in its configuration."""

from typing import Any

import torch

from facetalk.head.expression_field import ExpressionField
from facetalk.head.identity_field import IdentityField
from facetalk.head.identity_warp import IdentityWarp


def build_fields(config: dict[str, Any]) -> tuple[IdentityField, ExpressionField]:
    """Untrained fields with the sizes of a head bundle's configuration, their anchors at the origin."""
    sizes, shape_size, moves_with = config["sizes"], config["shape_size"], tuple(config["moves_with"])
    moving = max(moves_with) + 1
    warp = IdentityWarp(torch.zeros(sizes["anchors"], 3), shape_size, moving, hidden=sizes["warp_hidden"])
    identity = IdentityField(
        warp,
        shape_anchors=torch.zeros(sizes["shape_anchors"], 3),
        part_boxes=torch.zeros(len(moves_with), 2, 3),
        moves_with=moves_with,
        hair_boxes=torch.zeros(len(config["hair_styles"]), 2, 3),
        shape_hidden=sizes["shape_hidden"],
    )
    expression_size, hidden = config["expression_size"], sizes["expression_hidden"]
    anchors = torch.zeros(sizes["anchors"], 3)
    expression = ExpressionField(anchors, shape_size, expression_size, moving, hidden=hidden)
    return identity, expression
