"""Where quads of QuadriFlow end about mouth and eyes, and the rings of a template that lead on from there.

At the mouth they end where lips touch. Round an eye their flow is anyone's guess, and lids that shut need edge loops:
so they end some millimetres before the lids, and rings of the template lead to these.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from facetalk.head.head import Head
from facetalk.topology.quad_relaxation import part_surface, project
from facetalk.topology.template import Template
from facetalk.topology.template_rims import SKIN, TemplateRim, template_rims

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

BEFORE_LIDS = (7, 5, 3, 1)  # rings of the template: the border of the quads, 6 to 15 mm from the lids, and what follows
FINER = 8  # points of a border between two vertices of its ring


@dataclass(frozen=True)
class SkinOpening:
    """One opening of the skin: the mouth, or an eye.

    Attributes:
        border: where quads of QuadriFlow end, a closed polyline on the surface ``[M, 3]``, head units.
        rings: from the border inwards, vertices of the template, in step: ``[N, 3]`` each.
        edge: which of them is the edge of the lips or lids.
        line: along which these touch, closed ``[K, 3]``.
        quads: of the template, within the border ``[Q]``.
    """

    border: Array
    rings: tuple[Array, ...]
    edge: int
    line: Array
    quads: Indices


def skin_openings(head: Head, template: Template) -> list[SkinOpening]:
    """The openings of the average head's skin: the mouth, the right eye, the left one."""
    average = head.identity("average")
    lines = head.rim_lines(average)
    mouth, *eyes = template_rims(template)
    touching = [lines[name].double().cpu().numpy() for name in ("lips", "lids_right", "lids_left")]
    behind = np.concatenate([rim.quads for rim in (mouth, *eyes)])
    found = [SkinOpening(touching[0], _places(mouth.rings(template), template), 0, touching[0], mouth.quads)]
    surface = part_surface(head, average, SKIN)
    for rim, line in zip(eyes, touching[1:], strict=True):
        before = rings_before(rim, template, behind)
        rings = _places([*(before[number] for number in BEFORE_LIDS), *rim.rings(template)], template)
        border = project(torch.from_numpy(_finer(rings[0])).float(), surface).double().cpu().numpy()
        quads = np.concatenate([rim.quads, _within(template, before[: BEFORE_LIDS[0] + 1])])
        found.append(SkinOpening(np.concatenate([border, border[:1]]), rings, len(BEFORE_LIDS), line, quads))
    return found


def rings_before(rim: TemplateRim, template: Template, behind: Indices) -> list[Indices]:
    """The loop of a rim and the loops before it, outwards, in step ``[N]`` each.

    Args:
        rim: of the template.
        template: has the rings.
        behind: quads behind lips and lids ``[Q]``.
    """
    skin = np.flatnonzero((template.parts[template.quads] == SKIN).all(axis=1))
    outwards = TemplateRim(rim.loop[::-1], np.setdiff1d(skin, behind))
    return [ring[::-1] for ring in outwards.rings(template)]


def _within(template: Template, rings: Sequence[Indices]) -> Indices:
    """Quads ``[Q]`` between rings."""
    return np.flatnonzero(np.isin(template.quads, np.concatenate(rings)).all(axis=1))


def _places(rings: Sequence[Indices], template: Template) -> tuple[Array, ...]:
    return tuple(template.vertices[ring].astype(np.float64) for ring in rings)


def _finer(ring: Array) -> Array:
    """A closed ring ``[N, 3]`` with points between its vertices ``[FINER N, 3]``."""
    share = np.arange(FINER)[:, None] / FINER
    return np.concatenate([a * (1.0 - share) + b * share for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True)])
