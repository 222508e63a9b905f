"""The identity field: signed distance to every part of a canonical head.

Shape is learned once, on the mean head, and carried to identities by the warp: the distance of a point is that of the
point of the mean head which comes to lie there. Hair has a field of its own, with one channel for every style.
"""

import torch
from torch import Tensor, nn

from facetalk.head.anchored_networks import AnchoredNetworks
from facetalk.head.identity_warp import IdentityWarp

PART_MARGIN = 0.12  # head units around a small part's box on the mean head within which it is evaluated
IDENTITY_REACH = 0.06  # of this, what an identity may move a part: the rest is a sure distance
DISTANCE_SCALE = 0.05  # head units: the size of distances that matter
HAIR_MARGIN = 0.1  # head units around a style's box; further out, no hair was ever seen
NO_HAIR = 0.1  # head units: what the hair of a bald head is away from everywhere


class IdentityField(nn.Module):
    """Signed distances of canonical points, negative inside, in head units.

    Args:
        warp: carries the mean head to identities.
        shape_anchors: anchors ``[A, 3]`` of the shape of the parts.
        part_boxes: lowest and highest corner of every part on the mean head ``[P, 2, 3]``.
        moves_with: for every part, the part of the warp it moves with.
        hair_anchors: anchors ``[B, 3]`` of the hair.
        hair_boxes: lowest and highest corner of every style on the mean head ``[H, 2, 3]``.
        shape_hidden, hair_hidden: widths of local networks.
    """

    part_boxes: Tensor
    hair_boxes: Tensor

    def __init__(
        self,
        warp: IdentityWarp,
        shape_anchors: Tensor,
        part_boxes: Tensor,
        moves_with: tuple[int, ...],
        hair_anchors: Tensor,
        hair_boxes: Tensor,
        shape_hidden: int = 64,
        hair_hidden: int = 64,
    ) -> None:
        super().__init__()
        self.warp = warp
        self.moves_with = moves_with
        self.register_buffer("part_boxes", part_boxes.clone())
        self.register_buffer("hair_boxes", hair_boxes.clone())
        self.shape = _distances(shape_anchors, len(part_boxes), shape_hidden)
        self.hair = _distances(hair_anchors, len(hair_boxes), hair_hidden)

    def forward(self, points: Tensor, shape: Tensor, hair: Tensor) -> Tensor:
        """Signed distances ``[N, P + 1]``, the hair's last.

        Args:
            points: canonical points of the identity ``[N, 3]``.
            shape: shape code ``[S]``.
            hair: weights of the hair styles ``[H]``; none is bald.
        """
        skin = self._sources(points, 0, shape)
        values = [self._hair_distance(skin, hair)]
        for part in reversed(range(len(self.part_boxes))):
            moving = self.moves_with[part]
            if part == 0:
                values.append(self.shape(skin)[:, 0])
            else:
                values.append(self._small_part(points, skin if moving == 0 else None, part, shape))
        return torch.stack(values[::-1], dim=-1)

    def _small_part(self, points: Tensor, sources: Tensor | None, part: int, shape: Tensor) -> Tensor:
        """Distances ``[N]`` to a part; a bound from below where the point is far from it."""
        low, high = self.part_boxes[part, 0] - PART_MARGIN, self.part_boxes[part, 1] + PART_MARGIN
        beyond = torch.maximum(low - points, points - high).clamp(min=0.0).norm(dim=-1)
        values = beyond + (PART_MARGIN - IDENTITY_REACH)
        near = (beyond == 0.0).nonzero()[:, 0]
        if not len(near):
            return values
        own = self._sources(points[near], self.moves_with[part], shape) if sources is None else sources[near]
        return values.index_put((near,), self.shape(own)[:, part])

    def _hair_distance(self, sources: Tensor, hair: Tensor) -> Tensor:
        bald = NO_HAIR * (1.0 - hair.sum())
        if not hair.any():
            return bald.expand(len(sources))
        low, high = self.hair_boxes[:, 0] - HAIR_MARGIN, self.hair_boxes[:, 1] + HAIR_MARGIN
        beyond = torch.maximum(low - sources[:, None], sources[:, None] - high).clamp(min=0.0).norm(dim=-1)
        values = torch.where(beyond > 0.0, beyond + HAIR_MARGIN, self.hair(sources))
        return values @ hair + bald

    def _sources(self, points: Tensor, part: int, shape: Tensor) -> Tensor:
        parts = torch.full((len(points),), part, device=points.device)
        return self.warp.backward_warp(points, parts, shape)


def _distances(anchors: Tensor, surfaces: int, hidden: int) -> AnchoredNetworks:
    """Networks for the detail of surfaces: deeper, and with finer features than a deformation needs."""
    return AnchoredNetworks(anchors, 0, surfaces, hidden, layers=3, octaves=6, scale=DISTANCE_SCALE)
