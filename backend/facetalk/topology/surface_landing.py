"""Landing the template on a head that is only a signed distance: no warp carries it there, but it has a face.

Our own head is found in the surface first (``face_registration``), and the template lies on that. Then its outer skin
follows the surface, ever less stiffly, and settles on it. What the surface has none of, or none to be trusted
(eyeballs, teeth, the inside of the mouth), rides along.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import igl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.errors import UserError
from facetalk.head.head_surface import head_surface
from facetalk.head.parametric_head import ParametricHead
from facetalk.head.similarity import Similarity
from facetalk.topology.borrowed_parts import ride
from facetalk.topology.face_model import SKIN, FaceModel, renumbered
from facetalk.topology.face_registration import FLOOR, register_face
from facetalk.topology.mesh_shape import crossing_faces, triangulated, turned_over
from facetalk.topology.meshed_surface import MeshedSurface
from facetalk.topology.quad_relaxation import LEAST_GRADIENT, part_surface
from facetalk.topology.surface_fit import fit_to_surface, umbrella
from facetalk.topology.tensor_cache import TensorCache, digest

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
Progress = Callable[[str, float], None]
"""Called with what is being done (``surface``, ``face``, ``settle``) and the fraction done; may raise to cancel."""

FORMAT = "landed template 1"  # part of every digest: what is landed otherwise is another one
RESOLUTION = 128  # of the mesh that is followed at first: 2 mm cells; then the field itself is asked
STIFFNESS = (1e5, 1e4, 1e3)  # bending weights after the mesh, one after the other
SOFT_STIFFNESS = (100.0, 10.0, 1.0, 1.0)  # after the field
FOLLOWED = 0.03  # head units (7.5 mm) that the skin may go to follow the surface; what is farther off is hair
FACING = 0.5  # cosine between the normals of skin and surface
PROJECTIONS = 2  # Newton steps at the end
SETTLING = 0.0012  # head units (0.3 mm) that these may move a vertex; what is farther off rides along
ROUNDS = 8  # of letting go of what tangles


@dataclass(frozen=True)
class LandedTemplate:
    """A template on one identity of a head, in its canonical pose and units.

    Attributes:
        vertices: ``[V, 3]``.
        fitted: where our own head alone would put them ``[V, 3]``.
        settled: which lie on the surface ``[V]``; others ride along.
        shape: the shape code of our head that is most like it ``[S]``.
        transform: from the head's space to ours.
        residual: of our head to the surface, mm.
    """

    vertices: Array
    fitted: Array
    settled: Flags
    shape: Array
    transform: Similarity
    residual: float

    def describe(self) -> str:
        """How well it lies, one sentence for people."""
        return (
            f"Our own head follows this face to {self.residual:.2f} mm; {int(self.settled.sum()):,} vertices of the "
            "template's skin lie on its surface, and the others ride along."
        )

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name, to be kept."""
        transform = self.transform
        numbers = np.concatenate([[self.residual, transform.scale], transform.translation, transform.rotation.ravel()])
        arrays = {"vertices": self.vertices, "fitted": self.fitted, "settled": self.settled, "shape": self.shape}
        return {name: torch.from_numpy(array) for name, array in (arrays | {"numbers": numbers}).items()}

    @classmethod
    def of_tensors(cls, tensors: dict[str, Tensor]) -> "LandedTemplate":
        """A landed template from its ``tensors``."""
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        residual, scale, *rest = arrays.pop("numbers").tolist()
        transform = Similarity(np.reshape(rest[3:], (3, 3)), scale, np.array(rest[:3]))
        return cls(**arrays, transform=transform, residual=residual)


def landed_once(
    cache: TensorCache,
    content: Sequence[str],
    head: ParametricHead,
    identity: Tensor,
    model: FaceModel,
    landmarks: dict[str, Array] | None = None,
    progress: Progress | None = None,
) -> LandedTemplate:
    """``land``, unless it was done before.

    Args:
        cache: where landed templates are kept.
        content: what makes both heads what they are, such as their manifests.
        head, identity, model, progress: see ``land``.
        landmarks: see ``land``; where there are any it is done again, and kept for those who have none.

    Raises:
        UserError: see ``land``.
    """
    template = [torch.from_numpy(array) for array in (model.template.vertices, model.template.quads)]
    key = digest([FORMAT, *content, *template, identity])
    kept = cache.load(key) if landmarks is None else None
    if kept is not None:
        return LandedTemplate.of_tensors(kept)
    landed = land(head, identity, model, landmarks, progress)
    cache.store(key, landed.tensors())
    return landed


def land(
    head: ParametricHead,
    identity: Tensor,
    model: FaceModel,
    landmarks: dict[str, Array] | None = None,
    progress: Progress | None = None,
) -> LandedTemplate:
    """Land a template on an identity of a head.

    Args:
        head: any parametric head; its first part is the skin.
        identity: code ``[I]``.
        model: of the template, on our own head.
        landmarks: positions on the head by name (``scan_landmarks.LANDMARKS``), or None to find the face without.
        progress: told how far it is.

    Raises:
        UserError: the head has no surface, no face is found on it, or it is in other units than heads are.
    """
    report = progress or _silent
    mesh = head_surface(head, identity, resolution=RESOLUTION, progress=lambda fraction: report("surface", fraction))
    if not len(mesh.vertices):
        raise UserError("This head has no surface: its field has no zero within its box; import the head again.")
    report("face", 0.0)
    face = register_face(model, mesh, np.random.default_rng(0), landmarks)
    report("settle", 0.0)
    surface = MeshedSurface.of(mesh).moved(face.transform)
    settling = _Settling(model, surface, partial(_field, head, identity, face.transform))
    fitted = model.whole(face.shape, face.pose)
    vertices, settled = fitted.copy(), np.zeros(len(fitted), np.bool_)
    vertices[settling.skin], settled[settling.skin] = settling.settle(fitted[settling.skin])
    vertices = ride(model, fitted, vertices)
    report("settle", 1.0)
    back = face.transform.apply_inverse
    return LandedTemplate(back(vertices), back(fitted), settled, face.shape, face.transform, face.residual)


