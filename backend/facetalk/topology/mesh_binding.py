"""Binding a mesh of the user's own to the head that was fitted to it.

Every vertex is given the canonical point of the fitted identity on which it rests. Posing these says how far each has
gone, and that is added to the mesh's own neutral shape. What is a ball or a tooth moves as one body.
"""

from dataclasses import dataclass

import igl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.errors import UserError
from facetalk.head.head import Head
from facetalk.head.similarity import Similarity
from facetalk.topology.mesh_shape import triangulated
from facetalk.topology.polygon_mesh import PolygonMesh
from facetalk.topology.proxy_surface import LOWER, UPPER, Place, ProxySurface, lips_told_apart
from facetalk.topology.rigid_parts import make_rigid, rigid_parts
from facetalk.topology.template import Template
from facetalk.topology.wrap import wrap

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

RIGID_PARTS = ("eyeballs", "upper_teeth", "lower_teeth")
PARTS = ("skin", *RIGID_PARTS, "mouth")
LARGEST_BODY = 0.35  # head units (9 cm): what is larger is no row of teeth
BODY_WITHIN = 0.02  # head units (5 mm) from a part on average, within which a piece is one
FOLLOWS, STAYS = 0.06, 0.16  # head units (15 and 40 mm) off the head: what is nearer moves with it, what is farther not
MOUTH_REACH = 0.12  # head units (3 cm) from the lips within which upper and lower are told apart
MOVING_LIMIT = 300_000  # vertices that move; the fields of each take a kilobyte
TURNED_INWARDS = 0.5  # share of the face's vertices whose normals point inwards, from which on all are said to
FACE_REACH = 0.04  # head units from the skin within which vertices' normals are compared with its own


@dataclass(frozen=True)
class MeshBinding:
    """How a mesh hangs on a fitted head.

    Attributes:
        code: identity code ``[I]``.
        transform: from the mesh's units and axes to head space.
        moving: vertices that follow the head ``[M]``; all others stay.
        canonical: the points they rest on ``[M, 3]``, head units.
        parts: of these ``[M]``, in the head's order.
        mobility: share of its displacement that each makes ``[M]``.
        body: which rigid body each belongs to ``[M]``; -1 where none.
        inside_out: whether the mesh's faces point inwards.
    """

    code: Tensor
    transform: Similarity
    moving: Indices
    canonical: NDArray[np.float32]
    parts: Indices
    mobility: NDArray[np.float32]
    body: Indices
    inside_out: bool


def bind_mesh(head: Head, template: Template, mesh: PolygonMesh, code: Tensor, transform: Similarity) -> MeshBinding:
    """Bind a mesh to the identity that was fitted to it.

    Args:
        head: the head.
        template: the default one: its groups know the jaw.
        mesh: neutral, lips closed or nearly so.
        code: identity code ``[I]``.
        transform: from the mesh to head space, at rest.

    Raises:
        UserError: nothing of the mesh is near the head, or too much of it.
    """
    proxy = _Proxy(head, template, code)
    points, triangles = transform.apply(mesh.vertices), mesh.agreeing()
    normals = np.nan_to_num(igl.per_vertex_normals(points, triangles))
    inside_out = proxy.inside_out(points, normals)
    normals = -normals if inside_out else normals
    part, body = _pieces(points, triangles, proxy)
    edges = igl.edges(triangles)
    canonical, share = np.zeros_like(points), np.zeros(len(points))
    for index, name in enumerate(PARTS):
        own = np.flatnonzero(part == index)
        if len(own):
            place, surface, rest = proxy.locate(name, points, normals, edges, own)
            canonical[own] = place
            share[own] = surface * (1.0 - _smooth((rest - FOLLOWS) / (STAYS - FOLLOWS)))
    share[body >= 0] = 1.0
    moving = np.flatnonzero((share > 0.0) & (part >= 0))
    if not len(moving):
        raise UserError("Nothing of the mesh lies near the head that was fitted to it: check its landmarks.")
    if len(moving) > MOVING_LIMIT:
        raise UserError(f"The mesh's head has {len(moving):,} vertices, more than {MOVING_LIMIT:,}: decimate it.")
    number = np.array([head.parts.index(name) for name in PARTS])
    return MeshBinding(
        code=code,
        transform=transform,
        moving=moving,
        canonical=canonical[moving].astype(np.float32),
        parts=number[part[moving]],
        mobility=share[moving].astype(np.float32),
        body=body[moving],
        inside_out=inside_out,
    )


