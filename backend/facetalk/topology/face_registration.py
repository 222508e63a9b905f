"""Finding our face in another head's surface: identity, the little it differs from rest in pose, place and size.

Iterated closest points from the face to the surface, all unknowns at once: distances to tangent planes are linear in
them, so a step is one small system (as for morphable models: Amberg, Romdhani, Vetter, CVPR 2007). Where
``head/fitting.py`` asks the field of our head about every point of a scan, this asks nothing of any field: it takes a
second. What no identity of ours can follow, the template follows afterwards (``surface_landing``).
"""

from dataclasses import dataclass

import igl
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from facetalk.errors import UserError
from facetalk.head.alignment import LANDMARK_STEPS, NOT_A_FACE, NOT_A_FACE_BY_LANDMARKS
from facetalk.head.head import IDENTITY_SIGMA, MILLIMETRES, UNITS_PER_METRE
from facetalk.head.meshing import TriangleMesh
from facetalk.head.registration import CONVINCING, Registration, find_face
from facetalk.head.rest_surface import RestSurface
from facetalk.head.scan import Scan
from facetalk.head.scan_landmarks import from_landmarks
from facetalk.head.similarity import Similarity
from facetalk.topology.face_model import POSE_SIZE, REST_POSE, FaceModel
from facetalk.topology.mesh_shape import triangulated
from facetalk.topology.meshed_surface import MeshedSurface

Array = NDArray[np.float64]

SEARCH_SAMPLES = 40_000
STEPS, FIELD_STEPS = 30, 8  # in all, and after how many of them the pose's fields are those of the new identity
WIDTHS = (12.0, 1.5)  # mm of the robust kernel, at the first step and from three quarters on
PRIORS = (1.0, 0.15)  # mm^2, of a typical shape code, likewise

POSE_PRIOR = np.array([0.02, 0.05, 0.3, 0.3])  # mm^2, of a pose that is one away from rest
FACING = 0.5  # cosine between the normals of a match, at least
HUMAN_SIZES = (0.5, 2.0)  # of the mean head: what is beyond is in other units
FLOOR = 0.02  # head units above the surface's lowest point: there its box cuts it


@dataclass(frozen=True)
class RegisteredFace:
    """Our face as it lies in a surface.

    Attributes:
        shape: shape code ``[S]``.
        pose: ``[POSE_SIZE]``.
        transform: from the surface's space to ours.
        residual: of the outer skin to the surface, root mean square of what was matched, mm.
    """

    shape: Array
    pose: Array
    transform: Similarity
    residual: float


def register_face(
    model: FaceModel, mesh: TriangleMesh, generator: np.random.Generator, landmarks: dict[str, Array] | None = None
) -> RegisteredFace:
    """Find our face in the surface of another head.

    Args:
        model: of our template.
        mesh: of the surface, in the units of its head.
        generator: chooses points of it, and turns to try.
        landmarks: positions on it by name (``scan_landmarks.LANDMARKS``), or None to find the face without.

    Raises:
        UserError: there is no face in it, or it is in other units than heads are.
    """
    surface = MeshedSurface.of(mesh)
    start = place_face(model, mesh, generator, landmarks)
    search = _Search(model, surface, start)
    for step in range(STEPS):
        search.take_step(step)
    return search.found()


def place_face(
    model: FaceModel, mesh: TriangleMesh, generator: np.random.Generator, landmarks: dict[str, Array] | None
) -> Similarity:
    """The transform that brings a surface onto our mean face at rest; arguments and errors of ``register_face``.

    Heads of the NPHM family are where ours is: that is tried first, then every place, turn and size.
    """
    scan = Scan(mesh.vertices / UNITS_PER_METRE, mesh.triangles).sample(SEARCH_SAMPLES, generator)
    none = np.zeros(model.head.shape_size)
    skin = model.skin(none, REST_POSE, model.pose_fields(none))
    normals = np.nan_to_num(igl.per_vertex_normals(skin, triangulated(model.quads)))
    registration = Registration(RestSurface(model.mean, skin, normals), scan, generator)
    if landmarks is None:
        start = Similarity(np.eye(3), UNITS_PER_METRE, np.zeros(3))
    else:
        start = from_landmarks({name: place / UNITS_PER_METRE for name, place in landmarks.items()})
    ((transform, cost),) = registration.refine([start], LANDMARK_STEPS)
    if landmarks is None and cost > CONVINCING:
        transform, cost = min((transform, cost), find_face(registration, "m", generator), key=lambda each: each[1])
    if cost > (NOT_A_FACE if landmarks is None else NOT_A_FACE_BY_LANDMARKS):
        point = "say where it is with `facetalk head land BUNDLE --landmarks FILE`"
        remedy = point if landmarks is None else "check the landmarks' positions"
        raise UserError(
            f"No face is found on this head: after the best alignment its surface lies {cost:.1f} mm from the mean "
            f"face, where a face lies 1 to 3 mm from it; {remedy}, or import the head again."
        )
    size = UNITS_PER_METRE / transform.scale
    if not HUMAN_SIZES[0] < size < HUMAN_SIZES[1]:
        raise UserError(
            f"The face on this head is {size:.2g} times as large as a person's: heads are in FLAME's metres times "
            f"{UNITS_PER_METRE:g}; check that the checkpoint and its anchors are those that were released."
        )
    return Similarity(transform.rotation, transform.scale / UNITS_PER_METRE, transform.translation)