class _Settling:
    """The outer skin on its way to a surface; all in our head's space.

    Args:
        model: of the template.
        surface: the mesh of the head's surface.
        field: signed distances ``[N]`` and gradients ``[N, 3]`` of points ``[N, 3]``.
    """

    def __init__(self, model: FaceModel, surface: MeshedSurface, field: Callable[[Array], tuple[Array, Array]]) -> None:
        self.skin = np.flatnonzero(model.template.parts == SKIN)
        self.quads = renumbered(model.template.quads, self.skin)
        self.free = ~np.isin(self.skin, model.outer)  # the lining of mouth and sockets, and what let go: it rides
        self.laplacian = umbrella(self.quads, len(self.skin))
        self.surface, self.field = surface, field
        self.floor = surface.points[:, 1].min() + FLOOR

    def settle(self, fitted: Array) -> tuple[Array, Flags]:
        """The skin ``[K, 3]`` on the surface, from where it was fitted, and which vertices lie there ``[K]``."""
        for _ in range(ROUNDS):
            near = fit_to_surface(fitted, self.laplacian, self._on_mesh, list(STIFFNESS))
            landed = fit_to_surface(near, self.laplacian, self._on_field, list(SOFT_STIFFNESS))
            landed, settled = self._projected(landed)
            tangled = self._tangled(landed)
            if self.free[tangled].all():
                break
            self.free[tangled] = True
        return landed, settled

    def _on_mesh(self, vertices: Array) -> tuple[Array, Array]:
        normals = self._normals(vertices)
        places, facing = self.surface.nearest(vertices, normals)
        height = ((vertices - places) * facing).sum(axis=1)
        near = np.linalg.norm(vertices - places, axis=1) < FOLLOWED
        pull = near & ((normals * facing).sum(axis=1) > FACING) & self._inside(vertices)
        return vertices - height[:, None] * facing, pull.astype(np.float64)

    def _on_field(self, vertices: Array) -> tuple[Array, Array]:
        target, pull = vertices.copy(), np.zeros(len(vertices))
        asked = np.flatnonzero(self._inside(vertices))
        step, direction = self._newton(vertices[asked])
        target[asked] -= step[:, None] * direction
        facing = (self._normals(vertices)[asked] * direction).sum(axis=1) > FACING
        pull[asked] = facing & (np.abs(step) < FOLLOWED)
        return target, pull

    def _projected(self, vertices: Array) -> tuple[Array, Flags]:
        """Vertices that are all but there moved onto the field's zero, and which these are ``[K]``."""
        moved, settled = vertices.copy(), self._inside(vertices)
        asked = np.flatnonzero(settled)
        for _ in range(PROJECTIONS):
            step, direction = self._newton(moved[asked])
            moved[asked] -= step[:, None] * direction
        settled[asked] = np.linalg.norm(moved[asked] - vertices[asked], axis=1) < SETTLING
        return np.where(settled[:, None], moved, vertices), settled

    def _newton(self, points: Array) -> tuple[Array, Array]:
        """How far the zero is from points ``[N, 3]``, ``[N]``, against which direction ``[N, 3]``."""
        distance, gradient = self.field(points)
        length = np.maximum(np.linalg.norm(gradient, axis=1), LEAST_GRADIENT)
        return distance / length, gradient / length[:, None]

    def _inside(self, vertices: Array) -> Flags:
        """What may be drawn to the surface: below the floor the box of the field has cut it."""
        return ~self.free & (vertices[:, 1] > self.floor)

    def _tangled(self, vertices: Array) -> Indices:
        """Vertices of quads that go through others or are turned over, and of those around them ``[N]``."""
        crossing, turned = crossing_faces(vertices, self.quads), np.flatnonzero(turned_over(vertices, self.quads))
        bad = np.unique(self.quads[np.concatenate([crossing, turned])])
        known = self.free[bad].all()  # letting go of them alone did not do
        return np.unique(self.quads[np.isin(self.quads, bad).any(axis=1)]) if known else bad

    def _normals(self, vertices: Array) -> Array:
        return np.nan_to_num(igl.per_vertex_normals(vertices, triangulated(self.quads)))


def _field(head: ParametricHead, identity: Tensor, transform: Similarity, points: Array) -> tuple[Array, Array]:
    """Distances ``[N]`` of points ``[N, 3]`` in our head's space to the skin of another, and gradients ``[N, 3]``."""
    places = torch.from_numpy(transform.apply_inverse(points)).to(head.box)
    distance, gradient = (each.double().cpu().numpy() for each in part_surface(head, identity, SKIN)(places))
    return transform.scale * distance, gradient @ transform.rotation.T


def _silent(what: str, fraction: float) -> None:
    del what, fraction