class BoundMesh:
    """A bound mesh, ready to be posed by any number of codes.

    Args:
        head: the head.
        neutral: the mesh's vertices ``[V, 3]`` in its own units and axes.
        binding: of these.
    """

    def __init__(self, head: Head, neutral: Array, binding: MeshBinding) -> None:
        self._neutral, self._binding = neutral, binding
        self._points = head.prepare(
            torch.from_numpy(binding.canonical),
            torch.from_numpy(binding.parts),
            binding.code.to(head.device),
            torch.from_numpy(binding.mobility),
        )
        self._bodies = [np.flatnonzero(binding.body == body) for body in range(int(binding.body.max(initial=-1)) + 1)]
        self._rest = self._posed(torch.zeros(1, head.expression_size, device=head.device))[0]

    def pose(self, expressions: Tensor) -> NDArray[np.float32]:
        """Vertices ``[T, V, 3]`` in the mesh's own units and axes, for codes ``[T, E]``."""
        binding, posed = self._binding, self._posed(expressions)
        own = binding.transform.apply(self._neutral[binding.moving])
        moved = own + (posed - self._rest)
        for body in self._bodies:
            moved[:, body] = _carried(own[body], self._rest[body], posed[:, body])
        vertices = np.repeat(self._neutral[None], len(moved), axis=0)
        vertices[:, binding.moving] = binding.transform.apply_inverse(moved.reshape(-1, 3)).reshape(moved.shape)
        return np.ascontiguousarray(vertices, dtype=np.float32)

    def _posed(self, expressions: Tensor) -> Array:
        return np.asarray(self._points.pose(expressions).points.double().cpu().numpy())


class _Proxy:
    """The default template on the fitted identity: canonical and at rest."""

    def __init__(self, head: Head, template: Template, code: Tensor) -> None:
        landed = torch.from_numpy(wrap(head, code, template)).to(head.device)
        parts = torch.from_numpy(template.parts.astype(np.int64))
        points = head.prepare(landed, parts, code, torch.from_numpy(template.mobility))
        still = torch.zeros(1, head.expression_size, device=head.device)
        rest = make_rigid(points.pose(still).points, rigid_parts(template, landed))[0]
        self._canonical, self._rest = (each.double().cpu().numpy() for each in (landed, rest))
        self._mobility = template.mobility.astype(np.float64)
        below = np.zeros(len(self._rest), dtype=np.bool_)
        below[np.concatenate([template.groups["jaw"], template.groups["lip_lower"]])] = True
        self._lips = self._rest[np.concatenate([template.groups["lip_upper"], template.groups["lip_lower"]])]
        quads = template.quads.astype(np.int64)
        part = template.parts[quads[:, 0]]
        triangles = {name: triangulated(quads[part == head.parts.index(name)]) for name in PARTS}
        self.surfaces = {name: ProxySurface(self._rest, own) for name, own in triangles.items()}
        corners = below[triangles["skin"]]
        # Faces in between, at the corners of the mouth, belong to both lips.
        self._upper = ProxySurface(self._rest, triangles["skin"][~corners.all(axis=1)])
        self._lower = ProxySurface(self._rest, triangles["skin"][corners.any(axis=1)])

    def inside_out(self, points: Array, normals: Array) -> bool:
        """Whether normals ``[N, 3]`` of most points ``[N, 3]`` near the skin point against it."""
        skin = self.surfaces["skin"]
        squared, triangle, _ = igl.point_mesh_squared_distance(points, skin.vertices, skin.triangles)
        near = squared < FACE_REACH**2
        if not near.any():
            return False
        outward = igl.per_face_normals(skin.vertices, skin.triangles, np.zeros(3))[triangle[near]]
        return bool(((outward * normals[near]).sum(axis=1) < 0.0).mean() > TURNED_INWARDS)

    def locate(
        self, name: str, points: Array, normals: Array, edges: Indices, own: Indices
    ) -> tuple[Array, Array, Array]:
        """Canonical places ``[K, 3]`` of points ``own [K]`` on a part, its mobility there, and how far they are."""
        if name != "skin":
            return self._read(self.surfaces[name], self.surfaces[name].closest(points[own], normals[own]))
        near = np.zeros(len(points), dtype=np.bool_)
        near[own] = _distance_to(points[own], self._lips) < MOUTH_REACH
        sides = lips_told_apart(points, edges, self._upper, self._lower, normals, near)
        canonical, mobility, distance = self._read(
            self.surfaces["skin"], self.surfaces["skin"].closest(points[own], normals[own])
        )
        for side, surface in ((UPPER, self._upper), (LOWER, self._lower)):
            of_side = np.flatnonzero(near[own] & (sides[own] == side))
            if len(of_side):
                found = self._read(surface, surface.closest(points[own][of_side], normals[own][of_side]))
                canonical[of_side], mobility[of_side], distance[of_side] = found
        return canonical, mobility, distance

    def _read(self, surface: ProxySurface, place: Place) -> tuple[Array, Array, Array]:
        corners = surface.triangles[place.triangle]
        canonical = np.einsum("nk,nkd->nd", place.weights, self._canonical[corners])
        return canonical, (place.weights * self._mobility[corners]).sum(axis=1), place.distance


