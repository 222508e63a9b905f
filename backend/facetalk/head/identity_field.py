"""The identity field: signed distance to every part of a canonical head.

Shape is learned once, on the mean head, and carried to identities by the warp: the distance of a point is that of the
point of the mean head which comes to lie there. Hair, whose surface is ragged, is no network's but a lattice of true
distances for every style: at this size it is as near to the surface as a network was, and has no specks.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from facetalk.head.anchored_networks import AnchoredNetworks
from facetalk.head.identity_warp import IdentityWarp, InverseWarp

PART_MARGIN = 0.12  # head units around a small part's box on the mean head within which it is evaluated
IDENTITY_REACH = 0.06  # of this, what an identity may move a part: the rest is a sure distance
DISTANCE_SCALE = 0.05  # head units: the size of distances that matter
HAIR_MARGIN = 0.04  # head units around a style's box; further out, distances are no more than a bound
HAIR_LATTICE = 88  # places along every axis of a style's box and margin where its distance is known
NO_HAIR = 0.1  # head units: what the hair of a bald head is away from everywhere


class IdentityField(nn.Module):
    """Signed distances of canonical points, negative inside, in head units.

    Args:
        warp: carries the mean head to identities.
        shape_anchors: anchors ``[A, 3]`` of the shape of the parts.
        part_boxes: lowest and highest corner of every part on the mean head ``[P, 2, 3]``.
        moves_with: for every part, the part of the warp it moves with.
        hair_boxes: lowest and highest corner of every style on the mean head ``[H, 2, 3]``.
        shape_hidden: width of local networks.
    """

    part_boxes: Tensor
    hair_boxes: Tensor
    hair_lattice: Tensor

    def __init__(
        self,
        warp: IdentityWarp,
        shape_anchors: Tensor,
        part_boxes: Tensor,
        moves_with: tuple[int, ...],
        hair_boxes: Tensor,
        shape_hidden: int = 64,
    ) -> None:
        super().__init__()
        self.warp = warp
        self.moves_with = moves_with
        self.register_buffer("part_boxes", part_boxes.clone())
        self.register_buffer("hair_boxes", hair_boxes.clone())
        self.register_buffer("hair_lattice", torch.zeros(len(hair_boxes), *[HAIR_LATTICE] * 3))
        # Deeper, and with finer features than a deformation needs.
        self.shape = AnchoredNetworks(
            shape_anchors, 0, len(part_boxes), shape_hidden, layers=3, octaves=6, scale=DISTANCE_SCALE
        )

    def forward(
        self,
        points: Tensor,
        shape: Tensor,
        hair: Tensor,
        wanted: Tensor | None = None,
        inverses: dict[int, InverseWarp] | None = None,
    ) -> Tensor:
        """Signed distances ``[N, P + 1]``, the hair's last.

        Args:
            points: canonical points of the identity ``[N, 3]``.
            shape: shape code ``[S]``.
            hair: weights of the hair styles ``[H]``; none is bald.
            wanted: which distances ``[N, P + 1]``; the others are infinite and cost nothing. All by default.
            inverses: the way back of this shape by part of the warp, from ``inverses``; it is found anew by default.
        """
        bounds, near = self._part_bounds(points)
        bald = (NO_HAIR * (1.0 - hair.sum())).expand(len(points), 1)
        asked = torch.cat([near, hair.any().expand(len(points), 1)], dim=1)
        if wanted is not None:
            asked = asked & wanted
        values = torch.cat([bounds, bald], dim=1).unbind(dim=1)
        for moving, group in self._groups(shape):
            rows = asked[:, group].any(dim=1).nonzero()[:, 0]
            if not len(rows):
                continue
            sources = self._sources(points[rows], moving, shape) if not inverses else inverses[moving](points[rows])
            own = self._own_distances(sources, asked[rows], group, hair)
            every = own.new_zeros(len(points), len(group)).index_copy(0, rows, own)
            found = dict(zip(group, every.unbind(dim=1), strict=True))
            values = tuple(
                torch.where(asked[:, part], found[part], value) if part in found else value
                for part, value in enumerate(values)
            )
        result = torch.stack(values, dim=-1)
        return result if wanted is None else result.masked_fill(~wanted, torch.inf)

    def _own_distances(self, sources: Tensor, asked: Tensor, group: list[int], hair: Tensor) -> Tensor:
        """Distances ``[N, G]`` of points ``[N, 3]`` of the mean head to parts, where they are asked ``[N, P + 1]``."""
        parts = [part for part in group if part < len(self.part_boxes)]
        rows = asked[:, parts].any(dim=1).nonzero()[:, 0]
        distances = self.shape(sources[rows])[:, parts]
        columns = [distances.new_zeros(len(sources), len(parts)).index_copy(0, rows, distances)]
        if len(parts) < len(group):
            rows = asked[:, -1].nonzero()[:, 0]
            styled = self._hair_distance(sources[rows], hair) + NO_HAIR * (1.0 - hair.sum())
            columns.append(styled.new_zeros(len(sources)).index_copy(0, rows, styled)[:, None])
        return torch.cat(columns, dim=1)

    def inverses(self, shape: Tensor, box: Tensor) -> dict[int, InverseWarp]:
        """Prepare the way back of a shape ``[S]`` for many points in a box ``[2, 3]``; none for the mean head."""
        if self.warp.stays(shape):
            return {}
        found = {}
        for moving, group in self._groups(shape):
            own = self.part_boxes[[part for part in group if part < len(self.part_boxes)]]
            around = torch.stack([own[:, 0].amin(dim=0) - PART_MARGIN, own[:, 1].amax(dim=0) + PART_MARGIN])
            found[moving] = InverseWarp(self.warp, moving, shape, box if moving == 0 else around)
        return found

    def _groups(self, shape: Tensor) -> list[tuple[int, list[int]]]:
        """The parts of the warp, and the parts and hair that move with each; on the mean head nothing moves."""
        moves_with = [*self.moves_with, 0]  # the hair rides on the skin
        if self.warp.stays(shape):
            return [(0, list(range(len(moves_with))))]
        return [
            (moving, [part for part, with_part in enumerate(moves_with) if with_part == moving])
            for moving in sorted(set(moves_with))
        ]

    def _part_bounds(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """A bound from below of the distances to parts ``[N, P]``, and where it does not do ``[N, P]``."""
        low, high = self.part_boxes[:, 0] - PART_MARGIN, self.part_boxes[:, 1] + PART_MARGIN
        beyond = torch.maximum(low - points[:, None], points[:, None] - high).clamp(min=0.0).norm(dim=-1)
        near = beyond == 0.0
        near[:, 0] = True  # the skin is everywhere
        return beyond + (PART_MARGIN - IDENTITY_REACH), near

    def _hair_distance(self, sources: Tensor, hair: Tensor) -> Tensor:
        """What the styles say of points ``[N, 3]`` of the mean head, weighted ``[N]``."""
        if not len(sources):
            return sources[:, 0]
        worn = hair.nonzero()[:, 0] if not hair.requires_grad else torch.arange(len(hair), device=hair.device)
        low, high = self.hair_lattice_boxes()[worn].unbind(dim=1)
        beyond = torch.maximum(low - sources[:, None], sources[:, None] - high).clamp(min=0.0).norm(dim=-1)
        within = torch.stack([self._on_lattice(sources, style) for style in worn.tolist()], dim=1)
        return torch.where(beyond > 0.0, beyond + HAIR_MARGIN, within) @ hair[worn]

    def hair_lattice_boxes(self) -> Tensor:
        """Lowest and highest corner ``[H, 2, 3]`` of every style's lattice, on the mean head."""
        return self.hair_boxes + self.hair_boxes.new_tensor([[-HAIR_MARGIN], [HAIR_MARGIN]])

    def _on_lattice(self, sources: Tensor, style: int) -> Tensor:
        low, high = self.hair_lattice_boxes()[style]
        places = (sources - low) / (high - low) * 2.0 - 1.0
        lattice, places = self.hair_lattice[None, style, None], places[None, None, None]
        return functional.grid_sample(lattice, places, padding_mode="border", align_corners=True).flatten()

    def _sources(self, points: Tensor, part: int, shape: Tensor) -> Tensor:
        parts = torch.full((len(points),), part, device=points.device)
        return self.warp.backward_warp(points, parts, shape)
