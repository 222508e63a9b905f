"""The skin of the neural head as a triangle mesh that ends where lips and lids touch, and at the neck.

What lies behind these lines, the bag of the mouth and the sockets, is left out: quads over what is left have the
lines as their borders, so that lips and lids are edge loops, and open.
"""

from collections.abc import Callable, Sequence

import igl
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.head.head import Head
from facetalk.head.meshing import TriangleMesh, marching_cubes
from facetalk.topology.closed_line import along_line, on_line
from facetalk.topology.connected_pieces import connected_pieces
from facetalk.topology.skin_openings import SkinOpening
from facetalk.topology.template import Template
from facetalk.topology.template_rims import SKIN, border_loops
from facetalk.topology.template_transfer import FACING, SAMPLES, quad_samples

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

RESOLUTION = 256  # of marching cubes: cells of a millimetre, lips are two apart
FOLLOWING = 0.008  # head units (2 mm): how far from a border what is near follows it
BARRIER = 0.009  # head units about a line that no edge leaps across, nor a way round the end of a corner of the eye
FINER = 8  # places between two points of a line
SHORTEST = 1e-4  # head units: corners of triangles nearer to each other become one
LEAST_CUT = 0.05  # of an edge: cuts keep so far from its ends


def open_skin(
    head: Head, template: Template, openings: Sequence[SkinOpening], progress: Callable[[float], None]
) -> TriangleMesh:
    """The outer skin of the average head, canonical, head units.

    Args:
        head: the head.
        template: whose neck ends where this is to end.
        openings: of the skin.
        progress: told the fraction done.

    Raises:
        ValueError: the lines of lips and lids do not bound the skin: four borders are expected.
    """
    code = head.identity("average")
    wanted = torch.zeros(len(head.parts), dtype=torch.bool, device=head.device)
    wanted[SKIN] = True
    field = head.distance_field(code)

    def distance(points: torch.Tensor) -> torch.Tensor:
        return field(points, wanted.expand(len(points), -1))[:, SKIN]

    whole = marching_cubes(distance, head.box, RESOLUTION, progress)
    behind = behind_lines(whole, template, openings)
    neck = template.vertices[template.parts == SKIN, 1].min()
    cut = np.maximum(behind, neck - whole.vertices[:, 1])
    tip = template.vertices[template.landmarks["nose_tip"]]
    lines = [opening.border for opening in openings]
    mesh = joined(on_lines(reached_from(tip, joined(clipped(whole, cut))), lines))
    borders = len(border_loops(mesh.triangles))
    if borders != len(openings) + 1:
        raise ValueError(f"the skin has {borders} borders where {len(openings) + 1} were cut")
    return mesh


def behind_lines(mesh: TriangleMesh, template: Template, openings: Sequence[SkinOpening]) -> Array:
    """How far vertices of a mesh are behind the borders of openings ``[V]``, negative before them.

    What can be reached from the nose without coming near a line is before it, all else behind. A lid is thin, and both
    of its sides are as near to its edge: there, a vertex is where the template's quad is that is near and faces the
    same way.
    """
    lines = [opening.border for opening in openings]
    places = [np.linspace(line[:-1], line[1:], FINER, endpoint=False, axis=1).reshape(-1, 3) for line in lines]
    distance = cKDTree(np.concatenate(places)).query(mesh.vertices)[0]
    edges = igl.edges(mesh.triangles)
    far = distance >= BARRIER
    pieces = connected_pieces(edges[far[edges].all(axis=1)], len(mesh.vertices))
    tip = template.vertices[template.landmarks["nose_tip"]]
    inside = pieces != pieces[np.linalg.norm(mesh.vertices - tip, axis=1).argmin()]
    inside[~far] = _behind_nearest_quad(mesh, np.flatnonzero(~far), template, openings)
    inside = _largest_pieces(edges, inside, len(openings))
    return np.where(inside, distance, -distance)