class _Search:
    """Where the search has got to."""

    def __init__(self, model: FaceModel, surface: MeshedSurface, start: Similarity) -> None:
        self.model, self.surface, self.transform = model, surface, start
        self.shape, self.pose = np.zeros(model.head.shape_size), REST_POSE.copy()
        self.triangles = triangulated(model.quads)
        self.middle = model.mean.mean(axis=0)
        self.residual = float("inf")

    def take_step(self, step: int) -> None:
        if step % FIELD_STEPS == 0:
            self.pose_fields = self.model.pose_fields(self.shape)
        progress = min(1.0, step / (0.75 * STEPS))
        width, prior = (first + (last - first) * progress for first, last in (WIDTHS, PRIORS))
        skin = self.model.skin(self.shape, self.pose, self.pose_fields)
        places, normals, weight = self._matches(skin, width)
        height = ((places - skin) * normals).sum(axis=1)
        self.residual = float(np.sqrt((weight * height**2).sum() / weight.sum()) * MILLIMETRES)
        system = self._system(places, normals)
        weighted = system * weight[:, None] * (MILLIMETRES**2 / weight.sum())
        stiffness = self._stiffness(prior)
        away = np.concatenate([self.shape, self.pose - REST_POSE, np.zeros(7)])
        solution = np.linalg.solve(weighted.T @ system + np.diag(stiffness), weighted.T @ height - stiffness * away)
        self._move(solution)

    def found(self) -> RegisteredFace:
        return RegisteredFace(self.shape, self.pose, self.transform, self.residual)

    def _matches(self, skin: Array, width: float) -> tuple[Array, Array, Array]:
        """Points of the surface ``[N, 3]`` for points of the skin, their normals ``[N, 3]``, and weights ``[N]``."""
        surface = self.surface.moved(self.transform)
        own = np.nan_to_num(igl.per_vertex_normals(skin, self.triangles))
        places, normals = surface.nearest(skin, own)
        distance = np.linalg.norm(places - skin, axis=1) * MILLIMETRES
        # Geman and McClure (1987): hair and shoulders, many widths away, do not pull.
        weight = 1.0 / (1.0 + (distance / width) ** 2) ** 2
        seen = ((own * normals).sum(axis=1) > FACING) & (skin[:, 1] > surface.points[:, 1].min() + FLOOR)
        return places, normals, weight * seen

    def _system(self, places: Array, normals: Array) -> Array:
        """How heights over the tangent planes change with the unknowns ``[N, S + POSE_SIZE + 7]``."""
        shape = np.einsum("knc,nc->nk", self.model.identity_fields[: len(self.shape)], normals)
        pose = np.einsum("knc,nc->nk", self.pose_fields, normals)
        arm = places - self.middle
        growth = (arm * normals).sum(axis=1, keepdims=True)
        return np.concatenate([shape, pose, -np.cross(arm, normals), -normals, -growth], axis=1)

    def _stiffness(self, prior: float) -> Array:
        size = len(self.shape)
        return np.concatenate([np.full(size, prior / IDENTITY_SIGMA**2 / size), POSE_PRIOR, np.full(7, 1e-6)])

    def _move(self, solution: Array) -> None:
        size = len(self.shape)
        self.shape = self.shape + solution[:size]
        self.pose = self.pose + solution[size : size + POSE_SIZE]
        motion = solution[-7:]
        turn, growth = Rotation.from_rotvec(motion[:3]).as_matrix(), float(np.exp(motion[6]))
        shift = self.middle + motion[3:6] - growth * turn @ self.middle
        self.transform = self.transform.followed_by(Similarity(turn, growth, shift))
