"""A template of QuadriFlow's quads over the neural head: without any mesh of anybody's, and worn by every identity."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from facetalk.errors import UserError
from facetalk.head.head import Head
from facetalk.topology.mesh_shape import crossing_faces, turned_over
from facetalk.topology.open_skin import open_skin
from facetalk.topology.opening_rows import with_openings
from facetalk.topology.quad_opening import Carry, opened_everywhere, settled_again
from facetalk.topology.quad_relaxation import part_surface, project
from facetalk.topology.quad_skin import Remesh, quad_skin
from facetalk.topology.skin_openings import skin_openings
from facetalk.topology.template import Template
from facetalk.topology.template_rims import EDGES, SKIN
from facetalk.topology.template_transfer import SkinPlaces, vertex_normals

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

LOOKED_AT = 24  # heads drawn at random, on which nothing may be turned over or through others either
ATTEMPTS = (1.0, 1.04, 0.96, 1.08, 0.92)  # of the number of quads: the first that has no fault counts
FEWEST, MOST = 2500, 60_000  # quads of the outer skin: with fewer lids lose their shape, more is what no rig bears


class OpenedSkin(NamedTuple):
    """Quads over the outer skin and what lies behind lips and lids.

    Attributes:
        vertices: ``[V, 3]``.
        quads: ``[Q, 4]``.
        edges: which vertices are the edges of lips and lids ``[E]``.
        behind: which lie behind these ``[B]``.
    """

    vertices: Array
    quads: Indices
    edges: Indices
    behind: Indices


def require_quads(quads: int) -> None:
    """Check how many quads are asked for.

    Raises:
        UserError: they are too few for lips and lids, or too many.
    """
    if not FEWEST <= quads <= MOST:
        raise UserError(f"{quads} quads cannot cover a face well: ask for {FEWEST} to {MOST}.")


def make_quad_template(
    head: Head, template: Template, name: str, quads: int, remesh: Remesh, progress: Callable[[str, float], None]
) -> Template:
    """Cover the outer skin of the average head with quads, and give it all that another template has.

    Args:
        head: the head.
        template: the default one; eyeballs, teeth, tongue, brows and hair are its own, and groups, colours, UVs and
            landmarks follow it.
        name: of the new one.
        quads: about how many over the outer skin.
        remesh: QuadriFlow.
        progress: told "surface", "quads" and "transfer", and the fraction done.

    Raises:
        UserError: QuadriFlow gives up, or what it makes cannot be used.
    """
    require_quads(quads)
    openings = skin_openings(head, template)
    skin = open_skin(head, template, openings, lambda fraction: progress("surface", fraction))

    surface = part_surface(head, head.identity("average"), SKIN)
    carries = [_carrying(head, head.identity(f"random-{seed}")) for seed in range(LOOKED_AT)]

    def settle(vertices: Array) -> Array:
        return project(torch.from_numpy(vertices).float(), surface).double().numpy()

    def cover(wanted: int) -> OpenedSkin:
        outer = quad_skin(head, template, openings, skin, wanted, remesh)
        made = OpenedSkin(*with_openings(outer.vertices, outer.quads, openings))
        opened = opened_everywhere(made.vertices, made.quads, carries, held=made.edges)
        held = np.concatenate([made.edges, made.behind])  # in part within eyeballs, where it stays
        return made._replace(vertices=settled_again(opened, made.quads, carries, settle, held))

    skin_quads = fewest_faults(cover, quads, carries, lambda fraction: progress("quads", fraction))
    made = dressed(template, name, skin_quads)
    progress("transfer", 1.0)
    return made


def fewest_faults(
    cover: Callable[[int], OpenedSkin], quads: int, carries: Sequence[Carry], progress: Callable[[float], None]
) -> OpenedSkin:
    """The best of what comes of about so many quads: a few more or less come out quite differently.

    Args:
        cover: covers a skin with about so many.
        quads: how many are asked for.
        carries: take it to other heads, where faults count as well.
        progress: told the fraction done.

    Raises:
        UserError: nothing comes of any.
    """
    best: OpenedSkin | None = None
    fewest = 0
    reasons: list[str] = []
    for number, share in enumerate(ATTEMPTS):
        progress(number / len(ATTEMPTS))
        try:
            made = cover(round(share * quads))
        except (ValueError, UserError) as error:
            reasons.append(str(error))
            continue
        count = sum(
            faults(place, made.quads) for place in (made.vertices, *(carry(made.vertices) for carry in carries))
        )
        if best is None or count < fewest:
            best, fewest = made, count
        if fewest == 0:
            break
    progress(1.0)
    if best is None:
        raise UserError(f"About {quads} quads cannot be used ({reasons[0].rstrip('.')}): ask for another number.")
    return best


def _carrying(head: Head, identity: Tensor) -> Carry:
    """What takes vertices of the mean skin to an identity ``[I]``."""

    def carry(vertices: Array) -> Array:
        of_skin = torch.full((len(vertices),), SKIN)
        return head.carry(torch.from_numpy(vertices).float(), of_skin, identity).double().cpu().numpy()

    return carry


def faults(vertices: Array, quads: Indices) -> int:
    """How many quads ``[Q, 4]`` are turned over, or go through others."""
    wrong = turned_over(vertices, quads)
    wrong[crossing_faces(vertices, quads)] = True
    return int(wrong.sum())


def dressed(template: Template, name: str, skin: OpenedSkin) -> Template:
    """A skin with the other parts of a template, and with what that knows of its own."""
    vertices, quads = skin.vertices, skin.quads
    normals = vertex_normals(vertices, quads)
    places = SkinPlaces.of(template, vertices, normals)
    middles = SkinPlaces.of(template, vertices[quads].mean(axis=1), normals[quads].mean(axis=1))
    others = np.flatnonzero(template.parts != SKIN)
    kept = (template.parts[template.quads] != SKIN).all(axis=1)
    shift = np.full(len(template.vertices), -1, np.int64)
    shift[others] = len(vertices) + np.arange(len(others))
    material = template.material_index[places.skin[middles.triangle % len(places.skin)]]
    groups = {}
    for group, members in template.groups.items():
        own, carried = places.inside(members), shift[members[template.parts[members] != SKIN]]
        groups[group] = np.concatenate([own, carried]).astype(np.int32)
    groups[EDGES] = skin.edges.astype(np.int32)
    nearest = cKDTree(vertices)
    return replace(
        template,
        name=name,
        vertices=np.concatenate([vertices, template.vertices[others]]).astype(np.float32),
        quads=np.concatenate([quads, shift[template.quads[kept]]]).astype(np.int32),
        uv=np.concatenate([places.uv(vertices, quads, middles), template.uv[kept]]),
        parts=np.concatenate([np.full(len(vertices), SKIN), template.parts[others]]).astype(np.int32),
        material_index=np.concatenate([material, template.material_index[kept]]).astype(np.int32),
        colors=np.concatenate([places.read(template.colors), template.colors[others]]),
        groups=groups,
        landmarks={mark: int(nearest.query(template.vertices[at])[1]) for mark, at in template.landmarks.items()},
        mobility=np.concatenate([places.read(template.mobility), template.mobility[others]]),
    )