def _pieces(points: Array, triangles: Indices, proxy: _Proxy) -> tuple[Indices, Indices]:
    """The part that every vertex belongs to ``[V]``, -1 where no face is, and its rigid body ``[V]``, -1 where none."""
    labels = np.asarray(igl.facet_components(triangles)[1]).ravel()
    part, body = np.full(len(points), -1), np.full(len(points), -1)
    bodies = 0
    largest = int(np.bincount(labels).argmax())
    for label in range(int(labels.max()) + 1):
        piece = np.unique(triangles[labels == label])
        name = "skin" if label == largest else _part_of(points[piece], proxy)
        part[piece] = PARTS.index(name)
        if name in RIGID_PARTS:
            body[piece] = bodies
            bodies += 1
    return part, body


def _part_of(piece: Array, proxy: _Proxy) -> str:
    """The part that a piece of the mesh is nearest to all over; skin if it lies about, such as lashes or hair."""
    if np.linalg.norm(np.ptp(piece, axis=0)) > LARGEST_BODY:
        return "skin"
    distances = {}
    for name, surface in proxy.surfaces.items():
        squared = igl.point_mesh_squared_distance(piece, surface.vertices, surface.triangles)[0]
        distances[name] = float(np.sqrt(squared).mean())
    nearest = min(distances, key=lambda name: distances[name])
    return nearest if distances[nearest] < BODY_WITHIN else "skin"


def _carried(own: Array, rest: Array, posed: Array) -> Array:
    """A body ``[N, 3]`` moved as points that were at ``rest [N, 3]`` and are now at ``posed [T, N, 3]``: ``[T, N, 3]``.

    The rotation is the least-squares one (Kabsch, Acta Crystallographica A32, 1976).
    """
    before, middle = rest - rest.mean(axis=0), posed.mean(axis=1, keepdims=True)
    left, _, right = np.linalg.svd(np.einsum("ni,tnj->tij", before, posed - middle))
    handed = np.ones((len(posed), 3, 1))
    handed[:, 2, 0] = np.sign(np.linalg.det(left @ right))
    turn = left @ (handed * right)
    return np.asarray((own - rest.mean(axis=0)) @ turn + middle)


def _distance_to(points: Array, others: Array) -> Array:
    low, high = others.min(axis=0), others.max(axis=0)
    return np.linalg.norm(np.maximum(np.maximum(low - points, points - high), 0.0), axis=1)


def _smooth(share: Array) -> Array:
    share = np.clip(share, 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))