def _behind_nearest_quad(
    mesh: TriangleMesh, near: Indices, template: Template, openings: Sequence[SkinOpening]
) -> NDArray[np.bool_]:
    """Whether vertices ``[N]`` are near quads that are behind a line and face the same way."""
    skin = np.flatnonzero((template.parts[template.quads] == SKIN).all(axis=1))
    samples, normals = quad_samples(template.vertices[template.quads[skin]].astype(np.float64))
    own = igl.per_vertex_normals(mesh.vertices, mesh.triangles)[near]
    alike = cKDTree(np.concatenate([samples, FACING * normals], axis=1))
    found = alike.query(np.concatenate([mesh.vertices[near], FACING * own], axis=1))[1]
    return np.isin(skin[found // SAMPLES**2], np.concatenate([opening.quads for opening in openings]))


def _largest_pieces(edges: Indices, inside: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Which vertices ``[V]`` are in the largest pieces of those inside; crumbs are of the wrong side of a corner."""
    pieces = connected_pieces(edges[inside[edges].all(axis=1)], len(inside))
    largest = np.argsort(np.bincount(pieces[inside]))[-count:]
    return np.asarray(inside & np.isin(pieces, largest))


def on_lines(mesh: TriangleMesh, lines: Sequence[Array]) -> TriangleMesh:
    """A mesh whose borders are on the lines ``[M, 3]`` that they were cut along; what is near follows.

    Cuts through single triangles are jagged, and those of lids, which touch before the
    neural surface, lie beside the line.
    """
    moved = mesh.vertices.copy()
    borders = border_loops(mesh.triangles)
    for line in lines:
        on_it = cKDTree(line)
        border = min(borders, key=lambda loop: float(on_it.query(mesh.vertices[loop])[0].mean()))
        way = on_line(line[:-1], along_line(mesh.vertices[border], line[:-1])) - mesh.vertices[border]
        distance, nearest = cKDTree(mesh.vertices[border]).query(mesh.vertices)
        moved += np.exp(-0.5 * (distance / FOLLOWING) ** 2)[:, None] * way[nearest]
    return TriangleMesh(moved, mesh.triangles)


def clipped(mesh: TriangleMesh, beyond: Array) -> TriangleMesh:
    """What of a mesh is where values ``[V]`` at its vertices are below 0, triangles across 0 cut."""
    vertices, triangles = mesh.vertices, mesh.triangles
    kept = beyond[triangles] < 0.0
    count = kept.sum(axis=1)
    mixed = np.flatnonzero((count > 0) & (count < 3))
    # turned so that the corner that is alone on its side comes first
    alone = np.where(count[mixed] == 1, kept[mixed].argmax(axis=1), (~kept[mixed]).argmax(axis=1))
    first, second, third = (
        np.take_along_axis(triangles[mixed], (alone[:, None] + k) % 3, axis=1)[:, 0] for k in range(3)
    )
    edges = np.concatenate([np.stack([first, second], axis=1), np.stack([first, third], axis=1)])
    distinct, place = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True)
    share = beyond[distinct[:, 0]] / (beyond[distinct[:, 0]] - beyond[distinct[:, 1]])
    share = share.clip(LEAST_CUT, 1.0 - LEAST_CUT)[:, None]
    new = vertices[distinct[:, 0]] * (1.0 - share) + vertices[distinct[:, 1]] * share
    ahead, behind = (len(vertices) + half for half in np.split(place.ravel(), 2))
    single = count[mixed] == 1
    pieces = [
        triangles[count == 3],
        np.stack([first, ahead, behind], axis=1)[single],
        np.stack([ahead, second, third], axis=1)[~single],
        np.stack([ahead, third, behind], axis=1)[~single],
    ]
    return TriangleMesh(np.concatenate([vertices, new]), np.concatenate(pieces))


def joined(mesh: TriangleMesh) -> TriangleMesh:
    """A mesh without edges of no length: the ends of one shorter than ``SHORTEST`` become one vertex.

    Vertices in one place that no edge joins stay two: a border that touches itself is still one border.
    """
    edges = igl.edges(mesh.triangles)
    short = np.linalg.norm(mesh.vertices[edges[:, 0]] - mesh.vertices[edges[:, 1]], axis=1) < SHORTEST
    first, place = np.unique(
        connected_pieces(edges[short], len(mesh.vertices)), return_index=True, return_inverse=True
    )[1:]
    triangles = place[mesh.triangles]
    whole = (triangles != np.roll(triangles, 1, axis=1)).all(axis=1)
    return TriangleMesh(mesh.vertices[first], triangles[whole])


def reached_from(point: Array, mesh: TriangleMesh) -> TriangleMesh:
    """The connected piece of a mesh that is nearest to a point ``[3]``."""
    triangles = mesh.triangles
    pieces = connected_pieces(igl.edges(triangles), len(mesh.vertices))
    used_at_all = np.unique(triangles)
    nearest = used_at_all[np.linalg.norm(mesh.vertices[used_at_all] - point, axis=1).argmin()]
    kept = triangles[pieces[triangles[:, 0]] == pieces[nearest]]
    used, place = np.unique(kept, return_inverse=True)
    return TriangleMesh(mesh.vertices[used], place.reshape(-1, 3))
