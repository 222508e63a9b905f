"""Points of one identity that codes pose, by fields and by what is known of lips, lids, teeth, eyes and tongue."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from facetalk.head.contact import Contact
from facetalk.head.expression_field import ExpressionField
from facetalk.head.eyes import Eye
from facetalk.head.parametric_head import Posed
from facetalk.head.split_field import displace
from facetalk.head.teeth import TeethWall
from facetalk.head.tongue import Tongue, teeth_gap

FRAMES_PER_CHUNK = 64


@dataclass(frozen=True)
class HeadPoints:
    """Canonical points of one identity, ready to be posed by any number of codes.

    Attributes:
        points: canonical points ``[N, 3]``, head units.
        fields: the expression field's vector fields at the points, ``[K, N, 3]``.
        contacts: what makes lips and lids meet.
        teeth: what keeps lips before the teeth.
        eyes: what turns eyeballs, and keeps lids before them.
        tongue: what moves the tongue.
    """

    points: Tensor
    fields: Tensor
    contacts: tuple[Contact, ...]
    teeth: tuple[TeethWall, ...]
    eyes: tuple[Eye, ...]
    tongue: Tongue
    _expression_field: ExpressionField
    _shape: Tensor

    @torch.no_grad()
    def pose(self, expressions: Tensor) -> Posed:
        """Pose the points by expression codes ``[T, E]``."""
        posed = []
        for codes in expressions.to(self.points.device).split(FRAMES_PER_CHUNK):
            chunk, tongue_weights = self.tongue.taken_out(codes)
            coefficients = self._expression_field.coefficients(chunk, self._shape)
            moved = self.points + displace(self.fields, coefficients)
            walls = [(row, row.pose(coefficients)) for row in self.teeth]
            self.tongue.move(moved, tongue_weights, teeth_gap([place for _, place in walls]))
            lips, *lids = self.contacts
            rims = lips.pose(coefficients)
            for row, place in walls:
                row.keep_out(rims, place)
            lips.resolve(moved, rims, chunk)
            for contact, each in zip(lids, self.eyes, strict=True):
                rims = contact.pose(coefficients)
                each.keep_rims_out(rims, chunk)
                contact.resolve(moved, rims, chunk)
            for row, place in walls:
                row.keep_lips_out(moved, place)
            for each in self.eyes:
                each.turn(self.points, moved, chunk)
                each.keep_lids_out(moved, chunk)
            posed.append(moved)
        points = torch.cat(posed)
        return Posed(points, torch.ones(points.shape[:2], dtype=torch.bool, device=points.device))

    def subset(self, indices: Tensor) -> "HeadPoints":
        """Some of the points, at different indices ``[M]``: rims, teeth and eyes stay those of all."""
        places = torch.full_like(self.points[:, 0], -1, dtype=torch.long)
        places[indices] = torch.arange(len(indices), device=places.device)
        return replace(
            self,
            points=self.points[indices],
            fields=self.fields[:, indices],
            contacts=tuple(contact.among(places) for contact in self.contacts),
            teeth=tuple(row.among(places) for row in self.teeth),
            eyes=tuple(each.among(places) for each in self.eyes),
            tongue=self.tongue.among(places),
        )
